"""Mixing: several voices in one ear, and each of a conference hears all others but not itself.

Knows no call but its number. Sums of voices are loud, so a limiter follows each.
Units: frames of 20 ms at 16 kHz.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from firmware.codec.limiter import Limiter
from firmware.codec.resample import to_int16
from firmware.model import Frame

WAITING_MAX = 3  # frames between ear and microphone, whose clocks are never quite the same


def mix(frames: Sequence[Frame]) -> Frame:
    """Their sum, never beyond full scale; one of them is returned as it is."""
    if len(frames) == 1:
        return frames[0]
    return to_int16(np.sum(frames, axis=0, dtype=np.float32))


class Conference:
    """Who is in it: `calls`, and the handset."""

    def __init__(self, calls: tuple[int, ...]) -> None:
        self.calls = calls
        self._waiting: dict[int, deque[Frame]] = {call: deque(maxlen=WAITING_MAX) for call in calls}
        self._limiters = {call: Limiter() for call in calls}
        self._ear = Limiter()

    def heard(self, frames: dict[int, Frame]) -> Frame | None:
        """What the ear hears of the frames that the calls have just played; None of none."""
        for call, frame in frames.items():
            self._waiting[call].append(frame)
        return self._ear.limit(mix(list(frames.values()))) if frames else None

    def spoken(self, own: Frame) -> dict[int, Frame]:
        """What each call shall be sent: our own frame and, of each other call, its oldest."""
        said = {call: waiting.popleft() for call, waiting in self._waiting.items() if waiting}
        return {
            call: self._limiters[call].limit(
                mix([own, *(frame for other, frame in said.items() if other != call)])
            )
            for call in self.calls
        }
