"""Key tones as feedback."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.dtmf import KEY_TONE_FRAMES, KEYS, LEVEL_DBM0, frequencies_hz, key_tone
from firmware.model import FRAME_SAMPLES
from tests.codec.speech import level_dbm0


@pytest.mark.parametrize(
    ("key", "frequencies"),
    [("1", (697, 1209)), ("5", (770, 1336)), ("#", (941, 1477)), ("0", (941, 1336))],
)
def test_key_has_the_frequencies_of_q23(key: str, frequencies: tuple[int, int]) -> None:
    assert frequencies_hz(key) == frequencies


@pytest.mark.parametrize("key", KEYS)
def test_key_tone_is_what_it_says(key: str) -> None:
    frames = key_tone(key)
    assert [frame.shape for frame in frames] == [(FRAME_SAMPLES,)] * KEY_TONE_FRAMES
    sound = np.concatenate(frames)
    spectrum = np.abs(np.fft.rfft(sound, 16_000))  # one line per hertz
    row, column = frequencies_hz(key)
    assert int(np.argmax(spectrum[600:1100])) + 600 == pytest.approx(row, abs=2)
    assert int(np.argmax(spectrum[1100:1800])) + 1100 == pytest.approx(column, abs=2)
    assert level_dbm0(sound[160:-160]) == pytest.approx(LEVEL_DBM0, abs=0.3)


def test_key_tone_begins_and_ends_softly() -> None:
    sound = np.concatenate(key_tone("8")).astype(int)
    assert abs(sound[0]) < 20 and abs(sound[-1]) < 20
