"""Concealment of lost G.711 frames: the voice goes on in its pitch and its timbre, and fades.

A long gap fades into the noise that was behind the voice. Adds no delay, unlike ITU-T G.711
Appendix I, which holds back 3.75 ms.
Knows no packet: the decoder says what was received and what was lost.
Units: samples at 8 kHz. Source: ITU-T G.711 Appendix I (overlap, fading).
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from firmware.codec.noise import Background, ComfortNoise
from firmware.codec.resample import NARROW_FRAME_SAMPLES, to_int16
from firmware.codec.voice import Voice, bridge, history_samples
from firmware.model import Frame

_RATE_HZ = 8_000
_HISTORY = history_samples(_RATE_HZ)
_RECENT_MAX = _HISTORY // 80 + 2  # frames, of 10 ms at least, that are as long as the history
_FLAT = 80  # the first 10 ms keep their level
_FADE = 400  # and the next 50 ms fall to the background
_SMOOTHED = 32  # 4 ms of overlap when speech comes back, as in section I.2.7
_SMOOTHED_MAX = 160  # and 4 ms more for each further lost frame

Samples = npt.NDArray[np.float64]


class Concealer:
    """One direction of one call; each frame goes in once, as received or as lost."""

    def __init__(self) -> None:
        self._recent = deque([np.zeros(_HISTORY, dtype=np.int16)], maxlen=_RECENT_MAX)
        self._background = Background()
        self._room: ComfortNoise | None = None  # as the sender told it, while he pauses
        self._voice: Voice | None = None  # that goes on in the gap
        self._concealed = 0  # samples made up since the last received frame

    def received(self, narrow: Frame) -> Frame:
        """`narrow` itself, its beginning blended with the concealment if that came before."""
        heard = narrow
        if self._voice is not None:
            lost_frames = max(self._concealed // NARROW_FRAME_SAMPLES, 1)
            smoothed = min(_SMOOTHED * lost_frames, _SMOOTHED_MAX, len(narrow))
            rising = np.arange(smoothed) / smoothed
            blended = narrow.astype(np.float64)
            blended[:smoothed] *= rising
            blended[:smoothed] += self._faded(smoothed) * (1 - rising)
            heard = to_int16(blended)
        self._voice, self._concealed, self._room = None, 0, None
        self._background.listen(heard)
        self._remember(heard)
        return heard

    def lost(self, samples: int) -> Frame:
        """Sound that continues what was heard; the noise behind it once the fade is over."""
        if self._voice is None:
            self._voice = Voice(self._history(), _RATE_HZ)
        return to_int16(self._faded(samples))

    def paused(self, room: ComfortNoise, samples: int) -> Frame:
        """The sender says nothing for a while: what was heard fades into the sound of his room."""
        if self._room is None:
            self._room = room
        else:
            self._room.become(room)
        return self.lost(samples)

    def bridged(self, samples: int, following: Frame) -> Frame:
        """The same, when the frame after the gap is there: it leads to its beginning."""
        if self._voice is None:
            self._voice = Voice(self._history(), _RATE_HZ)
        made_up = to_int16(bridge(self._faded(samples), following, _RATE_HZ))
        self._voice, self._concealed = None, 0  # the next frame needs no blending
        self._remember(made_up)
        return made_up

    def _remember(self, narrow: Frame) -> None:
        self._recent.append(narrow)

    def _history(self) -> Samples:
        """What was heard last; put together only when it is needed."""
        return np.concatenate(self._recent)[-_HISTORY:].astype(np.float64)

    def _faded(self, count: int) -> Samples:
        assert self._voice is not None
        n = np.arange(self._concealed, self._concealed + count)
        gain = np.clip(1 - (n - _FLAT) / _FADE, 0, 1)
        self._concealed += count
        voice = self._voice.go_on(count) * gain if gain[0] > 0 else np.zeros(count)
        noise = self._background.noise(count) if self._room is None else self._room.take(count)
        faded: Samples = voice + noise * (1 - gain)
        return faded
