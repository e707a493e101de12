"""A busy machine: the thread of the contacts comes late and is stopped in the middle of its look.

Virtual time. The hand moves when it moves, also between two readings of one scan; edges are told at
once unless the driver is looking, as its lock sees to. What is heard must be what was done.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

import pytest

from firmware.drivers.contacts import Contacts, Parts
from firmware.drivers.dial import RotaryDial
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.events import Fact, HookFlashed, HookLifted, HookReplaced, KeyPressed
from firmware.handset import Handset

PULSE, OFF_NORMAL, ROWS = 27, 17, Handset().keypad.rows
HELD_S = 0.06  # a quick finger, as `ctl press` has it
LIFTED_S = 0.05  # from lifting to the first key
Move = tuple[float, Callable[[], object]]


class BusyHeader(SimGpio):
    """Pins whose reading takes time, during which the hand goes on."""

    def __init__(self, dice: random.Random, stall_s: float) -> None:
        super().__init__()
        self.now_s = 0.0
        self.moves: deque[Move] = deque()
        self._dice, self._stall_s = dice, stall_s
        self._stalled_s = 0.0  # in this look
        self._is_looking = self._is_moving = False
        self._untold: list[tuple[Callable[[float], bool], float]] = []

    def tell(self, pin: int, edge: Callable[[float], bool]) -> None:
        """As the thread of the edges does: at once, or when the driver's lock is free."""

        def on_edge() -> None:
            self._untold.append((edge, self.now_s))
            if not self._is_looking:
                self._tell()

        self.watch(pin, on_edge)

    def read(self, pin: int) -> bool:
        left_s = self._stall_s - self._stalled_s
        can_stall = self._is_looking and not self._is_moving and pin in ROWS
        if can_stall and left_s and self._dice.random() < 0.05:
            stall_s = self._dice.uniform(0.0, left_s)
            self._stalled_s += stall_s
            self.live(self.now_s + stall_s)
        return super().read(pin)

    def live(self, until_s: float) -> None:
        """The hand does what is due."""
        self._is_moving = True
        while self.moves and self.moves[0][0] <= until_s:
            self.now_s, move = self.moves.popleft()
            move()
        self.now_s, self._is_moving = until_s, False

    def look(self, contacts: Contacts) -> list[Fact]:
        """One turn of the contacts' thread."""
        self._is_looking, self._stalled_s = True, 0.0
        facts = contacts.sample(self.now_s)
        self._is_looking = False
        self._tell()
        return facts

    def _tell(self) -> None:
        while self._untold:
            edge, at_s = self._untold.pop(0)
            edge(at_s)


class Busy:
    """A telephone on such a header, whose thread is up to `late_s` late."""

    def __init__(self, seed: int, late_s: float, stall_s: float = 0.0) -> None:
        self.dice, self._late_s = random.Random(seed), late_s
        self.gpio = BusyHeader(self.dice, stall_s)
        handset = Handset()
        self.hand, pads = Hand(self.gpio, handset), handset.keypad
        self.gpio.drive(PULSE, False)
        self._parts = Parts(
            hook=Hook(self.gpio, handset.hook.pin),
            keypad=Keypad(
                self.gpio, pads.rows, pads.columns, pads.keys, clock=lambda: self.gpio.now_s
            ),
            dial=RotaryDial(self.gpio, PULSE, OFF_NORMAL, ""),
        )
        self._contacts = Contacts(self.gpio, self._parts)
        for part in (self._parts.hook, self._parts.keypad, self._parts.dial):
            assert part is not None
            for pin in part.pins:
                self.gpio.tell(pin, part.edge)
        self._plan_s = 1.0

    def plan(self, pause_s: float, move: Callable[[], object]) -> None:
        """The hand does this, and then nothing for `pause_s`."""
        self.gpio.moves.append((self._plan_s, move))
        self._plan_s += pause_s

    def press(self, key: str) -> None:
        self.plan(HELD_S, lambda: self.hand.hold(key))
        self.plan(HELD_S, lambda: self.hand.release(key))

    def turn(self, pulses: int) -> None:
        """A dial: 60/40 ms."""
        self.plan(0.1, lambda: self.gpio.drive(OFF_NORMAL, False))
        for _ in range(pulses):
            self.plan(0.06, lambda: self.gpio.drive(PULSE, True))
            self.plan(0.04, lambda: self.gpio.drive(PULSE, False))
        self.plan(0.6, lambda: self.gpio.drive(OFF_NORMAL, True))

    def facts(self) -> list[Fact]:
        """All that is heard until long after the last move."""
        facts: list[Fact] = []
        while self.gpio.now_s < self._plan_s + 1.0:
            facts += self.gpio.look(self._contacts)
            self.gpio.live(self.gpio.now_s + 0.003 + self.dice.uniform(0.0, self._late_s))
        return facts + self.gpio.look(self._contacts) + self.gpio.look(self._contacts)


def presses(keys: str) -> list[Fact]:
    return [KeyPressed(key) for key in keys]


def test_handset_lifted_before_a_late_look_is_lifted_before_the_first_key() -> None:
    busy = Busy(seed=0, late_s=0.0)
    busy.plan(LIFTED_S, busy.hand.lift)
    busy.press("7")
    busy.gpio.live(2.0)  # the thread slept through all of it
    assert busy.facts() == [HookLifted(), KeyPressed("7")]


@pytest.mark.parametrize(
    ("late_s", "stall_s"), [(0.0, 0.0), (0.05, 0.02), (0.2, 0.01), (1.0, 0.01)]
)
def test_number_dialled_on_a_busy_machine_is_heard_as_it_was_dialled(
    late_s: float, stall_s: float
) -> None:
    for seed in range(30):
        busy = Busy(seed, late_s, stall_s)
        number = "".join(busy.dice.choices("0123456789", k=12))
        busy.plan(LIFTED_S, busy.hand.lift)
        for key in number:
            busy.press(key)
        busy.plan(2.0, busy.hand.replace)
        assert busy.facts() == [HookLifted(), *presses(number), HookReplaced()], seed
        assert busy.gpio.shorts == 0


def test_flash_and_digits_on_a_busy_machine_stay_in_their_order() -> None:
    for seed in range(30):
        busy = Busy(seed, late_s=0.4)
        busy.plan(0.5, busy.hand.lift)
        busy.press("1")
        busy.plan(0.2, busy.hand.replace)
        busy.plan(LIFTED_S, busy.hand.lift)
        busy.press("3")
        busy.plan(2.0, busy.hand.replace)
        wanted = [HookLifted(), KeyPressed("1"), HookFlashed(), KeyPressed("3"), HookReplaced()]
        assert busy.facts() == wanted, seed


def test_rotary_dial_on_a_busy_machine_counts_every_pulse() -> None:
    for seed in range(20):
        busy = Busy(seed, late_s=0.4)
        busy.plan(LIFTED_S, busy.hand.lift)
        for pulses in range(1, 11):
            busy.turn(pulses)
        assert busy.facts() == [HookLifted(), *presses("1234567890")], seed
