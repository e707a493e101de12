"""fernruf.toml: tolerant of mistakes, exact about what it understood."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from firmware.errors import ConfigError
from firmware.settings import (
    BROKEN_LINES_MAX,
    LANGUAGES,
    SOUNDS,
    VARIANTS,
    Settings,
    parse_settings,
    print_settings,
    read_name,
    read_password,
)

printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
phrases = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(
    st.builds(
        Settings,
        name=printable,
        country=st.sampled_from(["", "DE", "US"]),
        language=st.sampled_from(["", *LANGUAGES]),
        hardware=st.sampled_from(["", *VARIANTS]),
        sound=st.sampled_from(["", *SOUNDS]),
        ssid=printable.filter(lambda text: 0 < len(text.encode()) <= 32),
        password=st.one_of(st.just(""), phrases),
        hidden=st.booleans(),
    ).filter(lambda settings: len(settings.name.encode()) <= 48)
)
def test_what_is_written_is_what_is_read(settings: Settings) -> None:
    assert parse_settings(print_settings(settings)) == (settings, ())


def test_mistakes_are_told_and_the_rest_is_used() -> None:
    text = """
[box]
name = "Oma"
country = "Deutschland"
language = "en"
colour = "red"
[wifi]
ssid = "Home"
password = "short"
"""
    settings, mistakes = parse_settings(text)
    assert settings == Settings(name="Oma", language="en", ssid="Home")
    assert [mistake.partition(":")[0] for mistake in mistakes] == ["fernruf.toml"] * 3
    for words in ("[box] country", "[wifi] password", "[box] colour"):
        assert any(words in mistake for mistake in mistakes), mistakes


@pytest.mark.parametrize("text", ["[box", "box = 3\n[wifi]\nssid = 'x'", "\0", "name = 'Oma'"])
def test_file_that_is_no_settings_file_is_told_and_harms_nothing(text: str) -> None:
    settings, mistakes = parse_settings(text)
    assert mistakes
    assert settings in (Settings(), Settings(ssid="x"))


def test_password_may_be_a_phrase_a_key_or_nothing() -> None:
    for good in ("", "12345678", "x" * 63, "0123456789abcdef" * 4):
        assert read_password(good) == good
    for bad in ("1234567", "x" * 64, "pässwörter", "tab\tinside"):
        with pytest.raises(ConfigError):
            read_password(bad)


def test_name_at_its_limit_is_taken_and_above_it_refused() -> None:
    assert read_name("ä" * 24)
    with pytest.raises(ConfigError):
        read_name("ä" * 24 + "x")


def test_mistake_is_told_with_its_line() -> None:
    _, mistakes = parse_settings('[wifi]\nssid = "x"\n\n[box]\n# country\n country = "Deutschland"')
    assert mistakes == ("fernruf.toml:6: [box] country: must be two letters, such as DE",)


def test_line_that_is_not_toml_is_told_and_the_others_are_used() -> None:
    settings, mistakes = parse_settings('[box]\nname = Oma\ncountry = "AT"\nlanguage = "de\n')
    assert settings == Settings(country="AT")
    assert [mistake.split(":")[1] for mistake in mistakes] == ["2", "4"]


def test_file_of_broken_lines_is_given_up_after_some() -> None:
    settings, mistakes = parse_settings("?\n" * (BROKEN_LINES_MAX + 1))
    assert settings == Settings()
    assert len(mistakes) == BROKEN_LINES_MAX + 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = " + "9" * 5000, id="a number with thousands of digits"),
        pytest.param("x = " + "[" * 8000, id="nested lists"),
        pytest.param("x = " + "{x = " * 3000, id="nested tables"),
        pytest.param("[" + "a." * 5000 + "a]", id="a key of thousands of parts"),
        pytest.param('"\\u001b[2J\\u0007" = 1', id="a terminal's commands as key"),
        pytest.param('[box]\n"\\u001b[2J\\u202e" = 1', id="as a section's key"),
        pytest.param('["\\u001b[2J"]', id="as section"),
        pytest.param("\x1b[2J = \x00", id="bare control characters"),
    ],
)
def test_whatever_is_on_the_card_is_told_in_printable_words_and_the_box_starts(text: str) -> None:
    settings, mistakes = parse_settings(text)
    assert settings == Settings()
    assert mistakes
    assert all(mistake.isprintable() for mistake in mistakes)


def test_file_of_random_bytes_is_no_more_than_mistakes() -> None:
    seed = 20261123
    dice = random.Random(seed)
    words = [
        "[box]",
        "name",
        "=",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "1",
        "e",
        ".",
        "\\u001b",
        "x",
    ]
    for _ in range(400):
        text = "".join(dice.choices(words, k=dice.randrange(60)))
        _, mistakes = parse_settings(text)
        assert all(mistake.isprintable() for mistake in mistakes), f"seed {seed}: {text!r}"
