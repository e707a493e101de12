"""Who may ring: whoever has a say is asked once, and the caller is told honestly what follows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware import events
from firmware.call.outgoing import DIVERSIONS_MAX
from firmware.events import Message
from firmware.model import CallState, EndReason
from tests.call.link import Link, Phone, person, reasons


class Screened(Link):
    """A network in which telephones have doorkeepers."""

    def __init__(self) -> None:
        super().__init__()
        self.anna, self.bert, self.clara = (self.add(name) for name in ("Anna", "Bert", "Clara"))
        self.offers: list[events.CallOffered] = []
        self.doorkeepers: dict[Phone, Callable[[int], Message]] = {}

    def tell(self, phone: Phone, fact: Message) -> list[Message]:
        """The doorkeeper hears of a call before the call core ends the offer."""
        if isinstance(fact, events.CallOffered):
            self.offers.append(fact)
            if phone in self.doorkeepers:
                super().tell(phone, self.doorkeepers[phone](fact.call))
        return super().tell(phone, fact)


def test_offer_says_who_calls_before_anything_rings() -> None:
    link = Screened()
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.bert, CallState.RINGING)
    (offer,) = link.offers
    assert (offer.number, offer.name) == (link.anna.person.number, "Anna")
    assert not (offer.is_contact or offer.is_anonymous or offer.is_waiting)
    kinds = [type(said) for said in link.bert.said]
    assert kinds.index(events.CallOffered) < kinds.index(events.StartRinging)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (EndReason.BUSY, EndReason.BUSY),
        (EndReason.DECLINED, EndReason.DECLINED),
        (EndReason.DO_NOT_DISTURB, EndReason.DO_NOT_DISTURB),
        (EndReason.ANONYMOUS_REFUSED, EndReason.ANONYMOUS_REFUSED),
        (EndReason.NO_ANSWER, EndReason.NO_ANSWER),
        (EndReason.WRONG_NUMBER, EndReason.DECLINED),
    ],
)
def test_refused_call_never_rings_and_its_caller_is_told_the_reason(
    reason: EndReason, told: EndReason
) -> None:
    link = Screened()
    link.doorkeepers[link.bert] = lambda call: events.RefuseCall(call, reason)
    link.dial(link.anna, link.bert.person.number)
    link.run(2.0)
    assert link.anna.view.reason is told
    assert link.anna.view.state is (CallState.BUSY if told is EndReason.BUSY else CallState.FAILED)
    assert not link.bert.asked(events.StartRinging)
    assert link.bert.view.state is CallState.IDLE
    assert reasons(link.bert) == [reason]
    assert link.bert.core.view.reason is None, "who is kept out is not even shown"


def test_call_that_rings_can_still_be_refused() -> None:
    link = Screened()
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.bert, CallState.RINGING)
    link.tell(link.bert, events.RefuseCall(link.offers[0].call, EndReason.DO_NOT_DISTURB))
    assert not link.bert.rings
    link.wait(link.anna, CallState.FAILED)
    assert link.anna.view.reason is EndReason.DO_NOT_DISTURB


def test_silenced_call_is_shown_and_rings_for_the_caller_only() -> None:
    link = Screened()
    link.doorkeepers[link.bert] = events.SilenceCall
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.anna, CallState.RINGBACK)
    assert link.bert.view.state is CallState.RINGING and not link.bert.rings
    link.tell(link.bert, events.HookLifted())
    link.wait(link.anna, CallState.CONNECTED)
    assert not link.bert.asked(events.StopRinging)


def test_answer_that_comes_too_late_or_twice_does_nothing() -> None:
    link = Screened()
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.bert, CallState.RINGING)
    call = link.offers[0].call
    link.tell(link.bert, events.HookLifted())
    for late in (events.AdmitCall(call), events.RefuseCall(call, EndReason.BUSY)):
        assert link.tell(link.bert, late) == []
    assert link.tell(link.bert, events.DivertCall(99, link.clara.person.number)) == []
    assert link.bert.view.state is CallState.CONNECTED


def test_diverted_call_rings_where_it_was_sent_and_both_ends_know_by_whom() -> None:
    link = Screened()
    clara = link.clara.person.number
    link.doorkeepers[link.bert] = lambda call: events.DivertCall(call, clara)
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.clara, CallState.RINGING)
    link.wait(link.anna, CallState.RINGBACK)
    assert link.anna.view.peer_number == link.clara.person.number
    assert link.anna.view.via == "Bert"
    assert link.clara.view.via == link.bert.person.number
    assert reasons(link.bert) == [EndReason.DIVERTED]
    link.tell(link.clara, events.HookLifted())
    link.wait(link.anna, CallState.CONNECTED)


def test_call_diverted_while_it_rings_goes_on_elsewhere() -> None:
    link = Screened()
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.anna, CallState.RINGBACK)
    link.tell(link.bert, events.DivertCall(link.offers[0].call, link.clara.person.number))
    assert not link.bert.rings
    link.wait(link.clara, CallState.RINGING)
    assert len(link.anna.asked(events.StopMedia)) == 1
    link.tell(link.anna, events.HookReplaced())
    link.run(1.0)
    assert not link.clara.rings


def test_telephones_that_divert_to_each_other_end_in_a_tone() -> None:
    link = Screened()
    bert, clara = link.bert.person.number, link.clara.person.number
    link.doorkeepers[link.bert] = lambda call: events.DivertCall(call, clara)
    link.doorkeepers[link.clara] = lambda call: events.DivertCall(call, bert)
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.anna, CallState.FAILED)
    assert link.anna.view.reason is EndReason.UNREACHABLE
    assert len(link.bert.ended) + len(link.clara.ended) == DIVERSIONS_MAX + 1


@pytest.mark.parametrize("to", [person("Bert").number, "12", ""])
def test_divert_to_ourselves_or_to_no_number_lets_it_ring(to: str) -> None:
    link = Screened()
    link.doorkeepers[link.bert] = lambda call: events.DivertCall(call, to)
    link.dial(link.anna, link.bert.person.number)
    link.wait(link.bert, CallState.RINGING)


def test_caller_who_gives_up_before_the_hash_is_done_rings_nowhere_for_long() -> None:
    link = Screened()
    link.bert.hash_s = 1.0
    link.dial(link.anna, link.bert.person.number)
    link.run(0.5)
    link.tell(link.anna, events.HookReplaced())
    link.run(15.0)
    assert not link.bert.rings and link.bert.view.state is CallState.IDLE
