"""Delays that are known beforehand are found again."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from firmware.demo.actor import CALLEE, CALLER
from firmware.demo.measure import (
    cut,
    delays,
    find,
    quality,
    read_wav,
    seconds_of_speech,
    tone_onset,
)
from firmware.errors import CommandError
from firmware.model import SAMPLE_RATE_HZ
from tests.demo.sounds import after, babble, tone, write_wav


@pytest.mark.parametrize("delay", [0, 1, 319, 16_000, 123_457])
def test_delay_of_speech_in_a_recording_is_found_to_the_sample(delay: int) -> None:
    spoken = babble(3, seed=1)
    match = find(spoken, after(delay, spoken))
    assert match.delay_samples == delay
    assert match.likeness > 0.999


def test_delay_is_found_behind_louder_tones_and_under_noise() -> None:
    spoken = babble(4, seed=2)
    noise = np.random.default_rng(3).normal(0.0, 300.0, len(spoken)).astype(np.int16)
    heard = np.concatenate([tone(2.0), spoken // 4 + noise, tone(2.0)])
    assert find(spoken, heard).delay_samples == 2 * SAMPLE_RATE_HZ


def test_recording_that_began_after_the_speech_has_a_negative_delay() -> None:
    spoken = babble(4, seed=4)
    assert find(spoken, spoken[5000:]).delay_samples == -5000


def test_other_words_are_not_like_those_spoken() -> None:
    assert abs(find(babble(3, seed=5), babble(3, seed=6)).likeness) < 0.2


def test_silence_matches_nothing() -> None:
    silent = np.zeros(SAMPLE_RATE_HZ, dtype=np.int16)
    assert find(babble(1, seed=7), silent).likeness == 0.0
    assert find(silent, babble(1, seed=7)).likeness == 0.0
    assert find(silent[:0], silent).likeness == 0.0


def test_delay_that_grows_in_the_middle_is_seen_second_by_second() -> None:
    spoken = babble(6, seed=8)
    half = 3 * SAMPLE_RATE_HZ
    gap = np.zeros(320, dtype=np.int16)
    heard = after(1000, np.concatenate([spoken[:half], gap, spoken[half:]]))
    found = delays(spoken, heard, find(spoken, heard).delay_samples)
    assert found == [1000, 1000, 1000, 1320, 1320, 1320]


def test_seconds_that_were_not_heard_have_no_delay() -> None:
    spoken = babble(4, seed=9)
    heard = spoken.copy()
    heard[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ] = 0
    assert seconds_of_speech(spoken) == 4
    assert delays(spoken, heard, 0) == [0, 0, 0]


def test_pauses_are_no_seconds_of_speech() -> None:
    spoken = babble(4, seed=10)
    spoken[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ] //= 100
    assert seconds_of_speech(spoken) == 3
    assert seconds_of_speech(spoken[:100]) == 0


@pytest.mark.parametrize("begin", [0, 1000, 16_001])
def test_tone_is_found_where_it_begins_behind_other_sounds(begin: int) -> None:
    other = tone(3.0, hz=697.0)[: 8000 + begin]
    sound = np.concatenate([tone(1.0), other, tone(1.0)])
    found = tone_onset(sound, 425.0, SAMPLE_RATE_HZ)
    assert found is not None
    assert 0 <= SAMPLE_RATE_HZ + len(other) - found <= 0.006 * SAMPLE_RATE_HZ


def test_tone_that_sounds_already_begins_at_once() -> None:
    assert tone_onset(tone(1.0), 425.0, -5) == 0
    assert tone_onset(tone(1.0), 425.0, 1234) == 1234


def test_speech_silence_and_other_tones_are_not_the_tone() -> None:
    silent = np.zeros(SAMPLE_RATE_HZ, dtype=np.int16)
    for sound in (read_wav(CALLER.speech), silent, tone(1.0, hz=480.0), silent[:10]):
        assert tone_onset(sound, 425.0, 0) is None


def test_cut_outside_the_sound_is_silent() -> None:
    sound = np.array([1, 2, 3], dtype=np.int16)
    assert cut(sound, -1, 5).tolist() == [0, 1, 2, 3, 0]
    assert cut(sound, 1, 1).tolist() == [2]
    assert cut(sound, 7, 2).tolist() == [0, 0]
    assert cut(sound, -9, 2).tolist() == [0, 0]


def test_wav_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    sound = babble(1, seed=11)
    write_wav(tmp_path / "x.wav", sound)
    assert np.array_equal(read_wav(tmp_path / "x.wav"), sound)


def test_wav_file_that_is_missing_broken_or_of_another_rate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF????WAVE")
    with wave.open(str(tmp_path / "narrow.wav"), "wb") as file:
        file.setframerate(8000)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(b"\0\0")
    for name in ("missing.wav", "broken.wav", "narrow.wav"):
        with pytest.raises(CommandError, match=name):
            read_wav(tmp_path / name)


@pytest.mark.parametrize("role", [CALLER, CALLEE], ids=lambda role: role.name)
def test_speech_of_the_demo_is_ten_seconds_of_healthy_level(role: object) -> None:
    assert role in (CALLER, CALLEE)
    speech = read_wav(CALLER.speech if role == CALLER else CALLEE.speech)
    assert 10 <= len(speech) / SAMPLE_RATE_HZ <= 12
    assert seconds_of_speech(speech) >= 10
    assert 3000 < int(np.abs(speech.astype(np.int32)).max()) < 32767  # neither faint nor clipped
    assert abs(float(speech.mean())) < 20  # no direct current


def test_quality_of_speech_compared_with_itself_is_the_best_there_is() -> None:
    pytest.importorskip("pesq")
    speech = read_wav(CALLER.speech)
    wideband, narrowband = (
        quality(speech, speech, wideband=True),
        quality(speech, speech, wideband=False),
    )
    assert wideband is not None and wideband > 4.6
    assert narrowband is not None and narrowband > 4.5


def test_quality_of_silence_is_unknown() -> None:
    pytest.importorskip("pesq")
    silent = np.zeros(2 * SAMPLE_RATE_HZ, dtype=np.int16)
    assert quality(silent, silent, wideband=True) is None
