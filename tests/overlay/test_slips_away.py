"""Leaving and collecting slips: what a box does that finds nobody, and one that was away."""

from __future__ import annotations

import random

from firmware.channel import Challenge, Leave, Leaving, Left, Slip, Taken, decode, slip_id_of
from firmware.events import Argon2Computed, ComputeArgon2, Message, SendDatagram
from firmware.events.services import SlipCame, SlipNoted, SlipOutcome, TellBack
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.collecting import (
    DONE_MAX,
    HASHES_BURST_MAX,
    HASHES_PER_S_MAX,
    SLIPS_BURST_MAX,
    SLIPS_PER_S_MAX,
    WAITING_MAX,
    CollectingSlips,
)
from firmware.overlay.courier import CHALLENGES_MAX, REPEATS_S, Courier
from firmware.overlay.slip import seal_slip
from firmware.overlay.swarm import Known
from tests.call.link import Person, cheap_hash, person

ANNA, BERT = person("Anna"), person("Bert")
HERE, THERE = Endpoint("192.0.2.1", 6881), Endpoint("192.0.2.2", 6881)
UTC_S = 1_800_000_000
KEY, ID = b"k" * 32, b"identity"
NOW_S = 1000.0


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
    said = proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY, NOW_S))
    assert said == [SlipCame(ANNA.number, UTC_S)]
    assert collecting.receive(Slip(ID, left), THERE, KEY, NOW_S) == []
    noted = collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.KEPT))
    assert taken(noted) == [(slip_id_of(left), HERE), (slip_id_of(left), THERE)]
    assert TellBack(ANNA.number, UTC_S) in noted
    again = collecting.receive(Slip(ID, left), HERE, KEY, NOW_S)
    assert taken(again) == [(slip_id_of(left), HERE)]


def test_slip_that_the_card_did_not_take_stays_at_the_exchange_and_comes_again() -> None:
    collecting, left = bert(), slip()
    proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY, NOW_S))
    assert collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.LATER)) == []
    assert collecting.receive(Slip(ID, left), HERE, KEY, NOW_S) == [SlipCame(ANNA.number, UTC_S)]


def test_refused_slip_is_thrown_away_and_its_sender_is_told_nothing() -> None:
    collecting, left = bert(), slip()
    proved(collecting, collecting.receive(Slip(ID, left), HERE, KEY, NOW_S))
    refused = collecting.noted(SlipNoted(ANNA.number, UTC_S, SlipOutcome.REFUSED))
    assert taken(refused) == [(slip_id_of(left), HERE)]
    assert len(refused) == 1


def test_forged_slip_is_thrown_away_and_told_to_nobody() -> None:
    collecting, forged = bert(), b"\1" + bytes(315)
    assert taken(collecting.receive(Slip(ID, forged), HERE, KEY, NOW_S)) == [
        (slip_id_of(forged), HERE)
    ]
    assert collecting.counters["forged"] == 1


def test_sender_whose_hash_is_no_number_is_a_forger() -> None:
    collecting, left = bert(), slip()
    (question,) = collecting.receive(Slip(ID, left), HERE, KEY, NOW_S)
    assert isinstance(question, ComputeArgon2)
    wrong = Argon2Computed(question.secret, question.salt, b"\xff" * 32)
    assert taken(collecting.hear(wrong)) == [(slip_id_of(left), HERE)]
    assert collecting.counters["forged"] == 1


def test_one_slip_more_than_may_wait_is_left_where_it_is() -> None:
    collecting = bert()
    for i in range(WAITING_MAX):
        collecting.receive(Slip(ID, slip(i)), HERE, KEY, NOW_S)
    assert collecting.receive(Slip(ID, slip(WAITING_MAX)), HERE, KEY, NOW_S) == []


def certificate_of_nobody(i: int) -> Person:
    """A key of its own that is behind no number; costs its owner nothing."""
    identity = Identity.generate(random.Random(f"nobody {i}").randbytes(64))
    return Person(identity, identity.certify(bytes(16), ""), "")


def test_forged_senders_cost_so_many_hashes_at_once_and_so_many_per_second() -> None:
    collecting, now_s = bert(), NOW_S
    flood = [slip(i, certificate_of_nobody(i)) for i in range(80)]

    def hand_over(one: bytes, exchange: bytes) -> bool:
        """True if it costs a hash; then that proves nothing."""
        asked = collecting.receive(Slip(ID, one), HERE, exchange, now_s)
        questions = [message for message in asked if isinstance(message, ComputeArgon2)]
        for question in questions:
            collecting.hear(Argon2Computed(question.secret, question.salt, b"\xff" * 32))
        return bool(questions)

    hashes = sum(hand_over(one, bytes([i % 3]) * 32) for i, one in enumerate(flood[:40]))
    assert hashes == HASHES_BURST_MAX
    assert collecting.counters["hash_over_the_limit"] == 40 - HASHES_BURST_MAX
    now_s += 1 / HASHES_PER_S_MAX
    assert [hand_over(one, KEY) for one in flood[40:43]] == [True, False, False]
    now_s += 1 / HASHES_PER_S_MAX
    assert hand_over(flood[41], KEY)  # it has stayed where it was, and comes again


def test_sender_whose_number_is_known_has_no_part_in_what_forgers_use_up() -> None:
    collecting = bert()
    first = proved(collecting, collecting.receive(Slip(ID, slip()), HERE, KEY, NOW_S))
    assert first == [SlipCame(ANNA.number, UTC_S)]
    for i in range(int(HASHES_BURST_MAX) + 1):
        forged = slip(i, certificate_of_nobody(i))
        for message in collecting.receive(Slip(ID, forged), HERE, KEY, NOW_S):
            assert isinstance(message, ComputeArgon2 | SendDatagram)
            if isinstance(message, ComputeArgon2):
                collecting.hear(Argon2Computed(message.secret, message.salt, b"\xff" * 32))
    assert collecting.counters["hash_over_the_limit"] > 0
    again = collecting.receive(Slip(ID, slip(1)), HERE, KEY, NOW_S)
    assert again == [SlipCame(ANNA.number, UTC_S + 1)]


def test_one_exchange_makes_us_open_and_sign_so_much_at_once_and_no_other_suffers() -> None:
    collecting, forged = bert(), b"\1" + bytes(315)
    for _ in range(int(SLIPS_BURST_MAX)):
        assert taken(collecting.receive(Slip(ID, forged), HERE, KEY, NOW_S))
    assert collecting.receive(Slip(ID, forged), HERE, KEY, NOW_S) == []
    assert taken(collecting.receive(Slip(ID, forged), THERE, b"o" * 32, NOW_S))
    later_s = NOW_S + 1 / SLIPS_PER_S_MAX
    assert taken(collecting.receive(Slip(ID, forged), HERE, KEY, later_s))
    assert collecting.receive(Slip(ID, forged), HERE, KEY, later_s) == []


def test_so_many_slips_are_remembered_as_done() -> None:
    collecting = bert()
    forged = [b"\1" + i.to_bytes(4, "big") + bytes(311) for i in range(DONE_MAX + 1)]
    for i, one in enumerate(forged):
        collecting.receive(Slip(ID, one), HERE, KEY, NOW_S + i)
    collecting.receive(Slip(ID, forged[-1]), HERE, KEY, NOW_S + DONE_MAX)
    assert collecting.counters["forged"] == DONE_MAX + 1
    collecting.receive(Slip(ID, forged[0]), HERE, KEY, NOW_S + DONE_MAX)
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


def test_exchange_that_wants_proof_again_and_again_gets_it_so_often_and_no_more() -> None:
    courier = Courier(b"t" * 16, slip(), random.Random(1).randbytes)
    courier.send([HERE], 0.0)
    (sent,) = courier.advance(0.0)
    assert isinstance(sent, SendDatagram)
    asked = decode(sent.data)
    assert isinstance(asked, Leave)
    proofs = 0
    for i in range(CHALLENGES_MAX + 3):
        courier.receive(Challenge(asked.nonce, b"cookie %d" % i), HERE, 0.1)
        proofs += len(courier.advance(0.1))
    assert proofs == CHALLENGES_MAX
    now_s, sent_in_all = 0.1, 1 + proofs
    while (due_s := courier.deadline_s()) is not None:
        now_s = due_s
        sent_in_all += len(courier.advance(now_s))
    assert sent_in_all == len(REPEATS_S) and courier.is_done and not courier.kept
