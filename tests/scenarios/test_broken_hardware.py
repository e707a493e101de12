"""Parts that vanish and return in each state of a call, and hands that do anything at any time."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.model import CallState, Part
from firmware.ui.menu.menu import CLOSES_S
from tests.drivers.test_contacts import Life
from tests.scenarios.test_calls import two_phones
from tests.world import PhoneActor, World

WRONG = "471108151235"
HANDSET_DOWN = (CallState.IDLE, CallState.RINGING)


def bring(world: World, anna: PhoneActor, bert: PhoneActor, state: CallState) -> None:
    """Anna's telephone into that state."""
    match state:
        case CallState.IDLE:
            return
        case CallState.RINGING:
            world.lift(bert)
            world.dial(bert, anna.number)
        case CallState.CONNECTED:
            world.connect(anna, bert)
        case CallState.OFF_HOOK | CallState.DIALLING | CallState.FAILED:
            digits = {CallState.OFF_HOOK: "", CallState.DIALLING: "47"}.get(state, WRONG)
            world.lift(anna)
            world.dial(anna, digits)
        case CallState.CALLING:
            bert.online = False
            world.lift(anna)
            world.dial(anna, bert.number)
        case CallState.RINGBACK | CallState.BUSY:
            if state is CallState.BUSY:
                world.lift(bert)
            world.lift(anna)
            world.dial(anna, bert.number)
    world.wait(anna, state)


def everybody_hangs_up(world: World, anna: PhoneActor, bert: PhoneActor) -> None:
    bert.online = True
    for who in (anna, bert):
        world.replace(who)
    for who in (anna, bert):
        world.wait(who, CallState.IDLE)
    world.run(1.0)


@pytest.mark.parametrize("state", list(CallState))
def test_part_that_vanishes_and_returns_changes_no_call_and_is_named_on_the_screen(
    state: CallState,
) -> None:
    world, anna, bert = two_phones()
    bring(world, anna, bert, state)
    for part in Part:
        world.tell(anna, events.HardwareFailed(part, "pulled out"))
        world.run(0.02)
        assert anna.view.state is state, part
        world.tell(anna, events.HardwareRecovered(part))
        assert anna.view.state is state, part
    world.tell(anna, events.HardwareFailed(Part.KEYPAD, "a wire is cut"))
    everybody_hangs_up(world, anna, bert)
    assert "no keypad" in " ".join(anna.phone.status().picture.lines)
    world.tell(anna, events.HardwareRecovered(Part.KEYPAD))
    assert "no keypad" not in " ".join(anna.phone.status().picture.lines)
    world.connect(anna, bert)


@pytest.mark.parametrize("state", [one for one in CallState if one not in HANDSET_DOWN])
def test_telephone_that_is_gone_for_good_hangs_up_and_calls_again_when_it_is_back(
    state: CallState,
) -> None:
    world, anna, bert = two_phones()
    bring(world, anna, bert, state)
    world.tell(anna, events.HardwareFailed(Part.USB_PHONE, "no telephone on USB"))
    world.replace(anna)  # as its driver says when it has been away for long
    assert anna.view.state is CallState.IDLE
    assert not (anna.earpiece_open or anna.microphone_open or anna.rings)
    everybody_hangs_up(world, anna, bert)
    world.tell(anna, events.HardwareRecovered(Part.USB_PHONE))
    world.connect(bert, anna)


def test_random_hands_at_the_real_drivers_leave_no_telephone_stuck() -> None:
    for seed in (20, 26):
        world, anna, bert = two_phones(seed)
        life = Life(seed)
        for number in range(300):
            life.move()
            life.wait(life.dice.choice((0.005, 0.06, 0.3, 0.7)))
            if number % 50 == 49:
                life.rest()
            for fact in life.facts:
                world.tell(anna, fact)
                world.run(0.05)
            life.facts.clear()
            if number % 50 == 49:
                world.run(1.0)
                assert anna.view.state in HANDSET_DOWN, (seed, number)
        everybody_hangs_up(world, anna, bert)
        assert not (anna.earpiece_open or anna.microphone_open or anna.rings), seed
        world.run(CLOSES_S + 1.0)  # the menu, if the hand has left it open
        world.connect(anna, bert)
