"""Concealment of lost G.711 frames: the last pitch period goes on, and fades out within 60 ms.

Knows no packet: the decoder says frame by frame what was received and what was lost. Adds no delay,
unlike the original, which holds back 3.75 ms for its overlap; we bend the seam instead.
Units: samples at 8 kHz. Source: ITU-T G.711 Appendix I.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware.codec.resample import to_int16
from firmware.model import Frame

_PITCH_MIN, _PITCH_MAX = 40, 120  # 200 Hz to 66 Hz, Appendix I section I.2.3
_CORRELATED = 160  # 20 ms are compared
_HISTORY = _PITCH_MAX + _CORRELATED
_FRAME = 160  # 20 ms
_PERIODS_MAX = 3  # repeating more than one period sounds less like a buzzer
_FLAT = 80  # the first 10 ms keep their level
_FADE = 400  # and the next 50 ms fall to silence
_SMOOTHED = 32  # 4 ms of overlap when speech comes back, as in section I.2.7
_PER_FRAME_SMOOTHED = 32  # and 4 ms more for each further lost frame
_SMOOTHED_MAX = 80

Samples = npt.NDArray[np.float32]


class Concealer:
    """One direction of one call; each frame goes in once, as received or as lost."""

    def __init__(self) -> None:
        self._history = np.zeros(_HISTORY, dtype=np.float32)
        self._concealed = 0  # samples made up since the last received frame
        self._period = np.zeros(_PITCH_MIN, dtype=np.float32)
        self._seam = 0.0

    def received(self, narrow: Frame) -> Frame:
        """`narrow` itself, its beginning blended with the concealment if that came before."""
        heard = narrow
        if self._concealed:
            lost_frames = max(self._concealed // _FRAME, 1)
            smoothed = min(_SMOOTHED + (lost_frames - 1) * _PER_FRAME_SMOOTHED, _SMOOTHED_MAX)
            weight = np.arange(smoothed, dtype=np.float32) / smoothed
            blended = narrow.astype(np.float32)
            blended[:smoothed] *= weight
            blended[:smoothed] += self._continued(smoothed) * (1 - weight)
            heard = to_int16(blended)
            self._concealed = 0
        self._remember(heard)
        return heard

    def lost(self, samples: int) -> Frame:
        """Sound that continues what was heard; silence once the fade is over."""
        if not self._concealed:
            self._find_period()
        made_up = to_int16(self._continued(samples))
        self._concealed = min(self._concealed + samples, _FLAT + _FADE)
        return made_up

    def _remember(self, narrow: Frame) -> None:
        self._history = np.concatenate([self._history, narrow], dtype=np.float32)[-_HISTORY:]

    def _find_period(self) -> None:
        pitch = _pitch(self._history)
        periods = min(_PERIODS_MAX, (_HISTORY - pitch // 4) // pitch)
        length = pitch * periods
        period = self._history[-length:].copy()
        # the end of the loop flows into its beginning: blend with what came before the beginning
        overlap = pitch // 4
        weight = np.arange(overlap, dtype=np.float32) / overlap
        before = self._history[-length - overlap : -length]
        period[-overlap:] = period[-overlap:] * (1 - weight) + before * weight
        self._period = np.roll(period, pitch - length)  # begin with the latest pitch period
        self._seam = float(self._history[-1] - self._history[-1 - pitch])

    def _continued(self, count: int) -> Samples:
        n = np.arange(self._concealed, self._concealed + count)
        bend = self._seam * np.clip(1 - n / _SMOOTHED, 0, 1)
        gain = np.clip(1 - (n - _FLAT) / _FADE, 0, 1)
        level = self._period[n % len(self._period)] + bend
        continued: Samples = (level * gain).astype(np.float32)
        return continued


def _pitch(history: Samples) -> int:
    """The lag of the strongest normalized correlation of the last 20 ms with what was before."""
    recent = history[-_CORRELATED:]
    windows = np.lib.stride_tricks.sliding_window_view(history[:-_PITCH_MIN], _CORRELATED)
    energy = np.einsum("ij,ij->i", windows, windows)
    score = (windows @ recent) / np.sqrt(energy + _CORRELATED)  # 1 per sample: no division by 0
    return _PITCH_MAX - int(np.argmax(score))
