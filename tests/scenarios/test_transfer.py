"""Transfer told as stories: who hangs up during a second call connects the two others."""

from __future__ import annotations

from firmware.call.recall import CHOICE_S
from firmware.call.transfer import RECALL_S
from firmware.events.book import Rule, SetRule
from firmware.model import CallState, EndReason, Transfer
from tests.scenarios.test_services import order, says
from tests.scenarios.test_several_calls import consult, flash, three_phones, voices


def test_anna_connects_bert_with_clara_and_her_own_telephone_is_free() -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    world.replace(anna)
    hung_up_s = world.now_s
    while bert.view.peer_number != clara.number or bert.view.state is not CallState.CONNECTED:
        world.run(0.02)
        assert world.now_s < hung_up_s + 1.0, world.story("Bert and Clara were not connected")
    assert voices(world, bert) == {"Clara"} and voices(world, clara) == {"Bert"}
    assert bert.view.authentication_digits == clara.view.authentication_digits
    assert clara.view.transfer is Transfer.PUT_THROUGH and not clara.rings
    assert anna.view.state is CallState.IDLE
    assert not (anna.microphone_open or anna.earpiece_open or anna.rings)
    world.run(30.0)
    assert anna.phone.call.calls() == [], "nothing of it is left with Anna"
    world.replace(bert)
    world.wait(clara, CallState.FAILED)


def test_bert_hears_and_reads_that_he_is_put_through_while_claras_bell_sounds() -> None:
    world, anna, bert, clara = three_phones()
    flash(world, anna)
    world.dial(anna, clara.number)
    world.wait(anna, CallState.RINGBACK)
    world.replace(anna)
    replaced_s = world.now_s
    world.wait(bert, CallState.RINGBACK)
    assert "Put through" in " ".join(bert.phone.status().picture.lines)
    assert "by Anna" in " ".join(bert.phone.status().picture.lines)
    world.run(3.0)
    assert says(world, bert, replaced_s, "put_through")
    assert clara.rings and clara.view.peer_number == bert.number
    world.lift(clara)
    world.wait(bert, CallState.CONNECTED)
    assert voices(world, bert) == {"Clara"} and voices(world, clara) == {"Bert"}


def test_bert_comes_back_to_anna_when_clara_does_not_lift() -> None:
    world, anna, bert, clara = three_phones()
    flash(world, anna)
    world.dial(anna, clara.number)
    world.wait(anna, CallState.RINGBACK)
    world.replace(anna)
    world.wait(anna, CallState.RINGING, timeout_s=40.0)
    assert anna.rings and not clara.rings
    lines = " ".join(anna.phone.status().picture.lines)
    assert "Back again" in lines and "Bert" in lines
    world.run(1.0)
    assert "Going back" in " ".join(bert.phone.status().picture.lines)
    world.lift(anna)
    world.wait(bert, CallState.CONNECTED)
    assert voices(world, anna) == {"Bert"} and voices(world, bert) == {"Anna"}


def test_bert_comes_back_to_anna_although_she_wants_to_be_left_in_peace() -> None:
    world, anna, bert, clara = three_phones()
    world.replace(anna)
    world.replace(bert)
    world.run(1.0)
    order(world, anna, "*26#", "do_not_disturb_on")
    world.connect(anna, bert)
    flash(world, anna)
    world.dial(anna, clara.number)
    world.replace(anna)
    world.wait(anna, CallState.RINGING, timeout_s=45.0)
    world.replace(bert)
    world.wait(anna, CallState.IDLE)
    world.lift(bert)
    world.dial(bert, anna.number)
    world.wait(bert, CallState.FAILED)
    assert bert.view.reason is EndReason.DO_NOT_DISTURB, "once, and then as before"


def test_whom_clara_has_blocked_is_not_put_through_to_her_and_comes_back() -> None:
    world, anna, bert, clara = three_phones()
    world.tell(clara, SetRule(bert.number, Rule.BLOCKED))
    world.run(0.5)
    consult(world, anna, clara)
    world.replace(anna)
    world.wait(anna, CallState.RINGING)
    assert clara.view.peer_number != bert.number
    assert clara.view.state is CallState.FAILED or not clara.view.others
    world.lift(anna)
    world.wait(bert, CallState.CONNECTED)
    assert voices(world, bert) == {"Anna"}


def test_clara_who_wants_no_calls_is_given_bert_all_the_same_since_she_is_talking_already() -> None:
    world, anna, bert, clara = three_phones()
    consult(world, anna, clara)
    flash(world, clara)
    world.dial(clara, "*26#")
    world.wait(clara, CallState.OFF_HOOK)
    flash(world, clara)
    assert clara.view.peer_number == anna.number
    world.replace(anna)
    world.run(2.0)
    assert clara.view.peer_number == bert.number and not clara.rings
    assert voices(world, bert) == {"Clara"} and voices(world, clara) == {"Bert"}
    world.replace(clara)
    world.replace(bert)
    world.run(1.0)
    world.lift(bert)
    world.dial(bert, clara.number)
    world.wait(bert, CallState.FAILED)
    assert bert.view.reason is EndReason.DO_NOT_DISTURB


def test_two_callers_who_came_by_themselves_are_not_connected_with_each_other() -> None:
    world, anna, bert, clara = three_phones()
    world.lift(clara)
    world.dial(clara, anna.number)
    world.wait(clara, CallState.RINGBACK)
    flash(world, anna, "2")
    world.wait(clara, CallState.CONNECTED)
    world.run(CHOICE_S)
    world.replace(anna)
    world.run(2.0)
    assert bert.view.state is CallState.FAILED and clara.view.state is CallState.FAILED


def test_bell_sounds_for_twenty_seconds_for_who_stayed_and_the_line_holds() -> None:
    """Bert talks with Dora when Anna wants to put him through: he stays, on both telephones."""
    world, anna, bert, clara = three_phones()
    dora = world.add_phone("Dora")
    world.settle()
    world.lift(dora)
    world.dial(dora, bert.number)
    world.wait(dora, CallState.RINGBACK)
    flash(world, bert, "2")
    world.wait(dora, CallState.CONNECTED)
    consult(world, anna, clara)
    world.replace(anna)
    world.wait(anna, CallState.RINGING)
    world.run(RECALL_S - 2.0)
    assert anna.rings and "is still there" in " ".join(anna.phone.status().picture.lines)
    world.lift(anna)
    world.replace(dora)
    world.run(1.0)
    flash(world, bert)
    assert voices(world, anna) == {"Bert"} and voices(world, bert) == {"Anna"}
