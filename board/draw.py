"""Draws the wiring of the three builds and the pin tables: `python board/draw.py [FOLDER]`.

Everything comes from board/handset.toml, by the firmware's own reader, and from the constants of
board/adapter/main.py; a test compares what lies in board/wiring/ with what this draws, so picture,
table and program cannot differ. What not every box has is drawn dashed.
Units: pixels.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

from firmware.handset import (
    I2C_PINS,
    DialWiring,
    Handset,
    LampWiring,
    ShutdownWiring,
    parse_handset,
    pins_of,
)

HERE = Path(__file__).resolve().parent
OPTIONS = {"dial": DialWiring("", 27, 17), "lamp": LampWiring(9), "shutdown": ShutdownWiring(7)}
UART_TX, UART_RX = 14, 15  # of the header, to the adapter

HEADER = (  # what each of the 40 pins is: a BCM number, or power
    "3V3", "5V", 2, "5V", 3, "GND", 4, 14, "GND", 15, 17, 18, 27, "GND", 22, 23, "3V3", 24, 10,
    "GND", 9, 25, 11, 8, "GND", 7, 0, 1, 5, "GND", 6, 12, 13, "GND", 19, 16, 26, 20, "GND", 21,
)  # fmt: skip
PICO = (
    "GP0", "GP1", "GND", "GP2", "GP3", "GP4", "GP5", "GND", "GP6", "GP7", "GP8", "GP9", "GND",
    "GP10", "GP11", "GP12", "GP13", "GND", "GP14", "GP15", "GP16", "GP17", "GND", "GP18", "GP19",
    "GP20", "GP21", "GND", "GP22", "RUN", "GP26", "GP27", "AGND", "GP28", "VREF", "3V3", "3V3_EN",
    "GND", "VSYS", "VBUS",
)  # fmt: skip

ROW, LANE, PIN_WIDTH, BLOCK_WIDTH, TERMINAL = 18, 7, 118, 250, 18
COLOURS = ("#0b6e99", "#b5541c", "#3d7d3f", "#8a3d8f", "#a88300", "#c2185b", "#37474f", "#00796b")
STYLE = (
    "text{font-family:DejaVu Sans,Helvetica,Arial,sans-serif;font-size:11px;fill:#222}"
    ".title{font-size:17px;font-weight:bold}.name{font-weight:bold;font-size:12px}"
    ".note{fill:#555;font-size:10px}.unused{fill:#999}"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A part: its terminals, each with the pin it goes to (None = said by its label alone)."""

    name: str
    terminals: tuple[tuple[str, int | str | None], ...]
    notes: tuple[str, ...] = ()
    optional: bool = False

    @property
    def height(self) -> int:
        """With a line for the name."""
        return 28 + TERMINAL * len(self.terminals) + 13 * len(self.notes)

    @property
    def step(self) -> int:
        """To the next block, in whole rows: then no wire's end lies on another wire's beginning."""
        return -(-(self.height + 10) // ROW) * ROW


@dataclass(slots=True)
class Drawing:
    """Shapes in the order in which they are painted."""

    width: int
    height: int
    shapes: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """One line."""
        self.shapes.append(
            f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """A rectangle."""
        size = f'width="{width:g}" height="{height:g}"'
        self.shapes.append(f'<rect x="{x:g}" y="{y:g}" {size} rx="4" {style}/>')

    def line(self, points: list[tuple[float, float]], colour: str, *, dashed: bool = False) -> None:
        """A wire."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        self.shapes.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
        )

    def svg(self) -> str:
        """The file."""
        head = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
        body = "\n".join(self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {head} height="{self.height}">\n'
            f"<style>{STYLE}</style>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>\n{body}\n</svg>\n'
        )


def draw(title: str, strip_name: str, labels: list[str], ids: list[int | str],
         blocks: list[Block]) -> str:  # fmt: skip
    """A strip of pins on the left, parts on the right, a lane of its own for each wire."""
    places = {pin: row for row, pin in enumerate(ids)}
    ordered = sorted(blocks, key=lambda block: _middle(block, places))
    wires = sum(pin in places for block in blocks for _, pin in block.terminals)
    left, top = 20, 82
    blocks_x = left + PIN_WIDTH + 30 + LANE * wires + 20
    height = top + max(ROW * len(ids), sum(block.step for block in ordered)) + 30
    drawing = Drawing(blocks_x + BLOCK_WIDTH + 20, height)
    drawing.text(left, 28, title, "title")
    grounds = ", ".join(label.split()[0] for label in labels if label.split()[1] == "GND")
    drawing.text(left, 48, f"Dashed: only if you have it. GND: any of the pins {grounds}.", "note")
    drawing.text(left, 70, strip_name, "name")
    used = {pin for block in blocks for _, pin in block.terminals}
    for row, label in enumerate(labels):
        y = top + ROW * row
        fill = "#e8f1f5" if ids[row] in used else "#f6f6f6"
        drawing.box(left, y, PIN_WIDTH, ROW - 2, f'fill="{fill}" stroke="#bbb"')
        drawing.text(left + 6, y + 12, label, "" if ids[row] in used else "unused")
    y, ends = top + 1, []
    for number, block in enumerate(ordered):
        ends += _block(drawing, block, blocks_x, y, COLOURS[number % len(COLOURS)])
        y += block.step
    for lane, (pin, end_y, colour, dashed) in enumerate(
        sorted(ends, key=lambda end: places[end[0]] * ROW + top - end[1])
    ):
        start_y = top + ROW * places[pin] + ROW / 2 - 1
        lane_x = blocks_x - 20 - LANE * lane
        points = [(left + PIN_WIDTH, start_y), (lane_x, start_y), (lane_x, end_y)]
        drawing.line([*points, (blocks_x, end_y)], colour, dashed=dashed)
    return drawing.svg()


def _block(
    drawing: Drawing, block: Block, x: float, y: float, colour: str
) -> list[tuple[int | str, float, str, bool]]:
    dash = ' stroke-dasharray="5 3"' if block.optional else ""
    style = f'fill="#fffdf5" stroke="{colour}" stroke-width="1.5"{dash}'
    drawing.box(x, y, BLOCK_WIDTH, block.height, style)
    drawing.text(x + 10, y + 17, block.name, "name")
    ends = []
    for row, (label, pin) in enumerate(block.terminals):
        at = y + 26 + TERMINAL * row + 8
        drawing.text(x + 14, at + 4, label)
        if pin is not None:
            drawing.shapes.append(f'<circle cx="{x:g}" cy="{at:g}" r="3.5" fill="{colour}"/>')
            ends.append((pin, at, colour, block.optional))
    for row, note in enumerate(block.notes):
        drawing.text(x + 10, y + 26 + TERMINAL * len(block.terminals) + 13 * row + 8, note, "note")
    return ends


def _middle(block: Block, places: dict[int | str, int]) -> float:
    rows = [places[pin] for _, pin in block.terminals if pin in places]
    return sum(rows) / len(rows) if rows else 1e9


def header_blocks(handset: Handset) -> list[Block]:
    """The parts on the GPIO header."""
    hook, keypad, dial = handset.hook, handset.keypad, handset.dial
    open_when = "opens" if hook.lifted_is_high else "closes"
    rows = tuple(
        (f"row {number + 1}: {' '.join(keys)}", pin)
        for number, (pin, keys) in enumerate(zip(keypad.rows, keypad.keys, strict=True))
    )
    columns = tuple((f"column {n + 1}", pin) for n, pin in enumerate(keypad.columns))
    turns: list[tuple[str, int | str | None]] = [("pulse contact (opens)", dial.pulse_pin)]
    turns.append(("off-normal contact", dial.off_normal_pin))
    return [
        Block(
            "Hook switch",
            (("contact", hook.pin), ("other end: GND", None)),
            (f"{open_when} when the handset is lifted;", "1 kΩ in the wire, 100 nF to GND"),
        ),
        Block("Keypad, no diodes needed", rows + columns, ("330 Ω in each wire of a long cable",)),
        Block(
            "Rotary dial",
            (*turns, ("other ends: GND", None)),
            ("instead of a keypad, or beside it",),
            optional=True,
        ),
        Block(
            "Buzzer, active, 3 V",
            (("+", handset.ringer.pin), ("−: GND", None)),
            ("above 10 mA: by a transistor",),
        ),
        *extra_blocks(handset),
    ]


def extra_blocks(handset: Handset) -> list[Block]:
    """What every build may have on the header."""
    data, clock = I2C_PINS[handset.oled.bus]
    size = f"{handset.oled.width}×{handset.oled.height}"
    return [
        Block(
            f"OLED SSD1306 {size}, I2C {handset.oled.address:#04x}",
            (("SDA", data), ("SCL", clock), ("VCC: 3V3, GND: GND", None)),
        ),
        Block("Lamp (LED)", (("470 Ω, then +", handset.lamp.pin), ("−: GND", None)), optional=True),
        Block(
            "Shutdown key",
            (("contact", handset.shutdown.pin), ("other end: GND", None)),
            (f"held for {handset.shutdown.hold_s:g} s",),
            optional=True,
        ),
    ]


def adapter_pins() -> dict[str, int | tuple[int, ...]]:
    """The constants of the adapter's program."""
    found: dict[str, int | tuple[int, ...]] = {}
    for node in ast.parse((HERE / "adapter" / "main.py").read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign):
            continue
        value = ast.literal_eval(node.value)
        target = node.targets[0]
        if isinstance(target, ast.Tuple) and isinstance(value, tuple):
            found |= {ast.unparse(name): int(one)
                      for name, one in zip(target.elts, value, strict=True)}  # fmt: skip
        else:
            found[ast.unparse(target)] = value
    return found


def adapter_blocks(handset: Handset) -> list[Block]:
    """What hangs on the Pico."""
    pins = adapter_pins()
    rows, columns = pins["ROWS"], pins["COLUMNS"]
    assert isinstance(rows, tuple) and isinstance(columns, tuple)
    keys = tuple(
        (f"row {n + 1}: {' '.join(names)}", f"GP{pin}")
        for n, (pin, names) in enumerate(zip(rows, handset.keypad.keys, strict=True))
    )
    return [
        Block(
            "Raspberry Pi, serial line",
            (
                (f"GPIO{UART_RX} (pin {HEADER.index(UART_RX) + 1}), receives", "GP0"),
                (f"GPIO{UART_TX} (pin {HEADER.index(UART_TX) + 1}), sends", "GP1"),
                ("GND: GND", None),
                ("5V: VSYS by a Schottky diode", None),
            ),
            ('or a USB cable for all four: port = "usb"',),
        ),
        Block(
            "SLIC: Silvertel Ag1171 or KS0835F",
            (
                ("SHK, loop current", f"GP{pins['SHK']}"),
                ("RM, ring mode", f"GP{pins['RM']}"),
                ("F/R, polarity", f"GP{pins['FR']}"),
                ("VCC: 5V of its own supply, 1 A", None),
                ("tip, ring: the telephone", None),
                ("VIN, VOUT: the sound card", None),
            ),
            ("72 V while it rings: do not touch tip and ring",),
        ),
        Block(
            "Keypad",
            keys + tuple((f"column {n + 1}", f"GP{pin}") for n, pin in enumerate(columns)),
            ("only if the telephone has none",),
            optional=True,
        ),
        Block(
            "Message lamp (LED)",
            (("470 Ω, then +", f"GP{pins['LAMP']}"), ("−: GND", None)),
            optional=True,
        ),
        Block("OLED display", (("on the Raspberry Pi, as in picture B", None),)),
    ]


def pictures(handset: Handset) -> dict[str, str]:
    """Name of each file, and what it holds."""
    full = replace(handset, **OPTIONS)  # type: ignore[arg-type]  # each by its own name
    pins_of(full)
    ids: list[int | str] = [pin if isinstance(pin, int) else f"{pin} {n}" for n, pin in
                            enumerate(HEADER)]  # fmt: skip
    labels = [f"{n + 1:2}   {f'GPIO{pin}' if isinstance(pin, int) else pin}" for n, pin in
              enumerate(HEADER)]  # fmt: skip
    strip = "GPIO header, pin by pin"
    usb = Block("USB phone", (("any USB socket", None),),
                ("HID telephony, CM109 or Yealink; it brings", "its own sound card"))  # fmt: skip
    sound = Block("Sound card of the handset", (("any USB socket, or an I2S board", None),),
                  ("chosen by its id, see `aplay -L`",))  # fmt: skip
    pico_labels = [f"{n + 1:2}   {name}" for n, name in enumerate(PICO)]
    pico_ids: list[int | str] = [name if name.startswith("GP") else f"{name} {n}"
                                 for n, name in enumerate(PICO)]  # fmt: skip
    return {
        "gpio.svg": draw("Fernruf A: handset and keypad on the GPIO header", strip, labels, ids,
                         [*header_blocks(full), sound]),
        "usb.svg": draw("Fernruf B: a USB phone", strip, labels, ids, [*extra_blocks(full), usb]),
        "adapter.svg": draw("Fernruf C: an analog telephone behind the adapter",
                            "Raspberry Pi Pico, pin by pin", pico_labels, pico_ids,
                            adapter_blocks(full)),
        "pins.md": pin_tables(full),
    }  # fmt: skip


def pin_tables(handset: Handset) -> str:
    """The same as a text."""
    lines = ["# Pins", "", "Drawn by `python board/draw.py` from `handset.toml`; do not edit.", ""]
    tables = (
        ("A: on the GPIO header", header_blocks(handset), True),
        ("B: USB phone", extra_blocks(handset), True),
        ("C: on the Pico of the adapter", adapter_blocks(handset), False),
    )
    for title, blocks, is_header in tables:
        lines += [f"## {title}", "", "| part | terminal | to |", "| --- | --- | --- |"]
        for block in blocks:
            name = f"{block.name} (optional)" if block.optional else block.name
            for label, pin in block.terminals:
                number = "" if pin is None else _place(pin, is_header=is_header)
                lines.append(f"| {name} | {' '.join(label.split())} | {number} |")
        lines.append("")
    return "\n".join(lines)


def _place(pin: int | str, *, is_header: bool) -> str:
    if is_header:
        return f"GPIO{pin}, pin {HEADER.index(pin) + 1}"
    return f"{pin}, pin {PICO.index(str(pin)) + 1}"


def main() -> None:
    """Write all files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "wiring"
    text = (HERE / "handset.toml").read_text(encoding="utf-8")
    for name, content in pictures(parse_handset(text, "board/handset.toml")).items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
