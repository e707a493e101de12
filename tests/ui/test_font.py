"""Fonts: coverage, folding of what is missing, cutting."""

from __future__ import annotations

import random
import unicodedata

import pytest

from firmware.ui.font import TEXT_MAX, FontName, font, icons

LETTER_FONTS = [name for name in FontName if name is not FontName.DIGITS]


@pytest.mark.parametrize("name", FontName)
def test_glyphs_of_a_font_all_have_its_size(name: FontName) -> None:
    face = font(name)
    sizes = {glyph.size for glyph in face.glyphs.values()}
    assert sizes == {(face.width, face.height)}


@pytest.mark.parametrize("name", LETTER_FONTS)
def test_umlauts_are_in_every_letter_font_and_differ_from_their_letters(name: FontName) -> None:
    face = font(name)
    assert face.fold("äöüÄÖÜß") == "äöüÄÖÜß"
    for umlaut, plain in zip("äöüÄÖÜ", "aouAOU", strict=True):
        assert face.glyphs[umlaut].tobytes() != face.glyphs[plain].tobytes()


@pytest.mark.parametrize("name", LETTER_FONTS)
def test_printable_ascii_has_a_glyph_of_its_own_in_every_letter_font(name: FontName) -> None:
    pictures = {font(name).glyphs[chr(code)].tobytes() for code in range(0x20, 0x7F)}
    assert len(pictures) == 95


def test_digits_are_ten_different_glyphs() -> None:
    face = font(FontName.DIGITS)
    assert len({face.glyphs[digit].tobytes() for digit in "0123456789*#:? "}) == 15


@pytest.mark.parametrize("name", FontName)
def test_character_unknown_to_the_font_is_a_question_mark(name: FontName) -> None:
    assert font(name).fold("漢\x1b\u202e\N{BELL}") == "????"


def test_accent_unknown_to_the_font_is_dropped_from_its_letter() -> None:
    assert font(FontName.TINY).fold("Šárka") == "Sarka"
    assert font(FontName.NORMAL).fold("Šárka Łoś") == "Šárka Łoś"


def test_decomposed_letter_is_composed_before_it_is_looked_up() -> None:
    assert font(FontName.SMALL).fold(unicodedata.normalize("NFD", "Müller")) == "Müller"


def test_typographic_dash_and_quotes_become_plain_ones() -> None:
    assert font(FontName.SMALL).fold("„a“ – b’s\N{NO-BREAK SPACE}c") == '"a" - b\'s c'


def test_text_that_fits_exactly_is_not_cut() -> None:
    assert font(FontName.NORMAL).fit("x" * 16, 128) == "x" * 16


def test_text_one_character_too_long_ends_with_an_ellipsis_within_the_width() -> None:
    assert font(FontName.NORMAL).fit("x" * 17, 128) == "x" * 15 + "…"
    assert font(FontName.SMALL).fit("x" * 22, 128) == "x" * 18 + "..."


def test_no_room_at_all_leaves_no_text() -> None:
    assert font(FontName.NORMAL).fit("Müller", 7) == ""
    assert font(FontName.NORMAL).fit("Müller", -20) == ""
    assert font(FontName.SMALL).fit("Müller", 12) == ".."


def test_text_beyond_the_limit_is_not_looked_at() -> None:
    assert len(font(FontName.NORMAL).fold("x" * (TEXT_MAX + 1))) == TEXT_MAX


def test_folding_random_text_gives_only_characters_with_a_glyph() -> None:
    seed = 4711
    source = random.Random(seed)
    for _ in range(300):
        text = "".join(chr(source.randrange(0x110000)) for _ in range(source.randrange(40)))
        for name in FontName:
            face = font(name)
            assert set(face.fold(text)) <= set(face.glyphs), (seed, name, text)
            assert len(face.fit(text, 128)) * face.width <= 128, (seed, name, text)


def test_icons_are_sixteen_pixels_square_and_have_ink() -> None:
    for name, icon in icons().items():
        assert icon.size == (16, 16), name
        assert icon.getbbox() is not None, name
