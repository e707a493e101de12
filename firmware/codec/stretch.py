"""Makes speech a little longer or shorter without changing its pitch: whole periods in or out.

Knows no time and no reason: the jitter buffer says how much it wants. A piece is cross-faded into
the piece that resembles it most, one period away; where nothing resembles it, it is left alone,
unless it is quiet, when nobody hears the difference and any length will do.
Units: samples at 16 kHz. Source: WSOLA (Verhelst and Roelands, ICASSP 1993), as in NetEq.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware.codec.resample import to_int16
from firmware.model import Frame

LAG_MIN = 40  # 400 Hz
LAG_MAX = 200  # 80 Hz; a deeper voice is moved by two periods' worth less often
FADED = 100  # samples over which the two pieces are blended
ALIKE_MIN = 0.80  # correlation; below this the ear hears the seam
QUIET = 100.0  # root mean square, 50 dB below full scale: a room in which nobody speaks

Samples = npt.NDArray[np.float32]


def is_quiet(sound: Frame) -> bool:
    """True if nobody hears what is done to it."""
    samples = sound.astype(np.float32)
    return float(samples @ samples) < QUIET * QUIET * max(len(sound), 1)


def shorten(sound: Frame, at_most: int, alike_min: float = ALIKE_MIN) -> Frame:
    """`sound` without one period of at most `at_most` samples; itself if there is none."""
    lag = _lag(sound, at_most, alike_min)
    if not lag:
        return sound
    blended = _blend(sound[:FADED], sound[lag : lag + FADED])
    return np.concatenate([blended, sound[lag + FADED :]])


def lengthen(sound: Frame, at_most: int, alike_min: float = ALIKE_MIN) -> Frame:
    """`sound` with one period of at most `at_most` samples twice; itself if there is none."""
    lag = _lag(sound, at_most, alike_min)
    if not lag:
        return sound
    blended = _blend(sound[lag : lag + FADED], sound[:FADED])
    return np.concatenate([sound[:lag], blended, sound[FADED:]])


def _lag(sound: Frame, at_most: int, alike_min: float) -> int:
    """How far away the beginning of `sound` resembles itself most; 0: nowhere enough."""
    longest = min(at_most, LAG_MAX, len(sound) - FADED)
    if longest < LAG_MIN:
        return 0
    samples = sound.astype(np.float32)
    first = samples[:FADED]
    power = float(first @ first)
    if power < QUIET * QUIET * FADED:
        return longest
    windows = np.lib.stride_tricks.sliding_window_view(samples[LAG_MIN : longest + FADED], FADED)
    powers = np.einsum("ij,ij->i", windows, windows)
    alike = (windows @ first) / np.sqrt(powers * power + 1.0)
    best = int(np.argmax(alike))
    return best + LAG_MIN if alike[best] >= alike_min else 0


def _blend(before: Frame, after: Frame) -> Frame:
    return to_int16(before + (after.astype(np.float32) - before) * _RISING)


_RISING: Samples = np.linspace(0, 1, FADED + 2, dtype=np.float32)[1:-1]
