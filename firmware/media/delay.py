"""How long frames take on their way, as far as that can be known without a common clock.

The *delay* of a frame is the moment it was there minus its time in the stream, which is off by a
constant; so delays are only ever compared with the fastest frame of the last seconds.
Units: `_s` seconds (float). Source: ours.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

TARGET_MIN_S = 0.003  # for the unrest of our own two clocks
TARGET_MAX_S = 0.400  # beyond that there is no conversation (ITU-T G.114)
MARGIN_S = 0.002  # above the delay observed
OBSERVED_MAX = 500  # frames, 10 s: what the target remembers
LATE_FRACTION = 0.003  # of these frames the target leaves so many behind
ALONE_OF = 50  # frames, 1 s: from here on a single slow one is always left behind
FASTEST_OF = 100  # frames, 2 s: so soon a path that became longer is the new normal
BURST_S = 0.005  # frames this close behind each other waited for the same obstacle: counted once


class DelayObserver:
    """The delays of one stream of frames."""

    def __init__(self) -> None:
        self._observed = _Window(OBSERVED_MAX)
        self._recent = _Window(FASTEST_OF)
        self._arrived_s: float | None = None
        # Both not before the first frame; asked several times for each:
        self.fastest_s = math.nan  # the smallest delay of the last seconds
        self.target_s = math.nan  # how much more than that nearly all frames of them needed

    def observe(self, media_s: float, now_s: float) -> None:
        """A frame with the RTP time `media_s` is there for the first time."""
        delay_s = now_s - media_s
        if self._arrived_s is None or now_s - self._arrived_s >= BURST_S:
            self._observed.add(delay_s)
        self._recent.add(delay_s)
        self._arrived_s = now_s
        self.fastest_s = self._recent.smallest()
        target_s = self._observed.exceeded_by(LATE_FRACTION) - self.fastest_s + MARGIN_S
        self.target_s = min(max(target_s, TARGET_MIN_S), TARGET_MAX_S)

    def delay_s(self, media_s: float, now_s: float) -> float:
        """How much longer than the fastest: a frame that comes, or is played, now."""
        return now_s - media_s - self.fastest_s


class _Window:
    """The last values, also in order of size."""

    def __init__(self, values_max: int) -> None:
        self._values_max = values_max
        self._values: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        self._values.append(value)
        insort(self._sorted, value)
        if len(self._values) > self._values_max:
            del self._sorted[bisect_left(self._sorted, self._values.popleft())]

    def smallest(self) -> float:
        return self._sorted[0]

    def exceeded_by(self, fraction: float) -> float:
        count = len(self._sorted)
        behind = max(int(count * fraction), count >= ALONE_OF)
        return self._sorted[count - 1 - behind]
