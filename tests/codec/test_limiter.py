"""The ear is protected; speech is not touched."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.limiter import LOUD_RMS, Limiter
from firmware.model import FRAME_SAMPLES, Frame
from tests.codec.speech import NAMES, frames_of, load_speech


def _noise(amplitude: float, frames: int) -> list[Frame]:
    noise = np.random.Generator(np.random.PCG64(3)).uniform(-1, 1, frames * FRAME_SAMPLES)
    return frames_of((amplitude * noise).astype(np.int16))


def _rms(frame: Frame) -> float:
    return float(np.sqrt(np.mean(np.square(frame.astype(np.float64)))))


@pytest.mark.parametrize("name", NAMES)
def test_speech_passes_bit_by_bit(name: str) -> None:
    limiter = Limiter()
    for frame in frames_of(load_speech(name)):
        assert np.array_equal(limiter.limit(frame), frame)


def test_loudest_noise_is_never_louder_than_a_loud_voice() -> None:
    limiter = Limiter()
    for frame in _noise(32_767, 50):
        assert _rms(limiter.limit(frame)) <= LOUD_RMS * 1.001


def test_speech_after_a_shock_is_itself_again_within_a_second() -> None:
    limiter = Limiter()
    for frame in _noise(32_767, 5):
        limiter.limit(frame)
    quiet = _noise(3_000, 50)
    assert np.array_equal([limiter.limit(frame) for frame in quiet][-1], quiet[-1])


def test_nothing_stays_nothing() -> None:
    assert Limiter().limit(np.zeros(0, dtype=np.int16)).shape == (0,)
    assert not Limiter().limit(np.zeros(FRAME_SAMPLES, dtype=np.int16)).any()
