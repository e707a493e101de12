"""Looks: what edges have shown of a contact, noted when they came, for a thread that comes later.

An edge is told in a thread of its own; whoever judges the contacts may be late by as long as the
machine is busy. So the edge reads the contact at once, and the late one lives through all readings
in their order, each at its moment.
Units: `_s` seconds.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from firmware.errors import HardwareError

LOOKS_MAX = 128  # ten pulses of a dial and their bounce; then edges are ignored until the next look

Reading = TypeVar("Reading")


class Looks(Generic[Reading]):
    """Readings and their moments; noted in any thread, taken by one."""

    def __init__(self, count_max: int = LOOKS_MAX) -> None:
        self._looks: deque[tuple[float, Reading]] = deque()
        self._count_max = count_max
        self._taken_s = 0.0

    def note(self, now_s: float, reading: Reading) -> None:
        """An edge has come, and this is what it left; dropped when there are too many."""
        if not self.is_full:
            self._looks.append((now_s, reading))

    def look(self, now_s: float, read: Callable[[], Reading]) -> None:
        """The same of a contact that is read now; if it cannot be, the next sample says so."""
        with contextlib.suppress(HardwareError):
            self.note(now_s, read())

    @property
    def is_full(self) -> bool:
        """No more is noted."""
        return len(self._looks) >= self._count_max

    @property
    def moments_s(self) -> list[float]:
        """When the readings were noted that nobody has taken."""
        return [at_s for at_s, _ in tuple(self._looks)]

    def until(self, until_s: float) -> list[tuple[float, Reading]]:
        """Take what was noted up to then; moments never go back, even with two threads noting."""
        taken: list[tuple[float, Reading]] = []
        while self._looks and self._looks[0][0] <= until_s:
            at_s, reading = self._looks.popleft()
            self._taken_s = max(self._taken_s, at_s)
            taken.append((self._taken_s, reading))
        return taken

    def forget(self) -> None:
        """Drop what was noted: the contact cannot be read."""
        self._looks.clear()
