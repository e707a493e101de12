"""Leaving and collecting slips: what a box does that finds nobody, and one that was away."""

from __future__ import annotations

import random

from firmware.channel import Challenge, Leave, Leaving, Left, Slip, Taken, decode, slip_id_of
from firmware.events import Argon2Computed, ComputeArgon2, Message, SendDatagram
from firmware.events.services import SlipCame, SlipNoted, SlipOutcome, TellBack
from firmware.model import Endpoint
from firmware.overlay.collecting import DONE_MAX, WAITING_MAX, CollectingSlips
from firmware.overlay.courier import REPEATS_S, Courier
from firmware.overlay.slip import seal_slip
from firmware.overlay.swarm import Known
from tests.call.link import Person, cheap_hash, person

ANNA, BERT = person("Anna"), person("Bert")
HERE, THERE = Endpoint("192.0.2.1", 6881), Endpoint("192.0.2.2", 6881)
UTC_S = 1_800_000_000
KEY, ID = b"k" * 32, b"identity"


def slip(i: int = 0, sender: Person = ANNA) -> bytes:
    certificate = sender.certificate.encode()
    ephemeral = random.Random(i).randbytes(32)
    return seal_slip(BERT.certificate, certificate, sender.identity.sign, UTC_S + i, ephemeral)


def bert() -> CollectingSlips:
    collecting = CollectingSlips(Known())
    collecting.claim(BERT.identity)
    return collecting


def proved(collecting: CollectingSlips, messages: list[Message]) -> list[Message]:
    """What follows when each hash has been cheap_hash."""
    out = []
    for message in messages:
        if isinstance(message, ComputeArgon2):
            out += proved(collecting, collecting.hear(cheap_hash(message.secret, message.salt)))
        else:
            out.append(message)
    return out


def taken(messages: list[Message]) -> list[tuple[bytes, Endpoint]]:
    sent = [message for message in messages if isinstance(message, SendDatagram)]
    frames = [(decode(one.data), one.to) for one in sent]
    return [(frame.slip_id, to) for frame, to in frames if isinstance(frame, Taken)]


def test_slip_at_two_exchanges_is_told_once_and_acknowledged_to_both_when_it_is_noted() -> None:
    collecting, left = bert(), slip()
    said = proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY))
    assert said == [SlipCame(ANNA.number, UTC_S)]
    assert collecting.receive(Slip(ID, left), THERE, KEY) == []
    noted = collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.KEPT))
    assert taken(noted) == [(slip_id_of(left), HERE), (slip_id_of(left), THERE)]
    assert TellBack(ANNA.number, UTC_S) in noted
    again = collecting.receive(Slip(ID, left), HERE, KEY)
    assert taken(again) == [(slip_id_of(left), HERE)]


def test_slip_that_the_card_did_not_take_stays_at_the_exchange_and_comes_again() -> None:
    collecting, left = bert(), slip()
    proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY))
    assert collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.LATER)) == []
    assert collecting.receive(Slip(ID, left), HERE, KEY) == [SlipCame(ANNA.number, UTC_S)]


def test_refused_slip_is_thrown_away_and_its_sender_is_told_nothing() -> None:
    collecting, left = bert(), slip()
    proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY))
    refused = collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.REFUSED))
    assert taken(refused) == [(slip_id_of(left), HERE)]
    assert len(refused) == 1


def test_forged_slip_is_thrown_away_and_told_to_nobody() -> None:
    collecting, forged = bert(), b"\1" + bytes(315)
    assert taken(collecting.receive(Slip(ID, forged), HERE, KEY)) == [(slip_id_of(forged), HERE)]
    assert collecting.counters["forged"] == 1


def test_sender_whose_hash_is_no_number_is_a_forger() -> None:
    collecting, left = bert(), slip()
    (question,) = collecting.receive(Slip(ID, left), HERE, KEY)
    assert isinstance(question, ComputeArgon2)
    wrong = Argon2Computed(question.secret, question.salt, b"\xff" * 32)
    assert taken(collecting.hear(wrong)) == [(slip_id_of(left), HERE)]
    assert collecting.counters["forged"] == 1


def test_one_slip_more_than_may_wait_is_left_where_it_is() -> None:
    collecting = bert()
    for i in range(WAITING_MAX):
        collecting.receive(Slip(ID, slip(i)), HERE, KEY)
    assert collecting.receive(Slip(ID, slip(WAITING_MAX)), HERE, KEY) == []


def test_so_many_slips_are_remembered_as_done() -> None:
    collecting = bert()
    forged = [b"\1" + i.to_bytes(4, "big") + bytes(311) for i in range(DONE_MAX + 1)]
    for one in forged:
        collecting.receive(Slip(ID, one), HERE, KEY)
    collecting.receive(Slip(ID, forged[-1]), HERE, KEY)
    assert collecting.counters["forged"] == DONE_MAX + 1
    collecting.receive(Slip(ID, forged[0]), HERE, KEY)
    assert collecting.counters["forged"] == DONE_MAX + 2


def test_courier_repeats_until_each_exchange_has_answered_or_is_given_up() -> None:
    courier = Courier(b"t" * 16, slip(), random.Random(1).randbytes)
    courier.send([HERE, THERE], 0.0)
    sent_at_once = [one for one in courier.advance(0.0) if isinstance(one, SendDatagram)]
    asked = {one.to: decode(one.data) for one in sent_at_once}[HERE]
    assert isinstance(asked, Leave)
    courier.receive(Challenge(asked.nonce, b"a cookie"), HERE, 0.1)
    (proof,) = courier.advance(0.1)
    assert isinstance(proof, SendDatagram)
    shown = decode(proof.data)
    assert isinstance(shown, Leave) and shown.cookie == b"a cookie"
    courier.receive(Left(asked.nonce, Leaving.KEPT), THERE, 0.2)  # not whom that nonce was sent to
    assert courier.kept == 0
    courier.receive(Left(asked.nonce, Leaving.KEPT), HERE, 0.2)
    assert courier.kept == 1
    now_s, sent = 0.2, 0
    while (due_s := courier.deadline_s()) is not None:
        now_s = due_s
        sent += len(courier.advance(now_s))
    assert courier.is_done
    assert sent == len(REPEATS_S) - 1
    assert now_s == sum(REPEATS_S)
