"""The way from 16 kHz to 8 kHz and back."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.resample import (
    DELAY_S,
    NARROW_FRAME_SAMPLES,
    Downsampler,
    Upsampler,
    to_int16,
)
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame
from tests.codec.speech import NAMES, delay_samples, frames_of, load_speech


def _sine(frequency_hz: float, rate_hz: int, count: int) -> Frame:
    n = np.arange(count)
    return to_int16(10_000 * np.sin(2 * np.pi * frequency_hz * n / rate_hz))


def _gain_db(heard: Frame) -> float:
    steady = heard[len(heard) // 2 :].astype(float)
    return float(10 * np.log10(np.square(steady).mean() * 2 / 10_000**2 + 1e-12))


def _down(sound: Frame) -> Frame:
    downsampler = Downsampler()
    return np.concatenate([downsampler.convert(frame) for frame in frames_of(sound)])


@pytest.mark.parametrize("frequency_hz", [200, 1000, 3400])
def test_speech_band_passes_down_unchanged(frequency_hz: int) -> None:
    heard = _down(_sine(frequency_hz, SAMPLE_RATE_HZ, 20 * FRAME_SAMPLES))
    assert abs(_gain_db(heard)) < 0.2


@pytest.mark.parametrize("frequency_hz", [4400, 5000, 7500])
def test_sound_above_the_narrow_band_does_not_fold_back(frequency_hz: int) -> None:
    heard = _down(_sine(frequency_hz, SAMPLE_RATE_HZ, 20 * FRAME_SAMPLES))
    assert _gain_db(heard) < -48


@pytest.mark.parametrize("frequency_hz", [200, 1000, 3400])
def test_narrow_sine_comes_up_without_an_image(frequency_hz: int) -> None:
    upsampler = Upsampler()
    narrow = _sine(frequency_hz, 8_000, 20 * NARROW_FRAME_SAMPLES)
    frames = narrow.reshape(-1, NARROW_FRAME_SAMPLES)
    heard = np.concatenate([upsampler.convert(frame) for frame in frames])
    assert abs(_gain_db(heard)) < 0.2
    spectrum = np.abs(np.fft.rfft(heard[FRAME_SAMPLES:] * np.hanning(19 * FRAME_SAMPLES)))
    image = round((8_000 - frequency_hz) / SAMPLE_RATE_HZ * 19 * FRAME_SAMPLES)
    assert spectrum[image - 20 : image + 20].max() < spectrum.max() / 200


def test_both_ways_together_delay_by_what_is_promised() -> None:
    sound = load_speech(NAMES[0])
    downsampler, upsampler = Downsampler(), Upsampler()
    heard = [upsampler.convert(to_int16(downsampler.convert(frame))) for frame in frames_of(sound)]
    assert {frame.shape for frame in heard} == {(FRAME_SAMPLES,)}
    assert delay_samples(sound, np.concatenate(heard)) == round(2 * DELAY_S * SAMPLE_RATE_HZ)


def test_full_scale_is_clipped_and_never_wraps() -> None:
    assert to_int16(np.array([40_000.0, -40_000.0, 0.6])).tolist() == [32767, -32768, 1]
