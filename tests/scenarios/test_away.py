"""Who is away misses nothing, told as stories: calls in vain, slips, messages."""

from __future__ import annotations

from firmware.book_events import Rule, SetRule
from firmware.model import CallState, EndReason
from firmware.store_events import Kind, SaveFailure
from tests.scenarios.test_calls import two_phones
from tests.world import PhoneActor, World


def call_in_vain(world: World, caller: PhoneActor, callee: PhoneActor) -> None:
    """The callee's box is off; the caller hears that, and hangs up."""
    callee.online = False
    world.lift(caller)
    world.dial(caller, callee.number)
    world.wait(caller, CallState.FAILED, timeout_s=60.0)
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
