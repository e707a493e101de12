"""Keypad: a matrix of rows and columns without diodes, scanned, debounced, freed from ghosts.

While no key is down all columns are driven low, and a look at the rows suffices; when a row goes
low, the columns are driven one at a time and all others float, so no two outputs can ever be
connected through two keys of one row. Rows have pull-ups. An edge of a row looks at once and notes
what is down since when, so that a key is told even if the next sample comes after its release. No
row has edges of its own while it is scanned: whoever scans looks afterwards whether a key moved.
Units: `_s` seconds.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.drivers.looks import Looks
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.link.matrix import COLUMNS_MAX, Matrix, place
from firmware.model import Part

STUCK_S = 30.0
SCANS_MAX = 3  # in a row, when a key moves while they are made


class Keypad:
    """Each press is one KeyPressed, after `debounce_s`; a held key does not repeat.

    Call `edge` when a row changes, and `sample` at least twice in each `debounce_s`; late samples
    only delay what the edges have seen. `clock` says when a look is over; None: looks take no time.
    """

    def __init__(
        self,
        gpio: Gpio,
        rows: Sequence[int],
        columns: Sequence[int],
        keys: Sequence[str],
        debounce_s: float = 0.015,
        clock: Callable[[], float] | None = None,
    ) -> None:
        assert len(keys) == len(rows) and all(len(row) == len(columns) for row in keys)
        self._gpio, self._rows, self._columns = gpio, tuple(rows), tuple(columns)
        self._keys = tuple(keys)
        self._matrix = Matrix(debounce_s)
        self._clock = clock
        self._sampled_s: float | None = None
        self._watching = False  # all columns are low
        self._is_told = False  # of edges: without one nothing changes between two looks
        self._looking = threading.RLock()  # edges come in another thread than samples
        self._scanning = False
        self._low: list[int] = []  # rows, when they were last looked at with all columns low
        self._closed: set[int] = set()  # places, when they were last looked at
        self._seen: set[int] = set()  # places that were closed at some time in the last look
        self._looks: Looks[set[int]] = Looks()
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
        return not self._closed and not self._looks.moments_s and self._matrix.quiet

    @property
    def moments_s(self) -> list[float]:
        """Of the edges that neither `replay` nor `sample` has told of."""
        return self._looks.moments_s

    def edge(self, now_s: float) -> bool:
        """A row has changed; from any thread. False if it was the scan that changed it."""
        with self._looking:
            self._is_told = True
            if self._scanning:
                return False
            if not self._watching or self._looks.is_full:
                return True
            try:
                moved = self._low_rows() != self._low
                if moved:
                    closed = self._closed_places()
                    self._looks.note(now_s, self._seen)
                    if closed != self._seen:
                        self._looks.note(self._over_s(now_s), closed)
            except HardwareError:
                self._watching = False  # the next sample says so
                return True
            return moved

    def replay(self, until_s: float) -> list[Fact]:
        """What happened up to then, as the edges have shown it."""
        new: list[int] = []
        for at_s, places in self._looks.until(until_s):
            new += self._matrix.step(self._closed, self._elapsed_s(at_s))  # until this edge
            new += self._matrix.step(places, 0.0)
            self._closed = places
        return [KeyPressed(self._key(one)) for one in new]

    def sample(self, now_s: float) -> list[Fact]:
        """What happened since the last sample."""
        with self._looking:
            try:
                closed = self._closed_places()
            except HardwareError as error:
                self._matrix.forget()
                self._looks.forget()
                self._closed = set()
                self._watching = False  # nobody knows what the columns do now
                failed = self._health.failed(error)
                return [failed] if failed else []
            over_s = self._over_s(now_s) if closed else now_s  # else a press was told by its edge
            pressed = self.replay(math.inf)
            stood = self._closed if self._is_told else self._seen  # until this look began
            seen = self._seen
        recovered = self._health.worked()
        stuck = self._watch_stuck(now_s)
        new = self._matrix.step(stood, self._elapsed_s(now_s))
        new += self._matrix.step(seen, 0.0)
        new += self._matrix.step(closed, self._elapsed_s(over_s))
        self._closed = closed
        pressed += [KeyPressed(self._key(one)) for one in new]
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
        self._low, closed = self._low_rows(), set[int]()
        self._seen = set()
        for _ in range(SCANS_MAX):
            if not self._low:
                return set()
            closed = self._scan()
            self._seen |= closed
            self._low = self._low_rows()
            if self._low == sorted({one // COLUMNS_MAX for one in closed}):
                break  # nothing has moved meanwhile
        return closed

    def _over_s(self, now_s: float) -> float:
        """When the look that began at `now_s` is over."""
        return now_s if self._clock is None else max(now_s, self._clock())

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
