"""Keypad: a matrix of rows and columns without diodes, scanned, debounced, freed from ghosts.

While no key is down all columns are driven low, and a look at the rows suffices; when a row goes
low, the columns are driven one at a time and all others float, so no two outputs can ever be
connected through two keys of one row. Rows have pull-ups. An edge of a row looks at once and notes
what is down since when, so that a key is told even if the next sample comes after its release.
Units: `_s` seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.link.matrix import COLUMNS_MAX, Matrix, place
from firmware.model import Part

STUCK_S = 30.0
LOOKS_MAX = 64  # between two samples: sixteen keys and their bounce; then edges are ignored


class Keypad:
    """Each press is one KeyPressed, after `debounce_s`; a held key does not repeat.

    Call `edge` when a row changes, and `sample` at least twice in each `debounce_s`; late samples
    only delay what the edges have seen.
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
        self._keys = tuple(keys)
        self._matrix = Matrix(debounce_s)
        self._sampled_s: float | None = None
        self._watching = False  # all columns are low
        self._looking = threading.RLock()  # edges come in another thread than samples
        self._scanning = False
        self._low: list[int] = []  # rows, when they were last looked at with all columns low
        self._closed: set[int] = set()  # places, when they were last looked at
        self._looks: deque[tuple[float, set[int]]] = deque()  # at edges since the last sample
        self._health, self._stuck_health = Health(Part.KEYPAD), Health(Part.KEYPAD)
        self._since_s: dict[int, float] = {}  # when each key that is down was first seen
        self._stuck: set[int] = set()
        for row in self._rows:
            gpio.set_input(row)
        self._watch()

    @property
    def pressed(self) -> frozenset[str]:
        """The keys that are down, debounced."""
        return frozenset(self._key(one) for one in self._matrix.pressed)

    @property
    def pins(self) -> tuple[int, ...]:
        """Whose edges must wake us, and call `edge` before."""
        return self._rows

    @property
    def quiet(self) -> bool:
        """No key is down, none bounces; a stuck key is looked at as seldom as none."""
        if self._stuck:
            return self._matrix.settled and self._matrix.pressed == self._stuck
        return not self._closed and not self._looks and self._matrix.quiet

    def edge(self, now_s: float) -> bool:
        """A row has changed; from any thread. False if it was the scan that changed it."""
        with self._looking:
            if self._scanning:
                return False
            if not self._watching or len(self._looks) >= LOOKS_MAX:
                return True
            try:
                moved = self._low_rows() != self._low
                if moved:
                    self._looks.append((now_s, self._closed_places()))
            except HardwareError:
                self._watching = False  # the next sample says so
                return True
            return moved

    def sample(self, now_s: float) -> list[Fact]:
        """What happened since the last sample."""
        with self._looking:
            looks, self._looks = self._looks, deque()
            try:
                closed = self._closed_places()
            except HardwareError as error:
                self._matrix.forget()
                self._closed = set()
                self._watching = False  # nobody knows what the columns do now
                failed = self._health.failed(error)
                return [failed] if failed else []
        recovered = self._health.worked()
        stuck = self._watch_stuck(now_s)
        new: list[int] = []
        for at_s, places in looks:
            new += self._matrix.step(self._closed, self._elapsed_s(at_s))  # until this edge
            new += self._matrix.step(places, 0.0)
            self._closed = places
        new += self._matrix.step(closed, self._elapsed_s(now_s))
        self._closed = closed
        pressed = [KeyPressed(self._key(one)) for one in new]
        return [fact for fact in (recovered, stuck, *pressed) if fact is not None]

    def _elapsed_s(self, now_s: float) -> float:
        """Since the last look; 0 for one that another thread overtook."""
        before_s = now_s if self._sampled_s is None else self._sampled_s
        self._sampled_s = max(before_s, now_s)
        return self._sampled_s - before_s

    def _watch_stuck(self, now_s: float) -> Fact | None:
        """A key that is held for longer than anybody would is a short, and no wish."""
        pressed = self._matrix.pressed
        self._since_s = {one: self._since_s.get(one, now_s) for one in pressed}
        self._stuck = {one for one in pressed if now_s - self._since_s[one] >= STUCK_S}
        if self._stuck:
            names = " ".join(sorted(self._key(one) for one in self._stuck))
            return self._stuck_health.failed(f"key {names} is stuck")
        return self._stuck_health.worked()

    def _key(self, one: int) -> str:
        return self._keys[one // COLUMNS_MAX][one % COLUMNS_MAX]

    def _closed_places(self) -> set[int]:
        if not self._watching:
            self._watch()
        self._low = self._low_rows()
        return self._scan() if self._low else set()

    def _scan(self) -> set[int]:
        self._scanning = True
        try:
            self._release_columns()
            closed: set[int] = set()
            for column, pin in enumerate(self._columns):
                self._gpio.set_output(pin, False)
                closed |= {place(row, column) for row in self._low_rows()}
                self._gpio.set_input(pin)
            self._watch()
        finally:
            self._scanning = False
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
