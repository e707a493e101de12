"""Rendering: golden pictures, legible text, nothing cut or overflowing."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from firmware.model import CallState, CallView, EndReason, Picture
from firmware.ui.font import FontName, font
from firmware.ui.pages import Page, page
from firmware.ui.render import HEIGHTS, render
from tests.ui.cases import CASES, PEER, READY
from tests.ui.images import image_of
from tests.ui.paint_pictures import PICTURES, paint

Bits = npt.NDArray[np.bool_]


def test_every_page_equals_its_golden_picture_to_the_pixel() -> None:
    painted = paint()
    assert {path.name for path in PICTURES.glob("*.png")} == set(painted)
    for file, image in painted.items():
        with Image.open(PICTURES / file) as golden:
            assert np.array_equal(np.asarray(golden), np.asarray(image)), (
                f"{file} differs; look at it, then run python -m tests.ui.paint_pictures"
            )


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("name", CASES)
def test_every_text_of_a_page_is_legible_on_it(name: str, height: int) -> None:
    picture = render(page(*CASES[name]), height)
    assert picture.lines
    words = [word for line in picture.lines for word in line.split()]
    for word in words:
        assert _can_be_read(_bits(picture), word), f"{word!r} is not on {name}"


@pytest.mark.parametrize("reason", EndReason)
@pytest.mark.parametrize("height", HEIGHTS)
def test_text_of_each_end_reason_is_never_cut(reason: EndReason, height: int) -> None:
    view = CallView(state=CallState.FAILED, digits=PEER, reason=reason)
    wanted = page(view, READY)
    shown = " ".join(render(wanted, height).lines)
    for text in (wanted.title, wanted.body, wanted.banner):
        assert text in shown


@pytest.mark.parametrize("name", [name for name in CASES if "long" not in name])
def test_no_page_without_a_long_name_has_an_ellipsis(name: str) -> None:
    assert not any("…" in line or "..." in line for line in render(page(*CASES[name])).lines)


def test_pixels_are_in_the_order_of_the_display_memory() -> None:
    picture = render(Page(body="."), 64)
    assert len(picture.pixels) == 8 * 128
    image = image_of(picture)
    for y in range(64):
        for x in range(128):
            lit = picture.pixels[(y // 8) * 128 + x] >> (y % 8) & 1
            assert bool(lit) == bool(image.getpixel((x, y)))


def test_inverted_page_is_the_complement_of_the_same_page() -> None:
    plain = _bits(render(Page(icon="bell", title="Call from", large="Müller")))
    dark = _bits(render(Page(icon="bell", title="Call from", large="Müller", inverted=True)))
    assert np.array_equal(plain, ~dark)


def test_empty_page_is_dark_and_has_no_lines() -> None:
    assert render(Page()) == Picture((), bytes(1024))


def test_long_name_is_cut_with_an_ellipsis_at_the_end_of_its_second_line() -> None:
    lines = render(Page(large="Maximiliane Wolkenstein-Rodenegg zu Trostburg")).lines
    assert lines == ("Maximiliane", "Wolkenstein-Rod…")


def test_long_name_without_a_space_is_cut_in_one_line() -> None:
    assert render(Page(large="x" * 300)).lines == ("x" * 15 + "…",)


def test_name_beside_quality_bars_ends_before_them() -> None:
    with_bars = _bits(render(Page(title="M" * 40, level=4)))
    assert not with_bars[:16, 112:116].any()


@pytest.mark.parametrize(
    ("fraction", "lit"), [(-1.0, 0), (0.0, 0), (0.5, 62), (1.0, 124), (9.0, 124)]
)
def test_progress_bar_is_as_long_as_its_fraction(fraction: float, lit: int) -> None:
    row = _bits(render(Page(progress=fraction)))[52]
    assert row[0] and row[127]
    assert int(row[2:126].sum()) == lit


def test_off_hook_page_has_a_place_for_each_of_twelve_digits() -> None:
    row = _bits(render(page(CallView(state=CallState.OFF_HOOK), READY)))[36]
    assert int((row[1:] & ~row[:-1]).sum()) == 12


def test_random_names_and_digits_never_fail_and_leave_only_printable_lines() -> None:
    seed = 815
    source = random.Random(seed)
    for _ in range(400):
        name, digits = _random_text(source), _random_text(source)
        view = CallView(
            state=source.choice(list(CallState)),
            digits=digits,
            peer_number=source.choice(["", digits, PEER]),
            peer_name=name,
            reason=source.choice([None, *EndReason]),
            authentication_digits=digits[:6],
        )
        height = source.choice(HEIGHTS)
        picture = render(page(view, READY), height)
        assert len(picture.pixels) == height * 16, (seed, view)
        assert all(line.isprintable() for line in picture.lines), (seed, view)
        assert 1 <= len(picture.lines) <= 4, (seed, view)


def _random_text(source: random.Random) -> str:
    ranges = ((0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0, 0x110000))
    low, high = source.choice(ranges)
    return "".join(chr(source.randrange(low, high)) for _ in range(source.randrange(50)))


def _bits(picture: Picture) -> Bits:
    return np.asarray(image_of(picture), dtype=np.bool_)


def _can_be_read(picture: Bits, word: str) -> bool:
    """True if `word` stands somewhere, in some font, light on dark or dark on light."""
    for name in FontName:
        face = font(name)
        if set(word) <= set(face.glyphs):
            written = np.hstack([np.asarray(face.glyphs[c], dtype=np.bool_) for c in word])
            # the cell of a digit or umlaut may reach over the edge or a neighbour: only its ink
            rows, columns = np.any(written, axis=1), np.any(written, axis=0)
            ink = written[np.ix_(_span(rows), _span(columns))]
            if ink.shape[1] <= picture.shape[1] and ink.shape[0] <= picture.shape[0]:
                places = np.lib.stride_tricks.sliding_window_view(picture, ink.shape)
                if any(
                    (row == look).all(axis=(1, 2)).any() for row in places for look in (ink, ~ink)
                ):
                    return True
    return False


def _span(used: Bits) -> npt.NDArray[np.intp]:
    indices = np.flatnonzero(used)
    return np.arange(indices[0], indices[-1] + 1)
