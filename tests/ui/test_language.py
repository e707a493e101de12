"""The languages of the display: every text is translated, and every translation has room."""

from __future__ import annotations

import string

import pytest
from PIL import Image

from firmware.config import LANGUAGES
from firmware.ui.language import in_language, texts_of
from firmware.ui.menu.texts import ENGLISH as MENU
from firmware.ui.render import HEIGHTS
from firmware.ui.texts import ENGLISH
from tests.ui import picture_book
from tools.translations import LOCALE, compile_mo, read_po

TITLE_CHARACTERS = 13  # beside an icon
ROW_CHARACTERS = 21


@pytest.fixture(params=[language for language in LANGUAGES if language != "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_text_is_translated_and_no_translation_is_left_over(language: str) -> None:
    messages = read_po((LOCALE / f"{language}.po").read_text(encoding="utf-8"))
    wanted = {*texts_of(ENGLISH), *texts_of(MENU), ""}
    assert wanted - messages.keys() == set() and messages.keys() - wanted == set()


def test_compiled_translations_are_those_of_the_source(language: str) -> None:
    messages = read_po((LOCALE / f"{language}.po").read_text(encoding="utf-8"))
    compiled = (LOCALE / f"{language}.mo").read_bytes()
    assert compiled == compile_mo(messages), "run: python tools/translations.py"


def test_translation_fills_in_what_the_text_does(language: str) -> None:
    for table in (ENGLISH, MENU):
        pairs = zip(texts_of(table), texts_of(in_language(table, language)), strict=True)
        for text, translated in pairs:
            assert _places(text) == _places(translated), text


def test_titles_and_rows_have_room_in_every_language(language: str) -> None:
    for texts in (ENGLISH, in_language(ENGLISH, language)):
        titles = [end.title for end in texts.ends.values()]
        titles += [texts.ready, texts.offline, texts.starting, texts.dial, texts.calling]
        assert [title for title in titles if len(title) > TITLE_CHARACTERS] == []
        rows = [*texts.faults.values(), *texts.stores.values(), *texts.unreachable.values()]
        assert [row for row in rows if len(row) > ROW_CHARACTERS] == []


def test_english_is_what_the_tables_say() -> None:
    assert in_language(ENGLISH, "en") == ENGLISH and in_language(MENU, "en") == MENU


@pytest.mark.parametrize("text", ['msgid "a"\nmsgstr "b"\nmsgid "a"', "msgid a", '"a"', 'msgid "a'])
def test_source_that_is_wrong_names_the_line(text: str) -> None:
    with pytest.raises(SystemExit, match="line"):
        read_po(text)


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("spoken", picture_book.LANGUAGES)
def test_picture_book_shows_the_pages_of_today(spoken: str, height: int) -> None:
    path = picture_book.SHEETS / f"{spoken}-{height}.png"
    with Image.open(path) as shown:
        today = picture_book.sheet(spoken, height)
        assert shown.convert("1").tobytes() == today.tobytes(), (
            "run: python -m tests.ui.picture_book"
        )
    assert (picture_book.DOCS / "pictures.md").read_text(encoding="utf-8") == picture_book.book()


def _places(text: str) -> list[str | None]:
    return [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
