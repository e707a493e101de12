"""Flood: how many events a person can make, so that a broken contact does not drown the box.

Knows no event. Units: `_s` seconds.
"""

from __future__ import annotations

EVENTS_PER_S = 25.0  # a very quick finger makes ten
BURST_MAX = 50


class Flood:
    """A bucket of tokens: `allows` is False for what comes too fast."""

    def __init__(self) -> None:
        self.dropped = 0
        self._tokens = float(BURST_MAX)
        self._filled_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether one more event at `now_s` is credible."""
        filled = self._tokens + max(0.0, now_s - self._filled_s) * EVENTS_PER_S
        self._tokens, self._filled_s = min(float(BURST_MAX), filled), now_s
        if self._tokens < 1.0:
            self.dropped += 1
            return False
        self._tokens -= 1.0
        return True
