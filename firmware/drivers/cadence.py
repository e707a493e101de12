"""Cadence: when a bell of some country sounds and when it pauses.

Knows no pin. Units: `_s` seconds. The cadences themselves are in ringer.py.
"""

from __future__ import annotations


class Cadence:
    """Sound, pause, sound, pause, ... from `start` to `stop`."""

    def __init__(self, parts_s: tuple[float, ...]) -> None:
        self._parts_s = parts_s
        self._started_s: float | None = None

    @property
    def active(self) -> bool:
        """Started and not stopped, pauses included."""
        return self._started_s is not None

    def start(self, now_s: float) -> None:
        """From `now_s` on; harmless when it runs already."""
        if self._started_s is None:
            self._started_s = now_s

    def stop(self) -> None:
        """Silence."""
        self._started_s = None

    def is_loud(self, now_s: float) -> bool:
        """It sounds at this moment."""
        started_s = self._started_s
        if started_s is None:
            return False
        into_s = (now_s - started_s) % sum(self._parts_s)
        for part, duration_s in enumerate(self._parts_s):
            if into_s < duration_s:
                return part % 2 == 0
            into_s -= duration_s
        return False  # rounding at the very end of the last pause
