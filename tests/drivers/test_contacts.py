"""The telephone on the header: its thread, its edges, its lamp, and ten thousand random moves."""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Callable, Iterator

import pytest

from firmware.drivers.contacts import LOOK_S, Contacts, Parts
from firmware.drivers.dial import RotaryDial
from firmware.drivers.flood import Flood
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.lamp import Lamp
from firmware.drivers.ringer import Ringer
from firmware.drivers.shutdown import ShutdownKey
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookFlashed,
    HookLifted,
    HookReplaced,
    KeyPressed,
    ShutdownHeld,
)
from firmware.handset import Handset
from firmware.model import Part

LAMP, SHUTDOWN, PULSE, OFF_NORMAL = 9, 7, 27, 17
WAIT_S = 10.0
SEED = 20_26


class DeafGpio(SimGpio):
    """A header whose edges get lost."""

    def watch(self, pin: int, on_edge: object) -> None:
        """Nobody is told."""


class Bench:
    """Everything that can be soldered to the header, and the hand."""

    def __init__(self, gpio: SimGpio | None = None, look_s: float = LOOK_S) -> None:
        self.gpio = gpio or SimGpio()
        handset = Handset()
        self.hand, pads = Hand(self.gpio, handset), handset.keypad
        self.gpio.drive(PULSE, False)
        self.contacts = Contacts(
            self.gpio,
            Parts(
                hook=Hook(self.gpio, handset.hook.pin),
                keypad=Keypad(self.gpio, pads.rows, pads.columns, pads.keys),
                dial=RotaryDial(self.gpio, PULSE, OFF_NORMAL, ""),
                ringer=Ringer(self.gpio, handset.ringer.pin, "DE"),
                lamp=Lamp(self.gpio, LAMP),
                shutdown=ShutdownKey(self.gpio, SHUTDOWN, hold_s=0.2),
            ),
            look_s,
        )
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def open(self) -> None:
        self.contacts.open(self.facts.put)

    def fact(self) -> Fact:
        return self.facts.get(timeout=WAIT_S)

    def until(self, holds: bool, pin: int) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while self.gpio.outputs.get(pin) != holds:
            assert time.monotonic() < deadline_s

    def close(self) -> None:
        self.contacts.close()
        assert self.contacts.join(WAIT_S)

    def rest(self) -> None:
        """Nothing moves, and the thread sleeps."""
        deadline_s = time.monotonic() + WAIT_S
        while not self.contacts.resting:
            assert time.monotonic() < deadline_s

    def settle(self) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not self.contacts.quiet or self.contacts.samples == 0:
            assert time.monotonic() < deadline_s


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.open()
    yield bench
    bench.close()


def test_contacts_tell_what_the_hand_does(bench: Bench) -> None:
    bench.hand.lift()
    assert bench.fact() == HookLifted()
    for key in "123A456B789C*0#D":
        bench.hand.hold(key)
        assert bench.fact() == KeyPressed(key)
        bench.hand.release(key)
        bench.settle()
    bench.hand.replace()
    assert bench.fact() == HookReplaced()


def test_contacts_at_rest_are_not_looked_at_until_an_edge_wakes_them() -> None:
    bench = Bench(look_s=3600.0)
    bench.open()
    bench.rest()
    samples = bench.contacts.samples
    bench.hand.hold("7")
    assert bench.fact() == KeyPressed("7")
    assert bench.contacts.samples > samples
    bench.close()


def test_contacts_whose_edges_get_lost_are_heard_all_the_same() -> None:
    bench = Bench(DeafGpio())
    bench.open()
    bench.rest()
    bench.hand.lift()
    assert bench.fact() == HookLifted()
    bench.close()


def test_contacts_ring_bell_and_lamp_and_keep_the_lamp_for_a_missed_call(bench: Bench) -> None:
    ringer = Handset().ringer.pin
    bench.contacts.ring(on=True)
    for pin, level in ((ringer, True), (LAMP, True), (LAMP, False), (LAMP, True), (ringer, False)):
        bench.until(level, pin)
    bench.contacts.ring(on=False)
    bench.until(False, LAMP)
    bench.contacts.light(on=True)
    bench.until(True, LAMP)
    bench.contacts.light(on=False)
    bench.until(False, LAMP)


def test_contacts_closed_while_ringing_are_silent_and_dark() -> None:
    bench = Bench()
    bench.open()
    bench.contacts.ring(on=True)
    bench.until(True, LAMP)
    bench.close()
    assert not bench.hand.hears_bell() and not bench.gpio.outputs[LAMP]


def test_shutdown_key_counts_when_it_is_held_and_once() -> None:
    bench = Bench()
    lived(bench, 1.0, nobody)
    bench.gpio.drive(SHUTDOWN, False)
    assert lived(bench, 5.0, nobody, at_s=1.0) == [ShutdownHeld()]
    bench.gpio.drive(SHUTDOWN, True)
    assert lived(bench, 1.0, nobody, at_s=6.0) == []


def test_shutdown_key_shorted_from_the_start_switches_nothing_off() -> None:
    gpio = SimGpio()
    gpio.drive(SHUTDOWN, False)
    key = ShutdownKey(gpio, SHUTDOWN, hold_s=0.2)
    assert [key.sample(step * 0.1) for step in range(10)] == [None] * 10
    gpio.drive(SHUTDOWN, True)
    key.sample(1.0)
    gpio.drive(SHUTDOWN, False)
    assert [key.sample(1.1 + step * 0.1) for step in range(4)].count(ShutdownHeld()) == 1


def lived(
    bench: Bench, duration_s: float, hand: Callable[[float], None], at_s: float = 0.0
) -> list[Fact]:
    """What the drivers say while a hand, or a fault, does its work, sampled every 5 ms."""
    facts = []
    for step in range(round(duration_s / 0.005)):
        hand(step * 0.005)
        facts += bench.contacts.sample(at_s + step * 0.005)
    return facts


def nobody(_now_s: float) -> None:
    """The hand that does nothing."""


HOOK, ROW, COLUMN = Handset().hook.pin, Handset().keypad.rows[1], Handset().keypad.columns[1]
LOOSE = HardwareFailed(Part.HOOK, "the contact trembles: a loose wire?")


def test_hook_that_trembles_is_said_in_words_and_so_is_its_end() -> None:
    bench = Bench()
    facts = lived(bench, 3.0, lambda now_s: bench.gpio.drive(HOOK, round(now_s / 0.005) % 2 == 0))
    assert facts == [LOOSE]
    bench.hand.replace()
    assert lived(bench, 3.0, nobody, at_s=3.0) == [HardwareRecovered(Part.HOOK)]
    bench.hand.lift()
    assert lived(bench, 1.0, nobody, at_s=6.0) == [HookLifted()]


def test_key_that_is_stuck_is_said_in_words_and_the_others_work_on() -> None:
    bench = Bench()
    bench.hand.hold("5")
    facts = lived(bench, 35.0, nobody)
    assert facts == [KeyPressed("5"), HardwareFailed(Part.KEYPAD, "key 5 is stuck")]
    assert bench.contacts.quiet
    bench.hand.hold("9")
    assert KeyPressed("9") in lived(bench, 0.5, nobody, at_s=35.0)
    bench.hand.release("9")
    bench.hand.release("5")
    assert lived(bench, 0.5, nobody, at_s=36.0) == [HardwareRecovered(Part.KEYPAD)]


@pytest.mark.parametrize("fault", ["cut", "short to ground", "short to 3.3 V"])
@pytest.mark.parametrize("pin", [HOOK, ROW, COLUMN, PULSE, OFF_NORMAL, SHUTDOWN])
def test_wire_that_breaks_and_is_mended_leaves_the_rest_and_the_whole_working(
    pin: int, fault: str
) -> None:
    bench = Bench()
    rests = {HOOK: False, PULSE: False, OFF_NORMAL: True, SHUTDOWN: True}.get(pin)
    lived(bench, 1.0, nobody)
    broken = None if fault == "cut" else fault.endswith("V")
    bench.gpio.drive(pin, broken)
    lived(bench, 3.0, nobody, at_s=1.0)
    bench.hand.hold("1")  # neither its row nor its column is the broken one
    working = lived(bench, 0.5, nobody, at_s=4.0)
    assert KeyPressed("1") in working or pin in (ROW, COLUMN)
    bench.hand.release("1")
    bench.gpio.drive(pin, rests)
    lived(bench, 3.0, nobody, at_s=4.5)
    bench.hand.lift()
    bench.hand.hold("5")
    facts = lived(bench, 1.0, nobody, at_s=8.0)
    assert len(facts) == 2 and set(facts) == {HookLifted(), KeyPressed("5")}


@pytest.mark.parametrize("fault", ["noisy", "inverted"])
@pytest.mark.parametrize("pin", [HOOK, ROW, COLUMN, PULSE, OFF_NORMAL, SHUTDOWN])
def test_wire_that_is_noisy_or_inverted_and_is_mended_leaves_no_trace(pin: int, fault: str) -> None:
    bench, dice = Bench(), random.Random(pin)
    rests = {HOOK: False, PULSE: False, OFF_NORMAL: True, SHUTDOWN: True}.get(pin)
    lived(bench, 1.0, nobody)

    def disturb(_now_s: float) -> None:
        inverted = rests is False
        noisy = dice.choice((False, True, None))
        bench.gpio.drive(pin, inverted if fault == "inverted" else noisy)

    lived(bench, 5.0, disturb, at_s=1.0)
    bench.gpio.drive(pin, rests)
    lived(bench, 5.0, nobody, at_s=6.0)
    assert bench.contacts.quiet
    bench.hand.lift()
    bench.hand.hold("5")
    facts = lived(bench, 1.0, nobody, at_s=11.0)
    assert len(facts) == 2 and set(facts) == {HookLifted(), KeyPressed("5")}


def test_flood_of_keys_is_thinned_out_and_said() -> None:
    flood = Flood(Part.KEYPAD)
    passed = sum(flood.allows(step * 0.001) for step in range(4000))
    assert 100 <= passed <= 160
    failed = flood.judge(4.0)
    assert isinstance(failed, HardwareFailed) and "more than any hand" in failed.reason
    assert flood.judge(4.1) is None
    assert flood.judge(7.0) == HardwareRecovered(Part.KEYPAD)
    assert flood.allows(7.0)


class Life:
    """The drivers in virtual time: a hand that moves at random, and a pin that burns if it can."""

    def __init__(self, seed: int) -> None:
        self.bench, self.dice, self.now_s = Bench(), random.Random(seed), 0.0
        self.held: set[str] = set()
        self.facts: list[Fact] = []

    def wait(self, duration_s: float) -> None:
        """Sampled as the thread does it: often while something moves, else when it is over."""
        until_s = self.now_s + duration_s
        while self.now_s < until_s:
            self.facts += self.bench.contacts.sample(self.now_s)
            self.now_s = until_s if self.bench.contacts.quiet else self.now_s + 0.005
        self.facts += self.bench.contacts.sample(self.now_s)

    def move(self) -> None:
        hand, dice = self.bench.hand, self.dice
        match dice.randrange(8):
            case 0:
                hand.lift()
            case 1:
                hand.replace()
            case 2 | 3:
                key = dice.choice(hand.keys)
                self.held.add(key)
                hand.hold(key)
            case 4 | 5 if self.held:
                key = dice.choice(sorted(self.held))
                self.held.remove(key)
                hand.release(key)
            case 6:
                self.bench.contacts.ring(on=dice.random() < 0.5)
            case _:
                pin = dice.choice((PULSE, OFF_NORMAL, SHUTDOWN, *Handset().keypad.rows))
                self.bench.gpio.drive(pin, dice.choice((False, True, None)))
        if dice.random() < 0.3 and len(self.held) > 3:
            for key in sorted(self.held):
                hand.release(key)
            self.held.clear()

    def rest(self) -> None:
        """The world as it is when nobody is there."""
        for key in self.held:
            self.bench.hand.release(key)
        self.held.clear()
        self.bench.hand.replace()
        self.bench.contacts.ring(on=False)
        for pin in Handset().keypad.rows:
            self.bench.gpio.drive(pin, None)
        for pin, level in ((PULSE, False), (OFF_NORMAL, True), (SHUTDOWN, True)):
            self.bench.gpio.drive(pin, level)
        self.wait(2.0)


@pytest.mark.slow
def test_ten_thousand_random_moves_leave_no_stuck_state() -> None:
    life = Life(SEED)
    for number in range(10_000):
        life.move()
        life.wait(life.dice.choice((0.001, 0.005, 0.02, 0.06, 0.3)))
        if number % 100 == 99:
            life.rest()
            assert life.bench.contacts.quiet, (SEED, number)
            assert not life.bench.hand.hears_bell(), (SEED, number)
            life.facts.clear()
            life.bench.hand.lift()
            life.wait(0.1)
            for key in "1D":
                life.bench.hand.hold(key)
                life.wait(0.1)
                life.bench.hand.release(key)
                life.wait(0.1)
            life.bench.hand.replace()
            life.wait(1.0)
            moved = [HookLifted(), KeyPressed("1"), KeyPressed("D"), HookReplaced()]
            assert life.facts == moved, (SEED, number, life.facts)
            life.facts.clear()


def test_random_moves_keep_lifting_and_replacing_in_turn() -> None:
    life = Life(SEED + 1)
    for _ in range(500):
        life.move()
        life.wait(life.dice.choice((0.005, 0.06, 0.3, 0.7)))
    hook = [fact for fact in life.facts if isinstance(fact, HookLifted | HookReplaced)]
    turns = [HookLifted(), HookReplaced()] * len(hook)
    assert hook == turns[: len(hook)] and len(hook) > 20
    lifted = False
    for fact in life.facts:
        lifted = {HookLifted: True, HookReplaced: False}.get(type(fact), lifted)
        assert lifted or not isinstance(fact, HookFlashed)
