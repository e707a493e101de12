"""The rotary dial on the header: the digits of each country, with one contact and with two."""

from __future__ import annotations

import pytest

from firmware.drivers.dial import RotaryDial, digit_of
from firmware.drivers.sim.gpio import SimGpio
from firmware.events import Fact, KeyPressed

PULSE, OFF_NORMAL = 27, 17
STEP_S = 0.005


class Finger:
    """Turns the dial, in steps of the sampling."""

    def __init__(self, country: str = "", *, off_normal: bool = True) -> None:
        self.gpio, self.now_s = SimGpio(), 0.0
        self.facts: list[Fact] = []
        self.gpio.drive(PULSE, False)  # closed at rest
        self.gpio.drive(OFF_NORMAL, True)
        self.dial = RotaryDial(self.gpio, PULSE, OFF_NORMAL if off_normal else None, country)
        self.wait(0.05)

    def wait(self, duration_s: float) -> None:
        for _ in range(round(duration_s / STEP_S)):
            self.facts += self.dial.sample(self.now_s)
            self.now_s += STEP_S

    def turn(self, pulses: int, break_s: float = 0.060, make_s: float = 0.040) -> None:
        self.gpio.drive(OFF_NORMAL, False)
        self.wait(0.3)
        for _ in range(pulses):
            self.gpio.drive(PULSE, True)
            self.wait(break_s)
            self.gpio.drive(PULSE, False)
            self.wait(make_s)
        self.gpio.drive(OFF_NORMAL, True)
        self.wait(0.4)


@pytest.mark.parametrize("off_normal", [True, False])
@pytest.mark.parametrize(
    ("country", "digits"), [("", "1234567890"), ("SE", "0123456789"), ("NZ", "9876543210")]
)
def test_dial_tells_every_digit_of_each_country(
    country: str, digits: str, off_normal: bool
) -> None:
    finger = Finger(country, off_normal=off_normal)
    for pulses in range(1, 11):
        finger.turn(pulses)
    assert finger.facts == [KeyPressed(digit) for digit in digits]
    assert finger.dial.quiet


@pytest.mark.parametrize(("break_s", "make_s"), [(0.067, 0.033), (0.050, 0.050), (0.1, 0.07)])
def test_dial_with_other_ratios_and_speeds_is_understood(break_s: float, make_s: float) -> None:
    finger = Finger()
    finger.turn(7, break_s, make_s)
    assert finger.facts == [KeyPressed("7")]


def test_dial_that_bounces_counts_each_pulse_once() -> None:
    finger = Finger()
    finger.gpio.drive(OFF_NORMAL, False)
    finger.wait(0.2)
    for _ in range(4):
        for level, lasts_s in ((True, 0.005), (False, 0.005), (True, 0.05), (False, 0.005)):
            finger.gpio.drive(PULSE, level)
            finger.wait(lasts_s)
        finger.gpio.drive(PULSE, True)
        finger.wait(0.005)
        finger.gpio.drive(PULSE, False)
        finger.wait(0.03)
    finger.gpio.drive(OFF_NORMAL, True)
    finger.wait(0.1)
    assert finger.facts == [KeyPressed("4")]


def test_dial_turned_and_let_go_without_a_pulse_is_nothing() -> None:
    finger = Finger()
    finger.turn(0)
    assert finger.facts == []


def test_dial_with_eleven_pulses_or_a_cut_wire_is_no_digit() -> None:
    finger = Finger()
    finger.turn(11)
    finger.gpio.drive(PULSE, None)  # cut: the pull-up opens the contact for good
    finger.wait(2.0)
    assert finger.facts == []
    finger.gpio.drive(PULSE, False)
    finger.wait(0.5)
    finger.turn(5)
    assert finger.facts == [KeyPressed("5")]


def test_dial_pulses_while_it_rests_are_nothing() -> None:
    finger = Finger()
    for level in (True, False) * 5:
        finger.gpio.drive(PULSE, level)
        finger.wait(0.05)
    finger.turn(2)
    assert finger.facts == [KeyPressed("2")]


def test_digit_of_no_pulse_and_of_too_many_is_none() -> None:
    assert digit_of(0, "") is None and digit_of(11, "SE") is None
