// The OLED as it is: pages of eight rows, the lowest bit uppermost (SSD1306 data sheet, 8.7).
const LIT = [0xbf, 0xe6, 0xff], DARK = [0x04, 0x07, 0x0b];

export function draw(canvas, screen) {
  if (canvas.height !== screen.height) canvas.height = screen.height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(screen.width, screen.height);
  for (let y = 0; y < screen.height; y++) {
    for (let x = 0; x < screen.width; x++) {
      const at = (y >> 3) * screen.width + x;
      const byte = parseInt(screen.pixels.substr(2 * at, 2), 16);
      image.data.set([...(byte >> (y & 7) & 1 ? LIT : DARK), 255], 4 * (y * screen.width + x));
    }
  }
  context.putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", screen.lines.filter(line => line.trim()).join(". "));
}
