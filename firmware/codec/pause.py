"""Does somebody speak, and what does the room sound like while nobody does?

Knows no packet and no time.
Units: frames of 20 ms at 16 kHz in, comfort noise for 8 kHz out; levels as in noise.py.
Source: RFC 3389 section 4 (the description of a room), Levinson and Durbin; thresholds are ours.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from firmware.codec.noise import BACKGROUND_MAX, LEVEL_MAX, ORDER_MAX, ComfortNoise
from firmware.model import SAMPLE_RATE_HZ, Frame

ABOVE_ROOM = 2.0  # 6 dB above the quietest moments somebody speaks
REMEMBERED_FRAMES = 100  # 2 s, in which everybody pauses for a moment
HANGOVER_FRAMES = 12  # 240 ms after a word: its end is soft, and the listener has to hear the room
NOTHING_RMS = 8.0  # 72 dB below full scale: no voice
_FULL_SCALE, _NARROW_HZ = 32768.0, 8_000
Samples = npt.NDArray[np.floating]
_SMOOTH = 0.25  # of a frame, in the description


class Pauses:
    """One direction of one call."""

    def __init__(self, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._step = max(rate_hz // _NARROW_HZ, 1)
        self._hangover = HANGOVER_FRAMES * rate_hz // 50
        self._recent: deque[float] = deque(maxlen=REMEMBERED_FRAMES)
        self._quiet = 0  # samples
        self._correlation = np.zeros(ORDER_MAX + 1)
        self._power = 0.0

    def is_pause(self, frame: Frame) -> bool:
        """Nobody has spoken for HANGOVER_FRAMES; `frame` is listened to."""
        samples = frame.astype(np.float32)
        rms = math.sqrt(float(samples @ samples) / len(samples))
        self._recent.append(rms)
        is_loud = rms > min(max(ABOVE_ROOM * min(self._recent), NOTHING_RMS), BACKGROUND_MAX)
        self._quiet = 0 if is_loud else self._quiet + len(frame)
        if not is_loud:
            self._describe(samples)
        return self._quiet > self._hangover

    def room(self) -> ComfortNoise:
        """What the listener shall hear in the pause."""
        return _room(self._power, self._correlation)

    def _describe(self, samples: Samples) -> None:
        # good enough for the timbre of a room
        narrow = samples[: len(samples) // self._step * self._step]
        narrow = narrow.reshape(-1, self._step).mean(axis=1)
        correlation = _correlation(narrow)
        power = float(correlation[0]) / len(narrow)
        weight = 1.0 if self._power == 0.0 else _SMOOTH
        self._power += weight * (power - self._power)
        self._correlation += weight * (correlation - self._correlation)


def room_of(sound: Frame) -> ComfortNoise:
    """What can be heard in `sound`, in which nobody speaks, at the rate it has."""
    correlation = _correlation(sound.astype(np.float32))
    return _room(float(correlation[0]) / len(sound), correlation)


def _room(power: float, correlation: Samples) -> ComfortNoise:
    rms = math.sqrt(max(power, 1e-3))
    level = round(-20 * math.log10(rms / _FULL_SCALE))
    return ComfortNoise(min(max(level, 0), LEVEL_MAX), _reflections(correlation))


def _correlation(samples: Samples) -> Samples:
    count = len(samples)
    return np.array([samples[lag:] @ samples[: count - lag] for lag in range(ORDER_MAX + 1)])


def _reflections(correlation: Samples) -> tuple[float, ...]:
    """Coefficients of the room's filter; none for digital silence."""
    if correlation[0] < 1.0:
        return ()
    prediction, error = np.array([1.0]), correlation[0] * 1.001
    found = []
    for order in range(1, ORDER_MAX + 1):
        reflection = -float(prediction @ correlation[order : order - len(prediction) : -1]) / error
        reflection = min(max(reflection, -0.95), 0.95)
        longer = np.append(prediction, 0.0)
        prediction = longer + reflection * longer[::-1]
        error *= 1 - reflection * reflection
        found.append(reflection)
    return tuple(found)
