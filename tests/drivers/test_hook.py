"""The hook switch, on simulated copper."""

from __future__ import annotations

import pytest

from firmware.drivers.hook import Hook
from firmware.drivers.sim.gpio import SimGpio
from firmware.errors import HardwareError
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookFlashed,
    HookLifted,
    HookReplaced,
)
from firmware.model import Part

PIN = 22


class LooseGpio(SimGpio):
    """A header whose reads fail while it is `loose`."""

    loose = False

    def read(self, pin: int) -> bool:
        if self.loose:
            raise HardwareError("loose")
        return super().read(pin)


def sampled(hook: Hook, gpio: SimGpio, moves: list[tuple[float, bool]]) -> list[Fact | None]:
    facts = []
    for now_s, level in moves:
        gpio.drive(PIN, level)
        facts.append(hook.sample(now_s))
    return facts


def test_hook_lifted_for_the_debounce_time_is_reported_once() -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    facts = sampled(hook, gpio, [(0.005 * i, True) for i in range(100)])
    assert facts[:4] == [None] * 4
    assert facts[4] == HookLifted()
    assert facts[5:] == [None] * 95


def test_hook_bounce_shorter_than_debounce_is_ignored() -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    moves = [(0.000, True), (0.010, False), (0.025, True)]
    assert sampled(hook, gpio, moves) == [None, None, None]
    assert hook.sample(now_s=0.050) == HookLifted()


def held_down(gpio: SimGpio, hook: Hook, down_s: float) -> list[Fact]:
    """What a lifted handset reports that is put down for `down_s` and lifted again."""
    gpio.drive(PIN, True)
    sampled(hook, gpio, [(0.0, True), (0.020, True)])
    down = [(1.0 + 0.005 * i, False) for i in range(round(down_s / 0.005))]
    up = [(1.0 + down_s + 0.005 * i, True) for i in range(20)]
    return [fact for fact in sampled(hook, gpio, down + up) if fact is not None]


def test_hook_replaced_for_longer_than_a_flash_is_reported() -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    assert held_down(gpio, hook, 0.6) == [HookReplaced(), HookLifted()]


@pytest.mark.parametrize("down_s", [0.15, 0.3, 0.45])
def test_hook_tapped_is_a_flash_and_no_hang_up(down_s: float) -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    assert held_down(gpio, hook, down_s) == [HookFlashed()]


@pytest.mark.parametrize("down_s", [0.03, 0.06, 0.09])
def test_hook_that_was_only_knocked_reports_nothing(down_s: float) -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    assert held_down(gpio, hook, down_s) == []


def test_hook_replaced_is_reported_while_the_handset_rests() -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    moves = [(0.0, True), (0.020, True), (1.0, False), (1.021, False), (1.5, False), (1.53, False)]
    facts = sampled(hook, gpio, moves)
    assert facts == [None, HookLifted(), None, None, None, HookReplaced()]


def test_hook_bouncing_for_a_second_reports_only_what_it_ends_with() -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN)
    moves = [(0.005 * i, i % 3 != 0) for i in range(200)]
    assert set(sampled(hook, gpio, moves)) == {None}
    gpio.drive(PIN, True)
    assert [hook.sample(1.0), hook.sample(1.02)] == [None, HookLifted()]


@pytest.mark.parametrize("lifted_is_high", [True, False])
def test_hook_level_of_lifting_follows_the_wiring(lifted_is_high: bool) -> None:
    gpio = SimGpio()
    hook = Hook(gpio, PIN, lifted_is_high=lifted_is_high)
    gpio.drive(PIN, not lifted_is_high)
    assert [hook.sample(0.0), hook.sample(0.1)] == [None, None]
    gpio.drive(PIN, lifted_is_high)
    assert [hook.sample(0.2), hook.sample(0.3)] == [None, HookLifted()]


def test_hook_with_a_broken_wire_and_pull_up_reads_as_an_open_contact() -> None:
    hook = Hook(SimGpio(), PIN)
    assert [hook.sample(0.0), hook.sample(0.1)] == [None, HookLifted()]


def test_hook_that_fails_is_reported_once_and_its_recovery_too() -> None:
    gpio = LooseGpio()
    gpio.drive(PIN, False)
    hook = Hook(gpio, PIN)
    gpio.loose = True
    assert hook.sample(0.0) == HardwareFailed(Part.HOOK, "loose")
    assert hook.sample(0.1) is None
    gpio.loose = False
    assert hook.sample(0.2) == HardwareRecovered(Part.HOOK)
    assert hook.sample(0.3) is None
