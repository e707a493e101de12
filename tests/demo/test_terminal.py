"""The OLEDs in a terminal: each dot where it belongs, at every size of window."""

from __future__ import annotations

import io

import pytest

from firmware.demo.terminal import LiveView, PlainView, braille, draw, half_blocks
from firmware.model import Picture
from tests.demo.pictures import picture

TITLES = ("Jack", "June")
PAIR = (picture((0, 0), (127, 63)), picture((5, 1)))


def test_half_blocks_show_the_upper_and_the_lower_dot() -> None:
    lines = half_blocks(picture((0, 0), (1, 1), (2, 0), (2, 1), (127, 63)))
    assert len(lines) == 32
    assert {len(line) for line in lines} == {128}
    assert lines[0][:4] == "▀▄█ "
    assert lines[31][127] == "▄"


@pytest.mark.parametrize(
    ("dot", "character"),
    [
        ((0, 0), "⠁"),  # Unicode: dots 1 to 8
        ((0, 1), "⠂"),
        ((0, 2), "⠄"),
        ((1, 0), "⠈"),
        ((1, 1), "⠐"),
        ((1, 2), "⠠"),
        ((0, 3), "⡀"),
        ((1, 3), "⢀"),
    ],
)
def test_braille_shows_each_of_its_eight_dots(dot: tuple[int, int], character: str) -> None:
    lines = braille(picture(dot))
    assert lines[0][0] == character
    assert "".join(lines).count("⠀") == 64 * 16 - 1


def test_braille_of_the_whole_oled_is_64_by_16_characters() -> None:
    lines = braille(picture((127, 63)))
    assert [len(line) for line in lines] == [64] * 16
    assert lines[15][63] == "⢀"


@pytest.mark.parametrize(
    ("columns", "rows", "sign"),
    [
        (262, 40, "▀"),
        (261, 40, "⠁"),  # too narrow for half blocks
        (262, 30, "⠁"),  # too low for half blocks
        (134, 24, "⠁"),
        (100, 40, "⠁"),  # one below the other
        (80, 24, "hello"),
        (40, 30, "hello"),
    ],
)
def test_drawing_is_as_fine_as_the_terminal_allows(columns: int, rows: int, sign: str) -> None:
    drawing = draw(PAIR, TITLES, columns, rows)
    assert any(sign in line for line in drawing)
    for title in TITLES:
        assert any(title in line for line in drawing)


@pytest.mark.parametrize("columns", [1, 20, 66, 80, 134, 300])
@pytest.mark.parametrize("rows", [1, 10, 24, 100])
def test_drawing_never_exceeds_the_terminal(columns: int, rows: int) -> None:
    drawing = draw(PAIR, TITLES, columns, rows)
    assert len(drawing) < max(rows, 2)
    assert all(len(line) <= columns for line in drawing)


def test_plain_view_writes_one_line_for_each_event_with_its_time() -> None:
    stream, times_s = io.StringIO(), iter([100.0, 100.5, 161.25])
    view = PlainView(stream, lambda: next(times_s), TITLES)
    view.tell("lifts")
    view.tell("hangs up")
    assert stream.getvalue() == "   0.500 s  lifts\n  61.250 s  hangs up\n"


def test_plain_view_writes_the_text_of_an_oled_when_it_changed() -> None:
    stream = io.StringIO()
    view = PlainView(stream, lambda: 0.0, TITLES)
    view.show(PAIR)
    assert stream.getvalue().splitlines() == [
        "   0.000 s      OLED of Jack: hello | 4711 0815 1234",
        "   0.000 s      OLED of June: hello | 4711 0815 1234",
    ]
    stream.truncate(stream.seek(0))
    view.show((PAIR[0], Picture(("", "busy "), PAIR[1].pixels)))
    assert stream.getvalue() == "   0.000 s      OLED of June: busy\n"


def test_live_view_draws_over_the_last_picture_and_keeps_the_events_above() -> None:
    stream = io.StringIO()
    view = LiveView(stream, lambda: 0.0, TITLES, lambda: (134, 30))
    view.show(PAIR)
    rows = stream.getvalue().count("\n")
    assert rows == 18  # 16 of braille in a frame
    stream.truncate(stream.seek(0))
    view.tell("June lifts")
    line, *drawing = stream.getvalue().split("\n")
    assert line == f"\x1b[{rows}F\x1b[J   0.000 s  June lifts"
    assert drawing[0].startswith("┌─ Jack ─")


def test_live_view_does_not_draw_the_same_picture_twice() -> None:
    stream = io.StringIO()
    view = LiveView(stream, lambda: 0.0, TITLES, lambda: (134, 30))
    view.show(PAIR)
    drawn = stream.getvalue()
    view.show([Picture(one.lines, one.pixels) for one in PAIR])
    assert stream.getvalue() == drawn


def test_live_view_cuts_long_events_so_that_they_stay_one_row() -> None:
    stream = io.StringIO()
    view = LiveView(stream, lambda: 0.0, TITLES, lambda: (40, 30))
    view.tell("x" * 100)
    assert stream.getvalue() == "   0.000 s  " + "x" * 28 + "\n"
