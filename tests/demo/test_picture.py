"""From the control socket's answer to dots and PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from firmware.demo.picture import INK_RGB, PAPER_RGB, PNG_SCALE, dots, from_answer, write_png
from tests.demo.pictures import LINES, picture


def test_picture_comes_back_from_the_answer_of_the_control_socket() -> None:
    original = picture((3, 4), (127, 63))
    answer = {"lines": list(LINES), "pixels": original.pixels.hex(), "width": 128, "height": 64}
    assert from_answer(answer) == original


def test_dots_lie_where_the_data_sheet_puts_them() -> None:
    lit = {(0, 0), (0, 7), (0, 8), (127, 63), (64, 31)}
    grid = dots(picture(*lit))
    assert grid.shape == (64, 128)
    assert {(int(x), int(y)) for y, x in np.argwhere(grid)} == lit


def test_png_has_each_dot_enlarged(tmp_path: Path) -> None:
    write_png(picture((1, 2)), tmp_path / "oled.png")
    with Image.open(tmp_path / "oled.png") as image:
        assert image.size == (128 * PNG_SCALE, 64 * PNG_SCALE)
        assert image.getpixel((1 * PNG_SCALE, 2 * PNG_SCALE)) == INK_RGB
        assert image.getpixel((2 * PNG_SCALE - 1, 3 * PNG_SCALE - 1)) == INK_RGB
        assert image.getpixel((2 * PNG_SCALE, 2 * PNG_SCALE)) == PAPER_RGB
