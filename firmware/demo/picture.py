"""The OLED's memory as a grid of dots, and as a PNG to look at.

Source: SSD1306 data sheet section 8.7 (a byte is eight dots in a column, lowest bit uppermost).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from firmware.model import Picture

Dots = npt.NDArray[np.bool_]  # shape (height, width); True = lit

PNG_SCALE = 4  # a dot is this many pixels wide and high
INK_RGB = (208, 236, 255)  # a white OLED is a little blue
PAPER_RGB = (8, 10, 14)


def from_answer(answer: Mapping[str, Any]) -> Picture:
    """The picture in the control socket's answer to `screen`."""
    return Picture(
        lines=tuple(answer["lines"]),
        pixels=bytes.fromhex(answer["pixels"]),
        width=int(answer["width"]),
        height=int(answer["height"]),
    )


def dots(picture: Picture) -> Dots:
    """The picture as rows of lit and dark dots."""
    pages = np.frombuffer(picture.pixels, dtype=np.uint8).reshape(-1, 1, picture.width)
    rows = np.unpackbits(pages, axis=1, bitorder="little")
    return rows.reshape(picture.height, picture.width).astype(np.bool_)


def write_png(picture: Picture, path: Path) -> None:
    """Save the picture, enlarged."""
    grid = np.kron(dots(picture), np.ones((PNG_SCALE, PNG_SCALE), dtype=np.bool_))
    colours = np.where(grid[..., np.newaxis], INK_RGB, PAPER_RGB).astype(np.uint8)
    Image.fromarray(colours, "RGB").save(path)
