"""What the demo shows while it runs: both OLEDs live in a terminal, or plain lines without one.

Drawing is pure (`draw`); only `LiveView` and `PlainView` write, to the stream they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

import numpy as np

from firmware.demo.picture import Dots, dots
from firmware.model import Picture

GAP = "  "  # between the two OLEDs
SPARE_ROWS = 3  # above the OLEDs: at least the last events stay in sight
HALF_BLOCKS = " ▀▄█"  # index: 1 = upper dot lit, 2 = lower
BRAILLE = 0x2800  # Unicode: dots 1-2-3-7 are the left column of a cell, 4-5-6-8 the right
BRAILLE_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
TEXT_COLUMNS, TEXT_ROWS = 34, 4

Clock = Callable[[], float]
Size = Callable[[], tuple[int, int]]  # columns, rows


class View(Protocol):
    """The audience of the demo."""

    is_live: bool  # wants to see the OLEDs all the time, not only at the great moments

    def tell(self, text: str) -> None:
        """Something happened."""

    def show(self, pictures: Sequence[Picture]) -> None:
        """The OLEDs look like this now."""


class PlainView:
    """One line for each thing that happens, with its time; the OLEDs as the text they show."""

    is_live = False

    def __init__(self, stream: TextIO, clock: Clock, titles: Sequence[str]) -> None:
        self._stream = stream
        self._clock = clock
        self._started_s = clock()
        self._titles = titles
        self._pictures: tuple[Picture, ...] = ()

    def tell(self, text: str) -> None:
        """Write the line at once, also into a pipe."""
        self._stream.write(self._line(text))
        self._stream.flush()

    def show(self, pictures: Sequence[Picture]) -> None:
        """Write what each OLED shows, if it changed."""
        for index, (title, picture) in enumerate(zip(self._titles, pictures, strict=True)):
            if self._pictures[index : index + 1] != (picture,):
                lines = (line.strip() for line in picture.lines)
                self.tell(f"    OLED of {title}: " + " | ".join(line for line in lines if line))
        self._pictures = tuple(pictures)

    def _line(self, text: str) -> str:
        return f"{self._clock() - self._started_s:8.3f} s  {text}\n"


class LiveView(PlainView):
    """The lines scroll by above; both OLEDs stay below and change in place."""

    is_live = True

    def __init__(self, stream: TextIO, clock: Clock, titles: Sequence[str], size: Size) -> None:
        super().__init__(stream, clock, titles)
        self._size = size
        self._drawn_rows = 0

    def tell(self, text: str) -> None:
        """Write the line above the OLEDs."""
        columns, _ = self._size()
        self._redraw(self._line(text).rstrip("\n")[:columns] + "\n")

    def show(self, pictures: Sequence[Picture]) -> None:
        """Draw the OLEDs over the last ones, if they changed."""
        if tuple(pictures) != self._pictures:
            self._pictures = tuple(pictures)
            self._redraw("")

    def _redraw(self, above: str) -> None:
        erase = f"\x1b[{self._drawn_rows}F\x1b[J" if self._drawn_rows else ""
        rows = draw(self._pictures, self._titles, *self._size()) if self._pictures else []
        self._drawn_rows = len(rows)
        self._stream.write(erase + above + "".join(row + "\n" for row in rows))
        self._stream.flush()


def draw(pictures: Sequence[Picture], titles: Sequence[str], columns: int, rows: int) -> list[str]:
    """Both OLEDs as lines of text, as fine as a terminal of this size allows.

    Half blocks need about 260 columns, braille 134 (or 66 with one OLED below the other); in a
    smaller terminal the lines of text that the OLED shows stand for the picture.
    """
    for paint in (half_blocks, braille):
        boxes = _framed(pictures, titles, paint)
        for drawing in (_side_by_side(boxes), _stacked(boxes)):
            if max(map(len, drawing)) <= columns and len(drawing) + SPARE_ROWS <= rows:
                return drawing
    texts = _framed(pictures, titles, _text)
    beside = _side_by_side(texts)
    drawing = beside if max(map(len, beside)) <= columns else _stacked(texts)
    return [line[:columns] for line in drawing[: max(rows - 1, 0)]]


def half_blocks(picture: Picture) -> list[str]:
    """Two dots in a character, one above the other: 128 columns, 32 rows."""
    grid = dots(picture)
    cells = grid[0::2].astype(np.uint8) + 2 * grid[1::2].astype(np.uint8)
    return ["".join(HALF_BLOCKS[cell] for cell in row) for row in cells]


def braille(picture: Picture) -> list[str]:
    """Eight dots in a character, two beside and four above each other: 64 columns, 16 rows."""
    cells = _braille_cells(dots(picture))
    return ["".join(chr(BRAILLE + int(cell)) for cell in row) for row in cells]


def _braille_cells(grid: Dots) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    height, width = grid.shape
    cells = np.zeros((height // 4, width // 2), dtype=np.int64)
    for down, bits in enumerate(BRAILLE_BITS):
        for right, bit in enumerate(bits):
            cells += bit * grid[down::4, right::2]
    return cells


def _text(picture: Picture) -> list[str]:
    lines = [*picture.lines, *[""] * (TEXT_ROWS - len(picture.lines))]
    return [f" {line}"[:TEXT_COLUMNS].ljust(TEXT_COLUMNS) for line in lines]


def _framed(
    pictures: Sequence[Picture], titles: Sequence[str], paint: Callable[[Picture], list[str]]
) -> list[list[str]]:
    return [_frame(paint(picture), title) for picture, title in zip(pictures, titles, strict=True)]


def _frame(lines: Sequence[str], title: str) -> list[str]:
    width = max(map(len, lines), default=TEXT_COLUMNS)
    head = f"─ {title} "[:width].ljust(width, "─")
    return [f"┌{head}┐", *(f"│{line}│" for line in lines), f"└{'─' * width}┘"]


def _side_by_side(boxes: Sequence[Sequence[str]]) -> list[str]:
    height = max(len(box) for box in boxes)
    padded = [[*box, *[" " * len(box[0])] * (height - len(box))] for box in boxes]
    return [GAP.join(row) for row in zip(*padded, strict=True)]


def _stacked(boxes: Sequence[Sequence[str]]) -> list[str]:
    return [line for box in boxes for line in box]
