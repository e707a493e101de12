"""Bitmap fonts and icons of the display: loads them once, folds text to what a font can show.

Knows no page and no position. The fonts are Spleen (BSD-2, `fonts/LICENSE`) as glyph sheets, and
our own tall digits and icons as drawings in text files. Units: pixels.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from io import BytesIO

from PIL import Image
from PIL.PngImagePlugin import PngImageFile  # Image.open would load four other formats

CELLS_PER_ROW = 32  # of a glyph sheet
TEXT_MAX = 256  # characters of one text that are looked at; a picture shows 25 in a line
_PLAIN = str.maketrans("‐‑‒–—―’‘‚“”„\N{NO-BREAK SPACE}", "------'''\"\"\" ")


class FontName(StrEnum):
    """The sizes, width by height of the cell; `DIGITS` holds only what a number or time needs."""

    TINY = "5x8"
    SMALL = "6x12"
    NORMAL = "8x16"
    LARGE = "12x24"
    DIGITS = "9x18"


@dataclass(frozen=True, slots=True)
class Font:
    """A font of fixed width; `glyphs` are 1-bit pictures, set where there is ink."""

    width: int
    height: int
    glyphs: Mapping[str, Image.Image]

    def fold(self, text: str) -> str:
        """`text` in characters this font has: accents dropped where it must be, else `?`.

        What comes back is printable and free of control characters, whatever came in.
        """
        composed = unicodedata.normalize("NFC", text[:TEXT_MAX])
        return "".join(self._fold_character(character) for character in composed)

    def fit(self, text: str, width: int) -> str:
        """`text` folded and cut with an ellipsis so that it is at most `width` pixels wide."""
        folded = self.fold(text)
        length = max(width // self.width, 0)
        if len(folded) <= length:
            return folded
        ellipsis = self.fold("…")[:length]
        return folded[: length - len(ellipsis)].rstrip() + ellipsis

    def _fold_character(self, character: str) -> str:
        if character in self.glyphs:
            return character
        plain = unicodedata.normalize("NFKD", character).translate(_PLAIN)
        return "".join(c for c in plain if c in self.glyphs) or "?"


@cache
def font(name: FontName) -> Font:
    """The font of this name, loaded at its first use."""
    width, height = (int(part) for part in name.split("x"))
    if name is FontName.DIGITS:
        return Font(width, height, _drawings(f"digits-{name}.txt"))
    characters = "".join(_read(_CHARACTERS).decode().splitlines())
    sheet = PngImageFile(BytesIO(_read(f"spleen-{name}.png"))).convert("1")
    glyphs: dict[str, Image.Image] = {}
    for index, character in enumerate(characters):
        row, column = divmod(index, CELLS_PER_ROW)
        left, top = column * width, row * height
        glyph = sheet.crop((left, top, left + width, top + height))
        if character == " " or glyph.getbbox() is not None:
            glyphs[character] = glyph
    if name is FontName.TINY:
        glyphs |= _drawings(f"umlauts-{name}.txt")
    return Font(width, height, glyphs)


@cache
def icons() -> Mapping[str, Image.Image]:
    """The icons by name, 16 by 16 pixels each."""
    return _drawings("icons.txt")


_CHARACTERS = "characters.txt"


def _drawings(file: str) -> dict[str, Image.Image]:
    """Pictures drawn in text: `= NAME`, then a line per row, `#` for ink."""
    rows: dict[str, list[str]] = {}
    for line in _read(file).decode().splitlines():
        if line.startswith("= "):
            current = rows.setdefault(line[2:], [])
        else:
            current.append(line)
    return {name: _drawing(drawing) for name, drawing in rows.items()}


def _drawing(rows: list[str]) -> Image.Image:
    picture = Image.new("1", (len(rows[0]), len(rows)))
    picture.putdata([pixel == "#" for row in rows for pixel in row])
    return picture


def _read(file: str) -> bytes:
    return resources.files(__package__).joinpath("fonts", file).read_bytes()
