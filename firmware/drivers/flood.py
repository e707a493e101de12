"""Flood: how many events a person can make, so that a broken contact does not drown the box.

Knows no event. Units: `_s` seconds.
"""

from __future__ import annotations

from firmware.drivers.health import Health
from firmware.events import Fact
from firmware.model import Part

EVENTS_PER_S = 25.0  # a very quick finger makes ten
BURST_MAX = 50
CALM_S = 2.0  # without a drop: it is over
REASON = "it tells more than any hand can do: a loose wire?"


class Flood:
    """A bucket of tokens: `allows` is False for what comes too fast."""

    def __init__(self, part: Part) -> None:
        self.dropped = 0
        self._health = Health(part)
        self._tokens = float(BURST_MAX)
        self._filled_s = self._dropped_s = 0.0
        self._told = 0  # of `dropped`

    def allows(self, now_s: float) -> bool:
        """Whether one more event at `now_s` is credible."""
        filled = self._tokens + max(0.0, now_s - self._filled_s) * EVENTS_PER_S
        self._tokens, self._filled_s = min(float(BURST_MAX), filled), now_s
        if self._tokens < 1.0:
            self.dropped += 1
            self._dropped_s = now_s
            return False
        self._tokens -= 1.0
        return True

    def judge(self, now_s: float) -> Fact | None:
        """To be asked now and then: that it floods, and that it does so no longer."""
        if self.dropped != self._told:
            self._told = self.dropped
            return self._health.failed(REASON)
        return self._health.worked() if now_s - self._dropped_s > CALM_S else None
