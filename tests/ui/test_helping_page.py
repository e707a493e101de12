"""The page "helping others"."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.events.network import HelpingFigures
from firmware.ui.helping_page import ENGLISH, HelpingTexts, helping_page, size_text
from firmware.ui.language import in_language
from firmware.ui.render import render

BUSY = HelpingFigures(
    phones=12,
    phones_max=100,
    calls=3,
    calls_max=32,
    carried_bytes=48_250_000,
    limit_bytes_per_s=250_000,
    is_serving=True,
)
FULL_SERVER = HelpingFigures(20_000, 20_000, 4_000, 4_000, 2**50, 50_000_000, is_serving=False)
ROW_CHARACTERS = 21


def test_page_says_how_much_of_each_limit_is_used() -> None:
    shown = helping_page(BUSY)
    assert shown.title == "Helping others"
    assert shown.rows == (
        "phones 12 of 100",
        "calls 3 of 32",
        "carried 48.2 MB",
        "at most 250 kB/s",
    )


def test_box_that_nobody_reaches_rests() -> None:
    assert "rests" in helping_page(replace(BUSY, is_serving=False)).rows[-1]


def test_box_that_may_not_help_says_so() -> None:
    shown = helping_page(None)
    assert shown.body == "This phone helps no others." and not shown.rows


@pytest.mark.parametrize("texts", [ENGLISH, in_language(ENGLISH, "de")])
@pytest.mark.parametrize("figures", [BUSY, FULL_SERVER])
@pytest.mark.parametrize("height", [64, 32])
def test_rows_fit_the_display(figures: HelpingFigures, texts: HelpingTexts, height: int) -> None:
    shown = helping_page(figures, texts)
    assert max(map(len, shown.rows)) <= ROW_CHARACTERS
    assert texts.title in render(shown, height).lines[0]


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (99_949_000, "99.9 MB"),
        (99_950_000, "100 MB"),
        (10**9, "1.0 GB"),
        (2**50, "1126 TB"),
    ],
)
def test_size_is_short(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text
