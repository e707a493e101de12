"""Pages of several calls, in both languages: nothing is cut, and each says what can be done."""

from __future__ import annotations

import pytest

from firmware.ui.call_pages import call_page
from firmware.ui.language import in_language
from firmware.ui.pages import page
from firmware.ui.render import HEIGHTS, render
from firmware.ui.texts import ENGLISH, Texts
from tests.ui.call_cases import CASES, READY, shown


@pytest.mark.parametrize("texts", [ENGLISH, in_language(ENGLISH, "de")], ids=["en", "de"])
@pytest.mark.parametrize("name", CASES)
def test_text_of_each_page_is_never_cut(name: str, texts: Texts) -> None:
    wanted = shown(name, texts)
    lines = " ".join(render(wanted).lines)
    for text in (wanted.title, wanted.subject, wanted.body, *wanted.rows, wanted.banner):
        assert text in lines, f"{text!r} in {lines!r}"


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"held"}))  # no room on the small display
def test_each_page_differs_from_the_one_of_the_call_alone(name: str, height: int) -> None:
    assert render(shown(name), height) != render(page(CASES[name], READY), height)


def test_call_alone_keeps_its_page() -> None:
    view = CASES["muted"]
    alone = page(view, READY)
    assert call_page(alone, type(view)()) == alone
