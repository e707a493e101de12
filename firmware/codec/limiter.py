"""Protects the ear: nothing is louder than a loud voice, whatever was decoded.

Knows no codec. Speech at any usual level passes bit by bit as it was.
Units: samples at 16 kHz. Source: the idea of ITU-T P.360 (acoustic shock); the figures are ours.
"""

from __future__ import annotations

import math

import numpy as np

from firmware.codec.resample import to_int16
from firmware.model import Frame

LOUD_RMS = 32768 * 10 ** (-9 / 20)  # of 20 ms; speech at -20 dB has its loudest at -11
RECOVERY = 1.03  # the gain comes back by so much a frame: 6 dB in half a second


class Limiter:
    """One direction of one call."""

    def __init__(self) -> None:
        self._gain = 1.0

    def limit(self, sound: Frame) -> Frame:
        """`sound`, quieter from its first sample on if it is too loud."""
        samples = sound.astype(np.float32)
        rms = math.sqrt(float(samples @ samples) / max(len(sound), 1))
        needed = min(LOUD_RMS / rms, 1.0) if rms > 0 else 1.0
        if needed >= 1.0 and self._gain >= 1.0:
            return sound
        before, self._gain = self._gain, min(needed, self._gain * RECOVERY, 1.0)
        if needed < before:
            return to_int16(samples * self._gain)  # at once: a shock must not get through
        return to_int16(samples * np.linspace(before, self._gain, len(sound), dtype=np.float32))
