"""Rates of sound cards to 16 kHz and back, for those that know only their own.

Knows no card. Streams, with the memory of what came before. Flat to 7 kHz, 50 dB down from 8.4 kHz;
delays by 1.5 ms, where a resampler of a library, which works in blocks, would take 20 times that.
Whole multiples of 16 kHz have the faster way.
Units: samples; float inside, signed 16 bit outside. Source: windowed sinc with Kaiser window.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

RATE_MIN_HZ, RATE_MAX_HZ = 8_000, 192_000
RATE_STEP_HZ = 50  # 20 ms are whole samples
_TAPS_PER_PHASE = 48
_CUT_OFF_HZ, _RATE_HZ = 7700.0, 16_000
_PASSED = 0.9625  # of what a slower card can carry
_KAISER_BETA = 4.5

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]


class Converter(Protocol):
    """One direction of one card."""

    def convert(self, sound: Samples) -> Samples:
        """The same sound at the other rate."""


def to_wideband(rate_hz: int) -> Converter:
    """Of a card with this rate, a multiple of RATE_STEP_HZ from RATE_MIN_HZ to RATE_MAX_HZ."""
    factor, rest = divmod(rate_hz, _RATE_HZ)
    return BetweenRates(rate_hz, _RATE_HZ) if rest else ToWideband(factor)


def from_wideband(rate_hz: int) -> Converter:
    """For a card with this rate."""
    factor, rest = divmod(rate_hz, _RATE_HZ)
    return BetweenRates(_RATE_HZ, rate_hz) if rest else FromWideband(factor)


class BetweenRates:
    """Any rate to any other: each sample from what is around its moment."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        self._count = math.ceil(_TAPS_PER_PHASE * from_hz / _RATE_HZ)
        phases = np.arange(self._up)[:, np.newaxis] / self._up
        moments = np.arange(self._count) - (self._count - 1) / 2 - phases
        cut_off_hz = min(_CUT_OFF_HZ, _PASSED * min(from_hz, to_hz) / 2)
        edge = np.maximum(1 - (2 * moments / self._count) ** 2, 0.0)
        taps = np.sinc(2 * cut_off_hz / from_hz * moments) * np.i0(_KAISER_BETA * np.sqrt(edge))
        self._taps: Floats = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        self._memory = np.zeros(self._count - 1, dtype=np.float32)
        self._offset = 0  # of the next sample in `_memory`, in 1/up of a sample

    def convert(self, sound: Samples) -> Samples:
        """As many samples as there is sound for; any number of them."""
        sound_in = np.concatenate([self._memory, sound], dtype=np.float32)
        begins = len(sound_in) - self._count + 1
        count = max((begins * self._up - 1 - self._offset) // self._down + 1, 0)
        moments = self._offset + self._down * np.arange(count)
        windows = np.lib.stride_tricks.sliding_window_view(sound_in, self._count)
        taps = self._taps[moments % self._up]
        converted = np.einsum("ij,ij->i", windows[moments // self._up], taps)
        self._offset += self._down * count - begins * self._up
        self._memory = sound_in[begins:]
        return _rounded(converted)


class ToWideband:
    """`factor` x 16 kHz to 16 kHz; a block is a multiple of `factor` samples."""

    def __init__(self, factor: int) -> None:
        self._factor, self._taps = factor, _low_pass(factor)
        self._memory = np.zeros(len(self._taps) - 1, dtype=np.float32)

    def convert(self, sound: Samples) -> Samples:
        """One sample for each `factor`."""
        if self._factor == 1:
            return sound
        sound_in = np.concatenate([self._memory, sound.astype(np.float32)])
        self._memory = sound_in[len(sound) :]
        windows = np.lib.stride_tricks.sliding_window_view(sound_in, len(self._taps))
        return _rounded(windows[:: self._factor] @ self._taps)


class FromWideband:
    """16 kHz to `factor` x 16 kHz."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        # of each phase its own taps; the factor makes up for the zeros between the samples
        self._phases = factor * _low_pass(factor).reshape(-1, factor).T[:, ::-1]
        self._memory = np.zeros(_TAPS_PER_PHASE - 1, dtype=np.float32)

    def convert(self, sound: Samples) -> Samples:
        """`factor` samples for each."""
        if self._factor == 1:
            return sound
        sound_in = np.concatenate([self._memory, sound.astype(np.float32)])
        self._memory = sound_in[len(sound) :]
        windows = np.lib.stride_tricks.sliding_window_view(sound_in, _TAPS_PER_PHASE)
        return _rounded((windows @ self._phases.T).reshape(-1))


def _low_pass(factor: int) -> Floats:
    count = _TAPS_PER_PHASE * factor
    n = np.arange(count) - (count - 1) / 2
    taps = np.sinc(2 * _CUT_OFF_HZ / (_RATE_HZ * factor) * n) * np.kaiser(count, _KAISER_BETA)
    normalized: Floats = (taps / taps.sum()).astype(np.float32)
    return normalized


def _rounded(sound: npt.NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
