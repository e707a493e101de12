"""Keypad: a matrix of rows and columns without diodes, scanned, debounced, freed from ghosts.

While no key is down all columns are driven low, and a look at the rows suffices; when a row goes
low, the columns are driven one at a time and all others float, so no two outputs can ever be
connected through two keys of one row. Rows have pull-ups.
Units: `_s` seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.link.matrix import COLUMNS_MAX, Matrix, place
from firmware.model import Part

STUCK_S = 30.0


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
        self._keys = tuple(keys)
        self._matrix = Matrix(debounce_s)
        self._sampled_s: float | None = None
        self._watching = False  # all columns are low
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
        """Whose edges must wake us; they come only while no key is down."""
        return self._rows

    @property
    def quiet(self) -> bool:
        """No key is down, none bounces; a stuck key is looked at as seldom as none."""
        if self._stuck:
            return self._matrix.settled and self._matrix.pressed == self._stuck
        return self._watching and self._matrix.quiet

    def sample(self, now_s: float) -> list[Fact]:
        """What happened since the last sample."""
        try:
            closed = self._closed_places()
        except HardwareError as error:
            self._matrix.forget()
            self._watching = False  # nobody knows what the columns do now
            failed = self._health.failed(error)
            return [failed] if failed else []
        recovered = self._health.worked()
        stuck = self._watch_stuck(now_s)
        elapsed_s = 0.0 if self._sampled_s is None else now_s - self._sampled_s
        self._sampled_s = now_s
        pressed = [KeyPressed(self._key(one)) for one in self._matrix.step(closed, elapsed_s)]
        return [fact for fact in (recovered, stuck, *pressed) if fact is not None]

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
        if self._watching and not self._low_rows():
            return set()
        self._release_columns()
        closed: set[int] = set()
        for column, pin in enumerate(self._columns):
            self._gpio.set_output(pin, False)
            closed |= {place(row, column) for row in self._low_rows()}
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
