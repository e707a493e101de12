"""The keypad, on simulated copper with no diodes."""

from __future__ import annotations

import random

import pytest

from firmware.drivers.keypad import Keypad
from firmware.drivers.looks import LOOKS_MAX
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.errors import HardwareError
from firmware.events import Fact, HardwareFailed, HardwareRecovered, KeyPressed
from firmware.handset import Handset, KeypadWiring
from firmware.model import Part

STEP_S = 0.005
HELD_MAX = 5  # fingers of a hand
DEBOUNCE_STEPS = 4  # 15 ms, and the sample that begins it


class Bench:
    """A keypad, the hand on it, and a clock."""

    def __init__(self, wiring: KeypadWiring | None = None, gpio: SimGpio | None = None) -> None:
        handset = Handset(keypad=wiring or KeypadWiring())
        self.gpio = gpio or SimGpio()
        self.hand = Hand(self.gpio, handset)
        pads = handset.keypad
        self.keypad = Keypad(self.gpio, pads.rows, pads.columns, pads.keys, pads.debounce_s)
        self.steps = 0

    def sample(self, steps: int = 1) -> list[Fact]:
        """What happens in `steps` samples, 5 ms apart."""
        facts: list[Fact] = []
        for _ in range(steps):
            facts += self.keypad.sample(self.steps * STEP_S)
            self.steps += 1
        return facts

    def dial(self, keys: str) -> list[Fact]:
        """Press and release one key after the other."""
        facts: list[Fact] = []
        for key in keys:
            self.hand.hold(key)
            facts += self.sample(10)
            self.hand.release(key)
            facts += self.sample(10)
        return facts


class LooseGpio(SimGpio):
    """A header whose reads fail while it is `loose`."""

    loose = False

    def read(self, pin: int) -> bool:
        if self.loose:
            raise HardwareError("loose")
        return super().read(pin)


def presses(keys: str) -> list[Fact]:
    return [KeyPressed(key) for key in keys]


def test_keypad_each_key_of_four_columns_is_reported_as_itself() -> None:
    keys = "123A456B789C*0#D"
    assert Bench().dial(keys) == presses(keys)


def test_keypad_each_key_of_three_columns_is_reported_as_itself() -> None:
    wiring = KeypadWiring(columns=(23, 24, 25), keys=("123", "456", "789", "*0#"))
    assert Bench(wiring).dial("123456789*0#") == presses("123456789*0#")


def test_keypad_same_key_twice_is_reported_twice() -> None:
    assert Bench().dial("11") == presses("11")


def test_keypad_held_key_is_reported_once() -> None:
    bench = Bench()
    bench.hand.hold("5")
    assert bench.sample(2000) == presses("5")
    assert bench.keypad.pressed == {"5"}


def test_keypad_key_is_reported_after_the_debounce_time_and_not_before() -> None:
    bench = Bench()
    bench.hand.hold("5")
    assert bench.sample(DEBOUNCE_STEPS - 1) == []
    assert bench.sample() == presses("5")


def test_keypad_touch_shorter_than_debounce_is_ignored() -> None:
    bench = Bench()
    for _ in range(50):
        bench.hand.hold("5")
        assert bench.sample(DEBOUNCE_STEPS - 1) == []
        bench.hand.release("5")
        assert bench.sample() == []


def test_keypad_bounce_on_release_is_no_second_press() -> None:
    bench = Bench()
    bench.hand.hold("5")
    assert bench.sample(10) == presses("5")
    for _ in range(10):
        bench.hand.release("5")
        assert bench.sample(2) == []
        bench.hand.hold("5")
        assert bench.sample(2) == []
    bench.hand.release("5")
    assert bench.sample(20) == []
    assert bench.keypad.pressed == frozenset()


@pytest.mark.parametrize("keys", ["12", "14", "15", "24", "1D"])
def test_keypad_two_keys_together_are_both_reported(keys: str) -> None:
    bench = Bench()
    for key in keys:
        bench.hand.hold(key)
    assert sorted(map(str, bench.sample(10))) == sorted(map(str, presses(keys)))


def test_keypad_second_key_before_the_first_is_released_is_reported() -> None:
    bench = Bench()
    bench.hand.hold("1")
    assert bench.sample(10) == presses("1")
    bench.hand.hold("2")
    assert bench.sample(10) == presses("2")
    bench.hand.release("1")
    assert bench.sample(10) == []
    assert bench.keypad.pressed == {"2"}


def test_keypad_third_corner_of_a_rectangle_reports_no_ghost() -> None:
    bench = Bench()
    bench.hand.hold("1")
    bench.hand.hold("2")
    assert bench.sample(10) == presses("12")
    bench.hand.hold("4")  # now 5 is closed too, through 4, 1 and 2
    assert bench.sample(100) == []
    assert bench.keypad.pressed == {"1", "2"}


def test_keypad_third_key_is_reported_once_the_ghost_is_gone() -> None:
    bench = Bench()
    for key in "12":
        bench.hand.hold(key)
    bench.sample(10)
    bench.hand.hold("4")
    bench.sample(10)
    bench.hand.release("1")
    assert bench.sample(10) == presses("4")
    assert bench.keypad.pressed == {"2", "4"}


def test_keypad_three_keys_without_a_rectangle_are_all_reported() -> None:
    bench = Bench()
    for key in "159":
        bench.hand.hold(key)
    assert bench.sample(10) == presses("159")


def test_keypad_ten_thousand_random_moves_report_only_held_keys_and_leave_none_stuck() -> None:
    seed = 4711
    dice = random.Random(seed)
    bench = Bench()
    held: set[str] = set()
    for move in range(10_000):
        key = dice.choice("123A456B789C*0#D")
        if key in held:
            bench.hand.release(key)
            held.remove(key)
        elif len(held) < HELD_MAX:
            bench.hand.hold(key)
            held.add(key)
        for fact in bench.sample(dice.choice((1, 1, 2, 5))):
            assert isinstance(fact, KeyPressed), f"seed {seed}, move {move}"
            assert fact.key in held, f"seed {seed}, move {move}: {fact.key} is a ghost"
        if dice.random() < 0.05:
            for one in held:
                bench.hand.release(one)
            held.clear()
            bench.sample(DEBOUNCE_STEPS + 1)  # one more for the rounding of 5 ms
            assert bench.keypad.pressed == frozenset(), f"seed {seed}, move {move}: stuck"
    assert bench.gpio.shorts == 0, f"seed {seed}"


def test_keypad_that_fails_is_reported_once_and_works_after_its_recovery() -> None:
    gpio = LooseGpio()
    bench = Bench(gpio=gpio)
    gpio.loose = True
    assert bench.sample(5) == [HardwareFailed(Part.KEYPAD, "loose")]
    gpio.loose = False
    assert bench.sample() == [HardwareRecovered(Part.KEYPAD)]
    assert bench.dial("7") == presses("7")


class BusyBench(Bench):
    """Edges arrive when they happen, samples when the machine finds the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        for pin in self.keypad.pins:
            self.gpio.watch(pin, lambda: self.keypad.edge(self.now_s))

    def press(self, key: str, held_s: float = 0.06, pause_s: float = 0.06) -> None:
        self.hand.hold(key)
        self.now_s += held_s
        self.hand.release(key)
        self.now_s += pause_s

    def late(self) -> list[Fact]:
        """The first sample after all that."""
        return self.keypad.sample(self.now_s)


def test_keypad_number_dialled_before_the_next_sample_is_told_whole_and_in_order() -> None:
    bench = BusyBench()
    number = "002773190455"
    for key in number:
        bench.press(key)
    assert bench.late() == presses(number)
    assert bench.gpio.shorts == 0


def test_keypad_samples_at_any_late_moment_lose_and_double_no_key() -> None:
    seed = 815
    dice = random.Random(seed)
    bench = BusyBench()
    bench.late()
    dialled, facts = "", list[Fact]()
    for _ in range(2000):
        key = dice.choice("123A456B789C*0#D")
        dialled += key
        bench.hand.hold(key)
        for pause in range(2):
            marks = sorted(dice.uniform(0.0, 0.06) for _ in range(dice.choice((0, 0, 1, 2))))
            began_s = bench.now_s
            for mark_s in marks:
                bench.now_s = began_s + mark_s
                facts += bench.late()
            bench.now_s = began_s + 0.06
            if not pause:
                bench.hand.release(key)
    assert facts + bench.late() == presses(dialled), f"seed {seed}"


def test_keypad_bounce_before_a_late_sample_is_no_key_and_no_second_one() -> None:
    bench = BusyBench()
    for _ in range(5):
        bench.press("5", held_s=0.002, pause_s=0.002)
    bench.press("5", pause_s=0.002)
    for _ in range(5):
        bench.press("5", held_s=0.002, pause_s=0.002)
    bench.now_s += 0.06
    assert bench.late() == presses("5")
    for _ in range(10):
        bench.press("7", held_s=0.014, pause_s=0.06)
    assert bench.late() == []


def test_keypad_ghost_before_a_late_sample_is_not_told() -> None:
    bench = BusyBench()
    for key in "124":  # and so 5
        bench.hand.hold(key)
    bench.now_s += 0.06
    for key in "421":
        bench.hand.release(key)
    bench.now_s += 0.06
    assert KeyPressed("5") not in bench.late()


def test_keypad_more_edges_than_it_keeps_are_dropped_and_leave_no_key_down() -> None:
    bench = BusyBench()
    for _ in range(LOOKS_MAX):
        bench.press("1")
    assert bench.late() == presses("1" * (LOOKS_MAX // 2))
    bench.now_s += 0.06
    assert bench.late() == []
    assert bench.keypad.pressed == frozenset()
    bench.press("2")
    assert bench.late() == presses("2")


def test_keypad_held_key_whose_scan_moves_the_rows_wakes_nobody() -> None:
    bench = BusyBench()
    moved: list[bool] = []
    for pin in bench.keypad.pins:
        bench.gpio.watch(pin, lambda: moved.append(bench.keypad.edge(bench.now_s)))
    bench.hand.hold("5")
    assert moved.count(True) == 1
    moved.clear()
    bench.late()
    assert moved and not any(moved)
