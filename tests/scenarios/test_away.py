"""Who is away misses nothing, told as stories: calls in vain, slips, messages."""

from __future__ import annotations

from dataclasses import replace

from firmware.events.book import Rule, SetRule
from firmware.events.store import Kind, SaveFailure
from firmware.model import CallState, EndReason
from tests.away import acquainted, fail_to_reach, return_of
from tests.call.link import person
from tests.scenarios.test_calls import two_phones
from tests.scenarios.test_exchanges import directory_of
from tests.scenarios.test_services import order, says, stutters
from tests.world import (
    UTC_AT_START_S,
    Actor,
    Network,
    PhoneActor,
    World,
    heard_since,
    loudest_hz,
)

CLARA = person("Clara")


def call_in_vain(world: World, caller: PhoneActor, callee: PhoneActor) -> None:
    """Whoever finds nobody hangs up."""
    fail_to_reach(world, caller, callee)
    assert caller.view.reason is EndReason.UNREACHABLE
    world.replace(caller)


def missed(who: PhoneActor) -> list[str]:
    """From whom, as often as it is told."""
    return [one.peer_number for one in who.ended if one.reason is EndReason.MISSED]


def test_missed_call_is_told_as_noted_only_when_it_is_on_the_card() -> None:
    world, anna, bert = two_phones()
    call_in_vain(world, anna, bert)
    bert.online, bert.kept.failure = True, SaveFailure.FULL
    world.run(700.0)
    assert anna.kept.all_of(Kind.SLIP), world.story("the caller believes what is not kept")
    bert.kept.failure = None
    world.run(1300.0)
    assert anna.kept.all_of(Kind.SLIP) == []
    assert any(entry.key.startswith("in/") for entry in bert.kept.all_of(Kind.SLIP))
    assert bert.kept.all_of(Kind.CALL)


def test_blocked_caller_leaves_no_missed_call_and_does_not_try_for_a_week() -> None:
    world, anna, bert = two_phones()
    world.tell(bert, SetRule(anna.number, Rule.BLOCKED))
    world.run(1.0)
    call_in_vain(world, anna, bert)
    bert.online = True
    world.run(700.0)
    assert missed(bert) == []
    assert anna.kept.all_of(Kind.SLIP) == []


def slips_at(exchange: Actor) -> int:
    served = directory_of(exchange).exchange
    assert served is not None
    return len(served.slips)


def test_slip_waits_at_the_exchanges_and_is_told_at_the_next_registration() -> None:
    world, exchanges, anna, bert = acquainted(61)
    call_in_vain(world, anna, bert)
    called_utc_s = UTC_AT_START_S + world.now_s
    world.run(5.0)
    assert [slips_at(exchange) for exchange in exchanges] == [1, 1, 1]
    anna.online = False  # so that nobody but the exchanges can tell
    world.run(3600.0)
    again = return_of(world, bert)
    world.run(8.0)
    assert missed(again) == [anna.number], world.story("not told, or more than once")
    assert again.ended[0].utc_s is not None and abs(again.ended[0].utc_s - called_utc_s) < 3
    assert [slips_at(exchange) for exchange in exchanges] == [0, 0, 0]


def test_slip_for_who_has_called_and_was_never_reached_finds_its_exchanges_on_the_card() -> None:
    world, exchanges, anna, bert = acquainted(64)
    anna.online = False
    world.run(1200.0)  # her registrations have ended
    call_in_vain(world, bert, anna)
    world.run(5.0)
    assert [slips_at(exchange) for exchange in exchanges] == [1, 1, 1]
    bert.online = False  # so that nobody but the exchanges can tell
    world.run(3600.0)
    again = return_of(world, anna)
    world.run(8.0)
    assert missed(again) == [bert.number], world.story("not told, or more than once")


def test_slip_that_is_told_brings_the_callee_s_box_to_say_so() -> None:
    world, _, anna, bert = acquainted(62)
    call_in_vain(world, anna, bert)
    world.run(3000.0)  # by now the caller's box tries every ten minutes only
    again = return_of(world, bert)
    world.run(10.0)
    assert missed(again) == [anna.number]
    assert anna.kept.all_of(Kind.SLIP) == [], world.story("nobody has told the caller's box")
    world.run(1500.0)
    assert missed(again) == [anna.number]


def test_caller_s_box_that_was_restarted_still_tries_when_the_exchanges_have_gone() -> None:
    world, exchanges, anna, bert = acquainted(63)
    call_in_vain(world, anna, bert)
    anna.online = False
    for exchange in exchanges:  # they come back with nothing in their memory
        served = directory_of(exchange).exchange
        assert served is not None
        served.slips.expire(world.now_s + 8 * 86_400.0)
    anew = return_of(world, anna)
    again = return_of(world, bert)
    world.run(700.0)
    assert missed(again) == [anna.number]
    assert anew.kept.all_of(Kind.SLIP) == []


def speak_message(world: World, caller: PhoneActor, callee: PhoneActor, spoken_s: float) -> float:
    """Call in vain, take the offer, speak, end with a key, hear that it is kept; when it failed."""
    fail_to_reach(world, caller, callee)
    failed_s = world.now_s
    world.run(3.0)
    assert "Sechs" in " ".join(caller.phone.status().picture.lines)
    world.run(3.0)
    assert says(world, caller, failed_s, "message_offered")
    world.dial(caller, "6")
    world.run(5.0 + spoken_s)
    world.dial(caller, "#")
    world.wait(caller, CallState.OFF_HOOK)
    assert says(world, caller, failed_s, "message_kept"), world.story("not confirmed")
    world.replace(caller)
    return failed_s


def test_message_for_a_box_that_is_off_is_delivered_within_seconds_of_its_return() -> None:
    world, _, anna, bert = acquainted(65)
    speak_message(world, anna, bert, spoken_s=20.0)
    assert len(anna.kept.all_of(Kind.OUTGOING)) == len(anna.kept.all_of(Kind.SOUND)) == 1
    world.run(3000.0)
    again = return_of(world, bert)
    back_s = world.now_s
    while not again.kept.all_of(Kind.MESSAGE):
        world.run(0.1)
        assert world.now_s - back_s < 10.0, world.story("not delivered in time")
    world.run(2.0)
    assert anna.kept.all_of(Kind.OUTGOING) == anna.kept.all_of(Kind.SOUND) == []
    assert not again.rings
    assert stutters(world, again)
    world.lift(again)
    world.dial(again, "*98")
    listening_s = world.now_s
    world.run(30.0)
    assert any(
        abs(loudest_hz(heard_since(again, listening_s)[at : at + 50]) - anna.voice_hz) < 15
        for at in range(0, 800, 25)
    )


def test_message_outlives_restarts_of_both_and_a_line_that_loses_a_fifth() -> None:
    world, _, anna, bert = acquainted(66)
    speak_message(world, anna, bert, spoken_s=10.0)
    anna.online = False
    world.run(60.0)
    anew = return_of(world, anna)
    world.run(60.0)
    world.network = Network(loss=0.2)
    again = return_of(world, bert)
    world.run(900.0)
    assert len(again.kept.all_of(Kind.MESSAGE)) == 1, world.story("lost on the way")
    assert anew.kept.all_of(Kind.OUTGOING) == []


def test_message_that_is_hung_up_on_is_kept_and_a_blocked_caller_s_is_taken_by_nobody() -> None:
    world, _, anna, bert = acquainted(67)
    world.tell(bert, SetRule(anna.number, Rule.BLOCKED))
    world.run(1.0)
    call_in_vain(world, anna, bert)  # who hangs up before the offer has spoken nothing
    assert anna.kept.all_of(Kind.OUTGOING) == []
    fail_to_reach(world, anna, bert)
    world.dial(anna, "6")
    world.run(10.0)
    world.replace(anna)
    world.run(1.0)
    assert len(anna.kept.all_of(Kind.OUTGOING)) == 1
    again = return_of(world, bert)
    world.run(700.0)
    assert again.kept.all_of(Kind.MESSAGE) == []
    assert anna.kept.all_of(Kind.OUTGOING) == anna.kept.all_of(Kind.SOUND) == []


def test_message_that_the_card_does_not_take_is_not_confirmed() -> None:
    world, _, anna, bert = acquainted(68)
    fail_to_reach(world, anna, bert)
    world.dial(anna, "6")
    world.run(10.0)
    anna.kept.failure = SaveFailure.FULL
    ended_s = world.now_s
    world.dial(anna, "#")
    world.run(8.0)
    assert says(world, anna, ended_s, "not_saved")
    assert not says(world, anna, ended_s, "message_kept")


def test_keys_that_were_pinned_are_known_after_a_restart_and_those_of_the_former_file_too() -> None:
    world, _, anna, bert = acquainted(69)
    assert anna.phone.call.pins == {bert.number: bert.phone_setup.identity.public_key}
    anna.online = False
    anna.phone_setup = replace(anna.phone_setup, pins={CLARA.number: CLARA.identity.public_key})
    anew = return_of(world, anna)
    world.run(1.0)
    assert anew.phone.call.pins.keys() == {bert.number, CLARA.number}
    kept = {record.key for record in anew.kept.all_of(Kind.PIN)}
    assert kept == {bert.number, CLARA.number}


def test_who_calls_while_the_machine_records_somebody_else_leaves_a_message_all_the_same() -> None:
    world, _, anna, bert = acquainted(71)
    clara = world.add_phone("clara")
    world.settle()
    order(world, bert, "*96*5#", "machine_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.CONNECTED)
    world.lift(clara)
    world.dial(clara, bert.number)
    world.wait(clara, CallState.BUSY)
    busy_s = world.now_s
    world.run(7.0)
    assert says(world, clara, busy_s, "message_or_wait")
    world.dial(clara, "6")
    world.run(8.0)
    world.replace(clara)
    world.run(5.0)
    assert anna.view.state is CallState.CONNECTED, "the machine has not minded"
    assert [key.split("/")[1] for key in messages(bert)] == [clara.number], "delivered at once"
    world.replace(anna)
    world.run(2.0)
    assert [key.split("/")[1] for key in messages(bert)] == [clara.number, anna.number]


def messages(who: PhoneActor) -> list[str]:
    return [record.key for record in who.kept.all_of(Kind.MESSAGE)]


def test_who_meets_a_busy_line_leaves_a_message_while_the_other_listens_to_one() -> None:
    world, _, anna, bert = acquainted(70)
    speak_message(world, anna, bert, spoken_s=25.0)
    again = return_of(world, bert)  # soon, at another address
    world.run(15.0)
    assert len(again.kept.all_of(Kind.MESSAGE)) == 1
    world.lift(again)
    world.dial(again, "*98")
    listening_s = world.now_s
    world.lift(anna)
    world.dial(anna, again.number)
    world.wait(anna, CallState.BUSY)
    busy_s = world.now_s
    world.run(3.0)
    assert "Sechs: Nachricht." in " ".join(anna.phone.status().picture.lines)
    world.run(5.0)
    assert says(world, anna, busy_s, "message_or_wait")
    world.dial(anna, "6")
    world.run(10.0)
    world.replace(anna)
    world.run(20.0)
    assert again.view.state is CallState.CONNECTED  # playing has gone on
    world.run(15.0)
    assert says(world, again, listening_s, "message_menu")
    assert len(again.kept.all_of(Kind.MESSAGE)) == 2, world.story("not taken by a busy line")
    assert EndReason.BUSY in [one.reason for one in again.ended]
