"""Intercom: the bell announces a call, then the box answers by itself; and a hand can take it."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.call.incoming import ANNOUNCE_S
from firmware.events import Message
from firmware.model import CallState, CallView, EndReason
from tests.call.link import Link, Phone


class House(Link):
    """Bert's telephone answers by itself when Anna calls."""

    def __init__(self) -> None:
        super().__init__()
        self.anna, self.bert = self.add("Anna"), self.add("Bert")

    def tell(self, phone: Phone, fact: Message) -> list[Message]:
        """What the phone book says of an intercom contact."""
        if isinstance(fact, events.CallOffered) and fact.number == self.anna.person.number:
            super().tell(phone, events.AnswerCall(fact.call))
        return super().tell(phone, fact)

    def answered(self) -> None:
        self.dial(self.anna, self.bert.person.number)
        self.wait(self.anna, CallState.CONNECTED)

    def opened(self) -> list[int]:
        """Earpiece, microphone and bell of Bert: 1 = open."""
        pairs = (
            (events.OpenEarpiece, events.CloseEarpiece),
            (events.OpenMicrophone, events.CloseMicrophone),
            (events.StartRinging, events.StopRinging),
        )
        return [len(self.bert.asked(a)) - len(self.bert.asked(b)) for a, b in pairs]


def seen(phone: Phone) -> CallView:
    return phone.view


def test_bell_announces_the_call_before_anybody_is_heard() -> None:
    house = House()
    house.dial(house.anna, house.bert.person.number)
    house.wait(house.bert, CallState.RINGING)
    house.run(ANNOUNCE_S - 0.1)
    assert house.opened() == [0, 0, 1]
    house.run(0.2)
    assert house.opened() == [1, 1, 0] and seen(house.bert).state is CallState.CONNECTED


def test_end_of_an_intercom_call_leaves_nothing_to_put_down() -> None:
    house = House()
    house.answered()
    house.tell(house.anna, events.HookReplaced())
    house.run(0.5)
    assert seen(house.bert).state is CallState.IDLE and house.opened() == [0, 0, 0]
    assert seen(house.bert).reason is EndReason.HUNG_UP_BY_PEER


def test_star_ends_an_intercom_call_from_here() -> None:
    house = House()
    house.answered()
    house.tell(house.bert, events.KeyPressed("*"))
    house.run(0.5)
    assert seen(house.bert).state is CallState.IDLE and house.opened() == [0, 0, 0]
    assert seen(house.anna).reason is EndReason.HUNG_UP_BY_PEER


@pytest.mark.parametrize("key", ["*", ""])
def test_bell_that_announces_can_be_refused_and_answered_like_any(key: str) -> None:
    house = House()
    house.dial(house.anna, house.bert.person.number)
    house.wait(house.bert, CallState.RINGING)
    house.tell(house.bert, events.KeyPressed("*") if key else events.HookLifted())
    house.run(2 * ANNOUNCE_S)
    assert seen(house.bert).state is (CallState.IDLE if key else CallState.CONNECTED)
    assert house.opened() == ([0, 0, 0] if key else [1, 1, 0])


def test_handset_that_is_lifted_takes_the_call_and_ends_it() -> None:
    house = House()
    house.answered()
    house.tell(house.bert, events.HookLifted())
    house.tell(house.bert, events.KeyPressed("*"))
    assert seen(house.bert).state is CallState.CONNECTED, "now * is a key for the peer"
    house.tell(house.bert, events.HookReplaced())
    house.run(0.5)
    assert seen(house.bert).state is CallState.IDLE and house.opened() == [0, 0, 0]


def test_intercom_never_opens_a_line_that_is_in_use() -> None:
    house = House()
    clara = house.add("Clara")
    house.connect(clara, house.bert)
    house.dial(house.anna, house.bert.person.number)
    house.wait(house.anna, CallState.RINGBACK)
    house.run(3 * ANNOUNCE_S)
    assert seen(house.anna).state is CallState.RINGBACK
    assert seen(house.bert).peer_name == "Clara"


def test_caller_who_waits_rings_when_the_intercom_call_is_over() -> None:
    house = House()
    clara = house.add("Clara")
    house.answered()
    house.dial(clara, house.bert.person.number)
    house.wait(clara, CallState.RINGBACK)
    house.tell(house.anna, events.HookReplaced())
    house.run(0.5)
    assert seen(house.bert).state is CallState.RINGING and house.opened() == [0, 0, 1]
