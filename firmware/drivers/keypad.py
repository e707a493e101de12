"""Keypad: a matrix of rows and columns without diodes, scanned, debounced, freed from ghosts.

While no key is down all columns are driven low, and a look at the rows suffices; when a row goes
low, the columns are driven one at a time and all others float, so no two outputs can ever be
connected through two keys of one row. Rows have pull-ups.
Units: `_s` seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.model import Part

Place = tuple[int, int]  # row and column, from 0


class Keypad:
    """Each press is one KeyPressed, after `debounce_s`; a held key does not repeat.

    Call `sample` at least twice in each `debounce_s`.
    """

    def __init__(
        self,
        gpio: Gpio,
        rows: Sequence[int],
        columns: Sequence[int],
        keys: Sequence[str],
        debounce_s: float = 0.015,
    ) -> None:
        assert len(keys) == len(rows) and all(len(row) == len(columns) for row in keys)
        self._gpio, self._rows, self._columns = gpio, tuple(rows), tuple(columns)
        self._keys, self._debounce_s = tuple(keys), debounce_s
        self._pressed: set[Place] = set()
        self._changed_s: dict[Place, float] = {}
        self._watching = False  # all columns are low
        self._health = Health(Part.KEYPAD)
        for row in self._rows:
            gpio.set_input(row)
        self._watch()

    @property
    def pressed(self) -> frozenset[str]:
        """The keys that are down, debounced."""
        return frozenset(self._keys[row][column] for row, column in self._pressed)

    def sample(self, now_s: float) -> list[Fact]:
        """What happened since the last sample."""
        try:
            closed = self._closed_places()
        except HardwareError as error:
            self._changed_s.clear()
            self._watching = False  # nobody knows what the columns do now
            failed = self._health.failed(error)
            return [failed] if failed else []
        recovered = self._health.worked()
        return ([recovered] if recovered else []) + self._debounce(closed, now_s)

    def _debounce(self, closed: set[Place], now_s: float) -> list[Fact]:
        facts: list[Fact] = []
        doubtful = ghosts(closed)
        for place in sorted(closed | self._pressed | set(self._changed_s)):
            down = place in closed
            if place in doubtful or down == (place in self._pressed):
                self._changed_s.pop(place, None)
            elif now_s - self._changed_s.setdefault(place, now_s) >= self._debounce_s:
                del self._changed_s[place]
                self._pressed ^= {place}
                if down:
                    facts.append(KeyPressed(self._keys[place[0]][place[1]]))
        return facts

    def _closed_places(self) -> set[Place]:
        if self._watching and not self._low_rows():
            return set()
        self._release_columns()
        closed = set()
        for column, pin in enumerate(self._columns):
            self._gpio.set_output(pin, False)
            closed |= {(row, column) for row in self._low_rows()}
            self._gpio.set_input(pin)
        if not closed:
            self._watch()
        return closed

    def _low_rows(self) -> list[int]:
        return [row for row, pin in enumerate(self._rows) if not self._gpio.read(pin)]

    def _release_columns(self) -> None:
        self._watching = False
        for pin in self._columns:
            self._gpio.set_input(pin)

    def _watch(self) -> None:
        for pin in self._columns:
            self._gpio.set_output(pin, False)
        self._watching = True


def ghosts(closed: set[Place]) -> set[Place]:
    """The places that may be ghosts: corners of a rectangle.

    Three held keys on three corners close the fourth too, through each other; which three are real
    cannot be seen from outside.
    """
    doubtful = set()
    for (row, column), (other_row, other_column) in combinations(sorted(closed), 2):
        corners = {(row, other_column), (other_row, column)}
        if row != other_row and column != other_column and corners <= closed:
            doubtful |= corners | {(row, column), (other_row, other_column)}
    return doubtful
