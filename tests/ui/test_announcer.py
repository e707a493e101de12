from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.recording import duration_s, encode, payloads
from firmware.events import CallChanged
from firmware.events.services import Announced, Hush, Said, Say
from firmware.model import CallState, CallView
from firmware.ui.announcer import LATE_S, Announcer, prompts_of, text_of
from firmware.ui.font import FontName, font
from firmware.ui.prompts import LANGUAGES, language_of, sound_of, texts_of
from tests.world import sine

BYTES_MAX = 1_500_000  # of all prompts together


def heard(announcer: Announcer) -> list[np.ndarray]:
    frames = []
    while (frame := announcer.frame()) is not None:
        frames.append(frame)
    return frames


def test_prompt_is_heard_and_shown_to_its_end() -> None:
    announcer = Announcer("DE")
    shown = announcer.handle(Say(("emergency",)), 10.0)
    assert shown == [Announced(texts_of("de")["emergency"])]
    lasts_s = duration_s(sound_of("de", "emergency"))
    assert announcer.deadline_s() == pytest.approx(10.0 + lasts_s + LATE_S)
    frames = heard(announcer)
    assert len(frames) * 0.02 == pytest.approx(lasts_s)
    assert max(np.abs(frame).max() for frame in frames) > 5000
    assert announcer.on_time(10.0 + lasts_s) == []
    assert announcer.on_time(10.0 + lasts_s + LATE_S) == [Said()]
    assert announcer.deadline_s() is None


def test_what_is_interrupted_fades_and_is_not_told_as_said() -> None:
    announcer = Announcer("DE")
    announcer.handle(Say(("emergency",)), 0.0)
    for _ in range(20):
        announcer.frame()
    assert announcer.handle(Hush(), 0.4) == [Announced("")]
    rest = heard(announcer)
    assert len(rest) == 1
    assert not rest[0][80:].any()
    assert abs(int(rest[0][79])) < 50
    assert announcer.deadline_s() is None
    assert announcer.on_time(9.0) == []


def test_handset_put_down_hushes() -> None:
    announcer = Announcer("DE")
    announcer.handle(Say(("emergency",)), 0.0)
    announcer.handle(CallChanged(CallView(CallState.IDLE)), 0.5)
    assert announcer.deadline_s() is None


def test_new_words_take_the_place_of_the_old_ones() -> None:
    announcer = Announcer("DE")
    announcer.handle(Say(("emergency",)), 0.0)
    announcer.handle(Say(("5",)), 0.5)
    assert announcer.deadline_s() == pytest.approx(0.5 + duration_s(sound_of("de", "5")) + LATE_S)


def test_recording_follows_the_words() -> None:
    announcer = Announcer("US")
    recording = encode(sine(700.0, 320 * i) for i in range(25))
    announcer.handle(Say(("beep",), recording), 0.0)
    expected = len(payloads(sound_of("en", "beep"))) + 25
    assert len(heard(announcer)) == expected


def test_numbers_and_times_are_spoken_as_people_do() -> None:
    assert prompts_of("=4711", "de") == ["4", "7", "1", "1"]
    assert prompts_of("08:15", "de") == ["8", "clock", "15"]
    assert prompts_of("08:00", "de") == prompts_of("08:00", "en") == ["8", "clock"]
    assert prompts_of("08:05", "en") == ["8", "0", "5"]
    assert text_of("=471108151234", "de") == "4711 0815 1234"
    assert text_of("08:15", "de") == "08:15"


def test_both_languages_have_the_same_prompts_and_each_its_sound() -> None:
    assert set(texts_of("de")) == set(texts_of("en"))
    size_bytes = 0
    for language in LANGUAGES:
        for name in [*texts_of(language), *map(str, range(60)), "beep"]:
            sound = sound_of(language, name)
            assert duration_s(sound) > 0.2, (language, name)
            size_bytes += len(sound)
    assert size_bytes < BYTES_MAX


def test_display_can_show_every_text() -> None:
    small = font(FontName.SMALL)
    for language in LANGUAGES:
        for text in texts_of(language).values():
            assert small.fold(text) == text


def test_german_is_spoken_where_it_is_understood() -> None:
    assert [language_of(country) for country in ("de", "AT", "CH", "US", "FR")] == [
        *("de", "de", "de"),
        *("en", "en"),
    ]
