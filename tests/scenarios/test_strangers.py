"""Strangers told as stories: they say their name first, or their telephone works first."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.events.book import Contact, SaveContact
from firmware.features.name_first import NAME_S_MAX
from firmware.media.session import MEDIA_TIMEOUT_S
from firmware.model import CallState, EndReason, Screening
from tests.scenarios.test_calls import near, two_phones
from tests.scenarios.test_services import order, says
from tests.scenarios.test_several_calls import flash
from tests.world import PhoneActor, World, heard_since, loudest_hz


def shown(who: PhoneActor) -> str:
    return " ".join(who.phone.status().picture.lines)


def name_is_asked() -> tuple[World, PhoneActor, PhoneActor, float]:
    """Anna calls Bert, who wants to hear the names of strangers; his box has answered."""
    world, anna, bert = two_phones()
    order(world, bert, "*85#", "strangers_name")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.CONNECTED)
    return world, anna, bert, world.now_s


def name_is_said() -> tuple[World, PhoneActor, PhoneActor, float]:
    """Anna has said something, and Bert's bell sounds."""
    world, anna, bert, answered_s = name_is_asked()
    world.wait(bert, CallState.RINGING)
    return world, anna, bert, answered_s


def test_stranger_says_a_name_and_is_heard_before_anybody_answers() -> None:
    world, anna, bert, answered_s = name_is_said()
    assert not bert.microphone_open and not bert.earpiece_open
    assert says(world, anna, answered_s, "name_ask")
    assert "Lift to hear the name" in shown(bert)
    world.run(0.5)
    assert "Rings there" in shown(anna)
    rings_s = world.now_s
    world.run(MEDIA_TIMEOUT_S + 5.0)
    assert near(loudest_hz(heard_since(anna, rings_s)), 425.0), "ringback"
    world.lift(bert)
    lifted_s = world.now_s
    world.run(4.0 + NAME_S_MAX)
    assert says(world, bert, lifted_s, "name_heard")
    assert near(loudest_hz(heard_since(bert, lifted_s + 2.5)[:200]), anna.voice_hz)
    assert not bert.microphone_open, "nobody is heard before it is accepted"
    world.dial(bert, "1")
    assert bert.view.screening is None and bert.microphone_open
    world.run(1.0)
    talking_s = world.now_s
    world.run(1.0)
    assert near(loudest_hz(heard_since(bert, talking_s)), anna.voice_hz)
    assert near(loudest_hz(heard_since(anna, talking_s)), bert.voice_hz)
    assert anna.view.screened is None


@pytest.mark.parametrize("key", ["2", "3"])
def test_refused_stranger_hears_the_end_and_the_dial_tone_comes_back(key: str) -> None:
    world, anna, bert, _ = name_is_said()
    world.lift(bert)
    world.run(1.0)
    world.dial(bert, key)
    world.wait(anna, CallState.FAILED)
    assert bert.view.state is CallState.OFF_HOOK
    assert bert.ended[-1].reason is EndReason.DECLINED
    world.replace(anna)
    world.replace(bert)
    world.lift(anna)
    world.dial(anna, bert.number)
    expected = CallState.CONNECTED if key == "2" else CallState.FAILED
    world.wait(anna, expected)


def test_who_says_nothing_disturbs_nobody() -> None:
    world, anna, bert, _ = name_is_asked()
    world.tell(anna, events.KeyPressed("D"))  # the microphone is off
    world.wait(anna, CallState.FAILED)
    assert bert.view.state is CallState.IDLE and not bert.rings
    assert "Bert" not in shown(bert)


def test_who_lifts_while_the_name_is_asked_hears_what_there_is() -> None:
    world, anna, bert, _ = name_is_asked()
    world.run(4.0)
    world.lift(bert)
    assert bert.view.screening is Screening.HEARD
    world.run(3.0)
    world.dial(bert, "1")
    world.run(1.0)
    assert bert.view.state is anna.view.state is CallState.CONNECTED
    assert bert.view.screening is None


def test_stranger_who_hangs_up_leaves_a_missed_call_and_silence() -> None:
    world, anna, bert, _ = name_is_said()
    world.replace(anna)
    world.wait(bert, CallState.IDLE)
    assert not bert.rings and bert.ended[-1].reason is EndReason.MISSED


def test_stranger_to_whom_nobody_lifts_is_let_go() -> None:
    world, anna, bert, _ = name_is_said()
    world.wait(bert, CallState.IDLE, timeout_s=40.0)
    world.wait(anna, CallState.FAILED)
    assert not bert.rings


def test_who_does_not_decide_is_not_asked_for_ever() -> None:
    world, anna, bert, _ = name_is_said()
    world.lift(bert)
    world.run(1.0)
    flash(world, bert)
    world.dial(bert, "9")
    assert bert.view.screening is Screening.HEARD, "neither does anything"
    world.wait(bert, CallState.OFF_HOOK, timeout_s=60.0)
    world.wait(anna, CallState.FAILED)


def test_contact_needs_no_name_and_no_stamp() -> None:
    world, anna, bert = two_phones()
    for code, prompt in (("*85*1#", "strangers_name"), ("*85*2#", "strangers_stamp")):
        order(world, bert, code, prompt)
    world.tell(bert, SaveContact(Contact(anna.number, "Anna")))
    world.run(0.5)
    world.connect(anna, bert)


def test_telephone_of_a_stranger_works_before_the_bell_rings() -> None:
    world, anna, bert = two_phones(seed=3)
    order(world, bert, "*85*2*2#", "strangers_stamp")
    world.lift(anna)
    world.dial(anna, bert.number)
    pages = set()
    while bert.view.state is not CallState.RINGING:
        world.run(0.05)
        pages.add(shown(anna))
        assert world.now_s < 1200.0, world.story("it never rang")
    assert any("Working" in page for page in pages)
    world.lift(bert)
    world.wait(anna, CallState.CONNECTED)


def test_strangers_can_be_silent_refused_or_like_everybody_again() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*85*4#", "strangers_refused")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED)
    world.replace(anna)
    order(world, bert, "#85#", "strangers_rings")
    world.connect(anna, bert)
