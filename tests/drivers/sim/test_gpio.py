"""Simulated copper: pull-ups, wires, switches, ghosts and short circuits; and the hand."""

from __future__ import annotations

import pytest

from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.errors import CommandError
from firmware.handset import Handset, HookWiring


def test_pin_that_nothing_drives_is_pulled_up() -> None:
    assert SimGpio().read(17)


def test_pin_driven_from_outside_has_that_level_until_it_floats() -> None:
    gpio = SimGpio()
    gpio.drive(17, False)
    assert not gpio.read(17)
    gpio.drive(17, None)
    assert gpio.read(17)


def test_switch_between_an_input_and_a_low_output_pulls_the_input_down() -> None:
    gpio = SimGpio()
    gpio.set_output(23, False)
    gpio.connect(5, 23)
    assert not gpio.read(5)
    gpio.disconnect(5, 23)
    assert gpio.read(5)


def test_three_closed_switches_of_a_rectangle_close_the_fourth() -> None:
    gpio = SimGpio()
    for row, column in ((5, 23), (5, 24), (6, 23)):
        gpio.connect(row, column)
    gpio.set_output(24, False)
    assert not gpio.read(6)  # from 24 over 5 and 23


def test_two_outputs_of_different_level_in_one_net_are_a_short_circuit() -> None:
    gpio = SimGpio()
    gpio.set_output(23, False)
    gpio.set_output(24, True)
    gpio.connect(5, 23)
    assert gpio.shorts == 0
    gpio.connect(5, 24)
    assert gpio.shorts == 1


@pytest.mark.parametrize("lifted_is_high", [True, False])
def test_hand_moves_the_hook_as_it_is_wired(lifted_is_high: bool) -> None:
    gpio = SimGpio()
    hand = Hand(gpio, Handset(hook=HookWiring(lifted_is_high=lifted_is_high)))
    assert gpio.read(22) != lifted_is_high
    hand.lift()
    assert gpio.read(22) == lifted_is_high
    hand.replace()
    assert gpio.read(22) != lifted_is_high


def test_hand_hears_the_bell_while_the_pin_is_high() -> None:
    gpio = SimGpio()
    hand = Hand(gpio, Handset())
    assert not hand.hears_bell()
    gpio.set_output(12, True)
    assert hand.hears_bell()


@pytest.mark.parametrize("key", ["E", "", "12", "1 ", "d"])
def test_hand_cannot_press_what_is_no_key(key: str) -> None:
    hand = Hand(SimGpio(), Handset())
    with pytest.raises(CommandError, match="no key"):
        hand.hold(key)
    with pytest.raises(CommandError, match="no key"):
        hand.release(key)
