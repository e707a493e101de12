"""What the drivers expect of a GPIO header, of every kind."""

from __future__ import annotations

import queue

import pytest

from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.ringer import Ringer
from firmware.drivers.sim.hand import Hand
from firmware.errors import HardwareError
from firmware.events import HookLifted, HookReplaced, KeyPressed
from firmware.handset import Handset
from tests.chips.conftest import JOINED_PINS, Header

ONE, OTHER = JOINED_PINS


def test_gpio_input_that_floats_is_pulled_up(header: Header) -> None:
    header.gpio.set_input(ONE)
    header.gpio.set_input(OTHER)
    assert header.gpio.read(ONE) and header.gpio.read(OTHER)


def test_gpio_output_drives_from_the_first_moment(header: Header) -> None:
    header.gpio.set_input(ONE)
    for level in (False, True, False):
        header.gpio.set_output(OTHER, level)
        assert header.gpio.read(ONE) is level
        header.gpio.set_input(OTHER)
        assert header.gpio.read(ONE) is True


def test_gpio_written_output_is_read_back_on_both_ends(header: Header) -> None:
    header.gpio.set_input(ONE)
    header.gpio.set_output(OTHER, False)
    for level in (True, False, True):
        header.gpio.write(OTHER, level)
        assert header.gpio.read(OTHER) is level
        assert header.gpio.read(ONE) is level


def test_gpio_closed_lets_go_of_its_outputs(header: Header) -> None:
    if header.world is None:
        pytest.skip("nobody looks at the pins of a header that is closed")
    header.gpio.set_output(OTHER, False)
    assert not header.world.read(ONE)
    header.gpio.close()
    assert header.world.read(ONE)


def test_gpio_edges_of_a_watched_input_are_told_in_both_directions(header: Header) -> None:
    header.gpio.set_input(ONE)
    edges: queue.SimpleQueue[None] = queue.SimpleQueue()
    header.gpio.watch(ONE, lambda: edges.put(None))
    header.gpio.set_output(OTHER, False)
    edges.get(timeout=5.0)
    assert not header.gpio.read(ONE)
    header.gpio.set_input(OTHER)
    edges.get(timeout=5.0)
    assert header.gpio.read(ONE)


def test_gpio_pin_that_another_process_holds_is_a_hardware_error(header: Header) -> None:
    if header.busy is None:
        pytest.skip("only where other processes can be simulated")
    header.busy.add(ONE)
    for use in (header.gpio.set_input, header.gpio.read):
        with pytest.raises(HardwareError, match=r"pin 17: .*busy"):
            use(ONE)
    with pytest.raises(HardwareError, match=r"pin 17: .*busy"):
        header.gpio.set_output(ONE, True)


def test_gpio_carries_the_whole_handset(header: Header) -> None:
    if header.world is None:
        pytest.skip("needs a hand")
    handset = Handset()
    hand, pads = Hand(header.world, handset), handset.keypad
    hook = Hook(header.gpio, handset.hook.pin)
    keypad = Keypad(header.gpio, pads.rows, pads.columns, pads.keys)
    ringer = Ringer(header.gpio, handset.ringer.pin, "DE")
    hand.lift()
    assert [hook.sample(0.0), hook.sample(0.1)] == [None, HookLifted()]
    for at_s, key in enumerate("123A456B789C*0#D"):
        hand.hold(key)
        assert [keypad.sample(at_s), keypad.sample(at_s + 0.1)] == [[], [KeyPressed(key)]]
        hand.release(key)
        assert [keypad.sample(at_s + 0.2), keypad.sample(at_s + 0.3)] == [[], []]
    hand.replace()
    assert [hook.sample(at_s) for at_s in (2.0, 2.1, 2.7)] == [None, None, HookReplaced()]
    ringer.start(3.0)
    ringer.sample(3.0)
    assert hand.hears_bell()
    ringer.stop()
    ringer.sample(3.1)
    assert not hand.hears_bell()
    assert header.world.shorts == 0
