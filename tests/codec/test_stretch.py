"""Speech a little longer or shorter, in its own pitch."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.stretch import FADED, LAG_MAX, is_quiet, lengthen, shorten
from firmware.model import FRAME_SAMPLES, Frame
from tests.codec.speech import NAMES, frames_of, load_speech


def _hum(frequency_hz: float, samples: int = FRAME_SAMPLES) -> Frame:
    n = np.arange(samples)
    return np.asarray(8_000 * np.sin(2 * np.pi * frequency_hz / 16_000 * n)).astype(np.int16)


def _loudest_hz(sound: Frame) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16_000))
    return float(np.argmax(spectrum))


@pytest.mark.parametrize("frequency_hz", [100, 160, 250, 400])
def test_hum_keeps_its_pitch_and_has_no_seam(frequency_hz: int) -> None:
    steepest = int(np.abs(np.diff(_hum(frequency_hz).astype(int))).max())
    for change in (shorten, lengthen):
        sound = change(_hum(frequency_hz), LAG_MAX)
        assert len(sound) != FRAME_SAMPLES
        assert int(np.abs(np.diff(sound.astype(int))).max()) < 1.2 * steepest
        assert abs(_loudest_hz(sound) - frequency_hz) < 25


def test_change_is_a_whole_number_of_periods() -> None:
    for change in (shorten, lengthen):
        changed = abs(len(change(_hum(200), LAG_MAX)) - FRAME_SAMPLES)
        assert min(changed % 80, 80 - changed % 80) <= 1  # 80 samples are a period of 200 Hz


def test_no_more_is_changed_than_was_wanted() -> None:
    for name in NAMES:
        for at_most in (40, 80, 160):
            for frame in frames_of(load_speech(name))[:200]:
                assert FRAME_SAMPLES - at_most <= len(shorten(frame, at_most)) <= FRAME_SAMPLES
                assert FRAME_SAMPLES <= len(lengthen(frame, at_most)) <= FRAME_SAMPLES + at_most


def test_noise_that_resembles_nothing_is_left_alone() -> None:
    noise = np.random.Generator(np.random.PCG64(1)).normal(0, 3_000, FRAME_SAMPLES)
    sound = noise.astype(np.int16)
    assert np.array_equal(shorten(sound, LAG_MAX), sound)
    assert np.array_equal(lengthen(sound, LAG_MAX), sound)


def test_quiet_room_is_changed_by_exactly_what_is_wanted() -> None:
    room = np.random.Generator(np.random.PCG64(2)).normal(0, 20, FRAME_SAMPLES).astype(np.int16)
    assert is_quiet(room) and not is_quiet(_hum(200))
    for wanted in (40, 97, LAG_MAX):
        assert len(shorten(room, wanted)) == FRAME_SAMPLES - wanted
        assert len(lengthen(room, wanted)) == FRAME_SAMPLES + wanted


def test_piece_too_short_to_compare_is_left_alone() -> None:
    for samples in (0, 1, FADED, FADED + 39):
        sound = _hum(200, samples)
        assert len(shorten(sound, LAG_MAX)) == len(lengthen(sound, LAG_MAX)) == samples
