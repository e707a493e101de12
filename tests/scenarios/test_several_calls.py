"""Three people on the line, told as stories: who hears whom, in the deterministic world."""

from __future__ import annotations

import numpy as np
import pytest

from firmware import events
from firmware.call.recall import CHOICE_S
from firmware.model import CallState, Frame, Place, Wish
from tests.scenarios.test_calls import near
from tests.world import PhoneActor, World, heard_since, loudest_hz

VOICES_HZ = {"Anna": 500.0, "Bert": 1000.0, "Clara": 1600.0}


def three_phones(seed: int = 1) -> tuple[World, PhoneActor, PhoneActor, PhoneActor]:
    """Anna talks with Bert; Clara is at home."""
    world = World(seed)
    world.add_nodes(4)
    anna, bert, clara = (world.add_phone(name) for name in VOICES_HZ)
    for phone in (anna, bert, clara):
        phone.voice_hz = VOICES_HZ[phone.name]
    world.settle()
    world.connect(anna, bert)
    return world, anna, bert, clara


def voices(world: World, who: PhoneActor) -> set[str]:
    """Who is heard in this ear for the next second."""
    world.run(0.5)
    since_s = world.now_s
    world.run(1.0)
    return heard_in(heard_since(who, since_s))


def heard_in(frames: list[Frame]) -> set[str]:
    sound = np.concatenate(frames).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    strength = {
        name: spectrum[round(hz * len(sound) / 16_000) - 3 :][:7].max()
        for name, hz in VOICES_HZ.items()
    }
    loudest = max(*strength.values(), 1e6)
    return {name for name, value in strength.items() if value > loudest / 10}


def flash(world: World, who: PhoneActor, digit: str = "") -> None:
    world.tell(who, events.HookFlashed())
    if digit:
        world.tell(who, events.KeyPressed(digit))
    else:
        world.run(CHOICE_S)


def consult(world: World, anna: PhoneActor, clara: PhoneActor) -> None:
    """Anna puts whom she talks with on hold, calls Clara, and Clara answers."""
    flash(world, anna)
    world.dial(anna, clara.number)
    world.wait(anna, CallState.RINGBACK)
    world.lift(clara)
    world.wait(anna, CallState.CONNECTED)


def test_call_on_hold_hears_a_short_beep_and_no_word_and_comes_back() -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    assert voices(world, anna) == {"Clara"} and voices(world, clara) == {"Anna"}
    held_s = world.now_s
    world.run(12.0)
    heard = heard_since(bert, held_s)
    loud = [frame for frame in heard if np.abs(frame).max() > 1000]
    assert 4 <= len(loud) <= 16, "a beep or two of 120 ms"
    assert near(loudest_hz(loud), 440.0)
    flash(world, anna, "2")
    assert voices(world, anna) == {"Bert"} and voices(world, bert) == {"Anna"}
    assert voices(world, clara) == set()


def test_call_stays_on_hold_for_minutes_without_being_cut_off() -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    world.run(90.0)
    assert bert.view.state is CallState.CONNECTED and bert.view.is_on_hold
    flash(world, anna, "1")
    assert voices(world, anna) == {"Bert"}
    assert clara.view.state is CallState.FAILED


def test_caller_who_waits_is_heard_as_a_tone_beside_the_voice() -> None:
    world, anna, bert, clara = three_phones()
    world.run(1.0)
    world.lift(clara)
    world.dial(clara, anna.number)
    world.wait(clara, CallState.RINGBACK)
    since_s = world.now_s
    world.run(1.0)
    spectrum = np.abs(np.fft.rfft(np.concatenate(heard_since(anna, since_s)).astype(float)))
    hz = np.fft.rfftfreq(50 * 320, 1 / 16_000)
    tone = spectrum[np.abs(hz - 425) < 10].max()
    assert tone > 20 * np.median(spectrum), "425 Hz of Germany"
    assert heard_in(heard_since(anna, since_s)) == {"Bert"}, "who goes on talking"
    assert anna.view.others[0].place is Place.WAITING
    assert not anna.rings
    flash(world, anna, "2")
    assert voices(world, anna) == {"Clara"}
    assert bert.view.is_on_hold


def test_conference_of_three_in_which_each_hears_the_other_two() -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    flash(world, anna, "3")
    world.run(1.0)
    assert voices(world, anna) == {"Bert", "Clara"}
    assert voices(world, bert) == {"Anna", "Clara"}
    assert voices(world, clara) == {"Anna", "Bert"}
    world.replace(clara)
    assert voices(world, anna) == {"Bert"} and voices(world, bert) == {"Anna"}
    world.replace(anna)
    world.wait(bert, CallState.FAILED)


def test_muted_telephone_is_silent_to_all_and_still_hears_them() -> None:
    world, anna, bert, _ = three_phones()
    world.tell(anna, events.KeyPressed("D"))
    assert voices(world, bert) == set() and voices(world, anna) == {"Bert"}
    world.tell(anna, events.KeyPressed("D"))
    assert voices(world, bert) == {"Anna"}


@pytest.mark.parametrize("who", ["Anna", "Bert", "Clara"])
def test_whoever_leaves_a_conference_everybody_comes_to_rest(who: str) -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    flash(world, anna, "3")
    world.run(1.0)
    phones = {"Anna": anna, "Bert": bert, "Clara": clara}
    world.replace(phones.pop(who))
    world.run(2.0)
    for phone in phones.values():
        world.replace(phone)
    world.run(2.0)
    for phone in (anna, bert, clara):
        assert phone.view.state is CallState.IDLE
        assert not (phone.earpiece_open or phone.microphone_open or phone.rings)


def test_busy_line_calls_back_when_the_conversation_is_over() -> None:
    world, anna, bert, clara = three_phones()
    flash(world, anna)  # Bert is on hold, and nobody can announce itself in a dial tone
    world.lift(clara)
    world.dial(clara, anna.number)
    world.wait(clara, CallState.BUSY)
    world.tell(clara, events.KeyPressed("5"))
    world.run(3.0)
    assert clara.view.wish is Wish.GRANTED
    world.replace(clara)
    flash(world, anna)
    world.run(60.0)
    assert not clara.rings and voices(world, anna) == {"Bert"}
    world.replace(anna)
    world.wait(clara, CallState.RINGING)
    assert clara.rings and not anna.rings
    assert (clara.view.wish, clara.view.peer_name) == (Wish.FREE, "Anna")
    world.lift(clara)
    world.wait(anna, CallState.RINGING)
    world.lift(anna)
    world.wait(clara, CallState.CONNECTED)
    assert voices(world, anna) == {"Clara"} and voices(world, clara) == {"Anna"}
    assert bert.view.state is CallState.FAILED


def test_wish_for_a_busy_line_outlives_that_both_boxes_are_switched_off() -> None:
    """Anna talks with Bert, Clara waits for her; then the power of Anna and Clara fails."""
    world, anna, _, clara = three_phones()
    flash(world, anna)
    world.lift(clara)
    world.dial(clara, anna.number)
    world.wait(clara, CallState.BUSY)
    world.tell(clara, events.KeyPressed("5"))
    world.run(3.0)
    assert clara.view.wish is Wish.GRANTED
    world.replace(clara)
    world.run(1.0)
    for phone in (anna, clara):
        phone.online = False
    anna_again, clara_again = (
        world.add_prepared(phone.name, phone.phone_setup, kept=phone.kept)
        for phone in (anna, clara)
    )
    world.settle()
    world.wait(clara_again, CallState.RINGING, timeout_s=120.0)
    assert clara_again.view.wish is Wish.FREE and clara_again.view.peer_number == anna.number
    world.lift(clara_again)
    world.wait(anna_again, CallState.RINGING)
