"""Bitmap fonts and icons of the display: loads them once, folds text to what a font can show.

Knows no page and no position. The fonts are Spleen (BSD-2, `fonts/LICENSE`) as glyph sheets, and
our own tall digits and icons as drawings in text files. Units: pixels.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from PIL import Image

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
    drawn = _drawings(f"umlauts-{name}.txt") if name is FontName.TINY else {}
    sheet = _picture(_read(f"spleen-{name}.pbm"))
    return Font(width, height, _Sheet(sheet, width, height, characters, drawn))


@cache
def icons() -> Mapping[str, Image.Image]:
    """The icons by name, 16 by 16 pixels each."""
    return _drawings("icons.txt")


class _Sheet(Mapping[str, Image.Image]):
    """Glyphs that are cut out of their sheet when they are first drawn: most never are."""

    def __init__(
        self,
        sheet: Image.Image,
        width: int,
        height: int,
        characters: str,
        drawn: dict[str, Image.Image],
    ) -> None:
        self._sheet, self._width, self._height = sheet, width, height
        self._cut = drawn
        self._cells = {
            character: index
            for index, character in enumerate(characters)
            if character == " " or self._cell(index).getbbox() is not None
        }

    def __getitem__(self, character: str) -> Image.Image:
        if character not in self._cut:
            self._cut[character] = self._cell(self._cells[character])
        return self._cut[character]

    def __contains__(self, character: object) -> bool:
        return character in self._cut or character in self._cells

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells | self._cut)

    def __len__(self) -> int:
        return len(self._cells | self._cut)

    def _cell(self, index: int) -> Image.Image:
        row, column = divmod(index, CELLS_PER_ROW)
        left, top = column * self._width, row * self._height
        return self._sheet.crop((left, top, left + self._width, top + self._height))


_CHARACTERS = "characters.txt"


def _picture(pbm: bytes) -> Image.Image:
    """A portable bitmap, whose three lines need none of Pillow's readers, and their memory."""
    kind, size, pixels = pbm.split(b"\n", 2)
    assert kind == b"P4"
    width, height = map(int, size.split())
    return Image.frombytes("1", (width, height), pixels, "raw", "1;I")


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
