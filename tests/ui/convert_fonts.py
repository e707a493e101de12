"""Makes `firmware/ui/fonts/spleen-*.pbm` from the PCF files of a release of Spleen.

Run: python -m tests.ui.convert_fonts DIRECTORY, where DIRECTORY holds `spleen-WxH.pcf.gz`.
A picture holds one cell per character, 32 cells a row, in the order of `characters.txt`; a cell
without ink says that this size lacks the character.
"""

from __future__ import annotations

import gzip
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image, PcfFontFile

from firmware.ui.font import CELLS_PER_ROW

SIZES = ((5, 8), (6, 12), (8, 16), (12, 24))
# Between them these hold all letters of the languages written in Latin script in Europe.
CHARSETS = (
    "iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-9 iso8859-10 iso8859-14 iso8859-16 cp1252"
)
TARGET = Path(__file__).parents[2] / "firmware" / "ui" / "fonts"


def convert(source: Path) -> None:
    """Write `characters.txt` and one PBM per size."""
    fonts = {size: _glyphs(source / "spleen-{}x{}.pcf.gz".format(*size)) for size in SIZES}
    characters = sorted({c for glyphs in fonts.values() for c in glyphs if c.isprintable()})
    rows = [
        "".join(characters[i : i + CELLS_PER_ROW]) for i in range(0, len(characters), CELLS_PER_ROW)
    ]
    (TARGET / "characters.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for (width, height), glyphs in fonts.items():
        sheet = Image.new("1", (CELLS_PER_ROW * width, len(rows) * height))
        for index, character in enumerate(characters):
            row, column = divmod(index, CELLS_PER_ROW)
            if character in glyphs:
                sheet.paste(glyphs[character], (column * width, row * height))
        sheet.save(TARGET / f"spleen-{width}x{height}.pbm")


def _glyphs(path: Path) -> dict[str, Image.Image]:
    """The glyphs of one PCF file; Pillow reads it through an 8-bit character set at a time."""
    pcf = gzip.decompress(path.read_bytes())
    glyphs: dict[str, Image.Image] = {}
    for charset in CHARSETS.split():
        table = PcfFontFile.PcfFontFile(BytesIO(pcf), charset).glyph
        for code, entry in enumerate(table):
            if entry is not None:
                glyphs[bytes([code]).decode(charset)] = entry[3]
    return glyphs


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
