"""Whole multiples of 16 kHz to 16 kHz and back, for sound cards that know only their own rate.

Knows no card. Streams: any number of samples that is a multiple of `factor`, with the memory of
what came before. Flat to 7 kHz, 50 dB down from 8.4 kHz; delays by 1.5 ms.
Units: samples; float inside, signed 16 bit outside. Source: windowed sinc with Kaiser window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FACTOR_MAX = 12  # 192 kHz
_TAPS_PER_PHASE = 48
_CUT_OFF_HZ, _RATE_HZ = 7700.0, 16_000.0
_KAISER_BETA = 4.5

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]


class ToWideband:
    """`factor` x 16 kHz to 16 kHz."""

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
