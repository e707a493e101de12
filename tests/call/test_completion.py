"""Waiting for a busy line: who may, who is told, and what forged and late words do."""

from __future__ import annotations

import struct

import pytest

from firmware import events
from firmware.call.completion import ASK_KEY, RECALL_S, REST_S, TURN_S
from firmware.call.encoding import decode_signal, encode_signal
from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CallerHandshake
from firmware.call.messages import (
    Completion,
    Decline,
    DoNotDisturb,
    Invite,
    Noted,
    Signal,
    TryLater,
)
from firmware.call.wishes import ASKERS_MAX, WISH_S, WISHES_MAX, Wishes
from firmware.model import CallState, Endpoint, EndReason, Wish
from tests.call.link import UTC_S, Link, Person, Phone, person, reasons

ROGUE = person("Rogue")


class Waiting(Link):
    """Bert has lifted his handset; Anna met the busy tone, waits for him and has hung up."""

    def __init__(self, *, loss: float = 0.0) -> None:
        super().__init__(loss=loss)
        self.anna, self.bert, self.clara = (self.add(name) for name in ("Anna", "Bert", "Clara"))
        self.tell(self.bert, events.HookLifted())
        self.ask(self.anna)
        self.tell(self.anna, events.HookReplaced())

    def ask(self, caller: Phone) -> None:
        self.dial(caller, self.bert.person.number)
        self.wait(caller, CallState.BUSY)
        seen = [caller.view.wish]
        self.tell(caller, events.KeyPressed(ASK_KEY))
        seen.append(caller.view.wish)
        self.run(9.0)
        seen.append(caller.view.wish)
        assert seen == [Wish.OFFERED, Wish.ASKED, Wish.GRANTED]

    def free(self) -> None:
        self.tell(self.bert, events.HookReplaced())


def knock(link: Link, phone: Phone, who: Person, completion: Completion) -> Signal:
    """What `phone` answers to an INVITE of `who`, who is at no telephone."""
    session = struct.pack("!d", link.now_s)  # another one each time
    utc_s = int(UTC_S + link.now_s)
    number, certificate = phone.person.number, who.certificate.encode()
    invite = Invite(number, certificate, (), utc_s, completion=completion, commitment=bytes(32))
    noise_key = phone.person.identity.noise_key
    handshake = CallerHandshake(who.identity, noise_key, session, b"e" * 32, encode_signal(invite))
    first = Envelope(Kind.HANDSHAKE_1, session, handshake.first_message).encode()
    before = len(link.sent)
    link.deliver(phone, first, Endpoint("203.0.113.66", 6881))
    link.run(0.5)
    envelopes = (Envelope.decode(sent.data) for _, _, sent in link.sent[before:])
    second = next(one for one in envelopes if one.session_id == session)
    return decode_signal(handshake.finish(second.sealed)[0])


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_bell_sounds_when_the_line_is_free_and_who_lifts_is_calling(loss: float) -> None:
    link = Waiting(loss=loss)
    link.run(60.0)
    assert not link.anna.rings and not link.bert.rings
    link.free()
    link.wait(link.anna, CallState.RINGING)
    assert (link.anna.view.wish, link.anna.view.peer_name) == (Wish.FREE, "Bert")
    assert link.anna.rings and not link.bert.rings
    link.tell(link.anna, events.HookLifted())
    assert not link.anna.rings
    link.wait(link.bert, CallState.RINGING)
    link.tell(link.bert, events.HookLifted())
    link.wait(link.anna, CallState.CONNECTED)
    link.run(WISH_S)
    assert reasons(link.anna) == [EndReason.BUSY], "one call that is over, one that goes on"


def test_owner_who_lifts_again_at_once_is_left_in_peace() -> None:
    link = Waiting()
    link.free()
    link.run(REST_S - 0.5)
    link.tell(link.bert, events.HookLifted())
    link.run(60.0)
    assert not link.anna.asked(events.StartRinging)


def test_who_has_lifted_meanwhile_is_told_when_the_handset_is_down_again() -> None:
    link = Waiting()
    link.tell(link.anna, events.HookLifted())
    link.free()
    link.run(20.0)
    assert not link.anna.rings and link.anna.view.wish is None
    link.tell(link.anna, events.HookReplaced())
    assert link.anna.rings and link.anna.view.wish is Wish.FREE


@pytest.mark.parametrize("key", ["*", ""])
def test_bell_ends_by_a_key_or_by_itself_and_sounds_once_only(key: str) -> None:
    link = Waiting()
    link.free()
    link.wait(link.anna, CallState.RINGING)
    if key:
        link.tell(link.anna, events.KeyPressed(key))
    else:
        link.run(RECALL_S)
    assert link.anna.view.state is CallState.IDLE and not link.anna.rings
    link.run(WISH_S)
    assert len(link.anna.asked(events.StartRinging)) == 1
    assert link.anna.core.deadline_s() is None and link.bert.core.deadline_s() is None


def test_two_who_wait_are_told_in_turn() -> None:
    link = Waiting()
    link.ask(link.clara)
    link.tell(link.clara, events.HookReplaced())
    link.free()
    link.wait(link.anna, CallState.RINGING)
    told_s = link.now_s
    assert not link.clara.rings
    link.wait(link.clara, CallState.RINGING, timeout_s=TURN_S + 5.0)
    assert link.now_s - told_s > TURN_S - 2.0


def test_wish_ends_after_half_an_hour_and_when_the_two_talk() -> None:
    late = Waiting()
    late.run(WISH_S)
    late.free()
    late.run(60.0)
    assert not late.anna.asked(events.StartRinging)
    talked = Waiting()
    talked.free()
    talked.connect(talked.anna, talked.bert)
    for phone in (talked.anna, talked.bert):
        talked.tell(phone, events.HookReplaced())
    talked.run(60.0)
    assert not talked.anna.asked(events.StartRinging)


def test_word_that_a_line_is_free_counts_only_if_we_have_asked_for_it() -> None:
    link = Waiting()
    assert knock(link, link.anna, ROGUE, Completion.FREE) == Decline()
    assert knock(link, link.clara, link.bert.person, Completion.FREE) == Decline()
    assert knock(link, link.anna, link.bert.person, Completion.FREE) == Noted()
    assert link.anna.rings
    assert knock(link, link.anna, link.bert.person, Completion.FREE) == Decline(), "a second one"
    assert len(link.anna.asked(events.StartRinging)) == 1


def test_who_may_not_ring_may_not_wait() -> None:
    link = Waiting()
    refused = len(link.bert.ended)
    link.verdict = lambda offer: events.RefuseCall(offer.call, EndReason.DO_NOT_DISTURB)
    assert knock(link, link.bert, ROGUE, Completion.ASK) == DoNotDisturb()
    assert len(link.bert.ended) == refused, "nobody has called"
    link.verdict = lambda offer: offer
    assert knock(link, link.bert, person("Guest"), Completion.ASK) == Noted()


def test_list_of_those_who_wait_is_bounded_and_each_is_in_it_once() -> None:
    wishes = Wishes()
    numbers = [f"{number:012}" for number in range(ASKERS_MAX + 1)]
    assert all(wishes.grant(number, 0.0) for number in numbers[:-1])
    assert not wishes.grant(numbers[-1], 1.0)
    assert wishes.grant(numbers[0], 2.0), "who is in it may say so again"
    assert wishes.grant(numbers[-1], WISH_S + 1.0)
    assert wishes.pop_asker(WISH_S + 1.0) == numbers[0]
    assert wishes.pop_asker(WISH_S + 1.0) == numbers[-1]
    assert wishes.pop_asker(WISH_S + 1.0) is None


def test_own_wishes_are_bounded() -> None:
    wishes = Wishes()
    numbers = [f"{number:012}" for number in range(WISHES_MAX + 1)]
    asked = [wishes.ask(number, 0.0, is_relayed=False) for number in numbers]
    assert asked == [True] * WISHES_MAX + [False]


def test_full_list_is_told_to_who_asks() -> None:
    link = Waiting()
    for index in range(ASKERS_MAX - 1):
        assert knock(link, link.bert, person(f"Guest {index}"), Completion.ASK) == Noted()
    assert knock(link, link.bert, ROGUE, Completion.ASK) == TryLater()
