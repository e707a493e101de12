"""Registering: who is taken, who is not, and what is handed out about whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.channel import Elsewhere, Keep, Kept, Refusal, Refused, Standing
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import VERSION, Answer, Query, Register, Response, encode
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.exchange.registrations import PER_HASH_MAX, PER_OWNER_MAX, SILENCE_MAX_S
from firmware.overlay.lease import (
    ASK,
    HASHES_MAX,
    LEASE_S,
    LEASE_S_MAX,
    Entry,
    Lease,
    Outcome,
    Reception,
)
from firmware.overlay.proof import is_proved
from tests.overlay.exchange.office import HASH, UTC_S, Office
from tests.overlay.fuzz import survives

ELSEWHERE = Endpoint("192.0.2.66", 6881)


def test_box_with_a_token_and_a_lease_is_registered_and_its_certificate_handed_out() -> None:
    office = Office()
    anna = office.person(1)
    assert office.register(anna) is Outcome.REGISTERED
    answer = office.ask(HASH)
    assert answer is not None and answer.certificate == anna.certificate.encode()


def test_certificate_comes_with_the_lease_and_the_proof_of_the_exchange_in_it() -> None:
    office = Office()
    anna = office.person(1)
    office.register(anna)
    answer = office.ask(HASH, nonce=b"n" * 16)
    assert answer is not None and answer.lease is not None and answer.proof is not None
    lease = Lease.decode(answer.lease)
    assert lease.exchange_key == office.exchange.public_key
    assert lease.is_signed_by(anna.identity.public_key)
    exchange_at = Endpoint("198.51.100.1", 6881)
    assert is_proved(
        answer.proof, lease.exchange_key, b"n" * 16, HASH, answerer=exchange_at, own_host=None
    )


def test_token_of_another_address_registers_nobody() -> None:
    office = Office()
    anna = office.person(1)
    entry = office.entry(anna)
    assert office.reception(entry.encode(), ELSEWHERE).outcome is Outcome.DENIED
    neighbour = anna.endpoint._replace(port=6882)  # behind the same router
    assert office.reception(entry.encode(), neighbour).outcome is Outcome.DENIED


def test_recorded_registration_is_of_no_use_with_a_token_of_ones_own() -> None:
    office = Office()
    anna = office.person(1)
    recorded = office.entry(anna)
    replayed = replace(recorded, token=office.token(ELSEWHERE))
    assert office.reception(replayed.encode(), ELSEWHERE).outcome is Outcome.DENIED


@pytest.mark.parametrize("wrong", ["key", "hashes", "signature", "exchange", "over", "too_long"])
def test_lease_that_is_not_right_is_denied(wrong: str) -> None:
    office = Office()
    anna, mallory = office.person(1), office.person(2)
    entry = office.entry(anna)
    lease = entry.lease
    expires = {"over": int(UTC_S), "too_long": int(UTC_S) + LEASE_S_MAX + 1}
    exchange_key = bytes(32) if wrong == "exchange" else office.exchange.public_key
    signer = mallory if wrong == "key" else anna
    hashes = (b"x" * 20,) if wrong == "hashes" else entry.hashes
    until = expires.get(wrong, int(UTC_S) + LEASE_S)
    lease = Lease.sign(signer.identity.sign, exchange_key, until, entry.token, hashes)
    if wrong == "signature":
        lease = replace(lease, signature=bytes(64))
    assert (
        office.reception(replace(entry, lease=lease).encode(), anna.endpoint).outcome
        is Outcome.DENIED
    )
    assert office.ask(HASH) is None


def test_exchange_without_a_clock_registers_nobody() -> None:
    office = Office()
    office.exchange._utc_less_now_s = None
    assert office.register(office.person(1)) is Outcome.DENIED


def test_question_for_a_token_is_not_smaller_than_its_answer() -> None:
    office = Office()
    asker = Endpoint("2001:db8::1", 6881)
    question = Query(b"abcd", bytes(20), Register(ASK), version=VERSION)
    answer = Answer(registration=office.reception(ASK, asker).encode())
    response = Response(b"abcd", bytes(20), answer, asker, VERSION)
    assert len(encode(response)) <= len(encode(question))


def test_boxes_of_one_hash_are_handed_out_in_turn() -> None:
    office = Office()
    people = [office.person(i) for i in range(3)]
    for person in people:
        office.register(person)
    answers = [office.ask(HASH) for _ in range(6)]
    handed_out = {answer.certificate for answer in answers if answer is not None}
    assert handed_out == {person.certificate.encode() for person in people}


def test_hash_takes_so_many_boxes_and_no_more() -> None:
    office = Office()
    outcomes = [office.register(office.person(i)) for i in range(PER_HASH_MAX + 1)]
    assert outcomes == [Outcome.REGISTERED] * PER_HASH_MAX + [Outcome.FULL]


def test_address_takes_so_many_boxes_and_no_more() -> None:
    office = Office()
    outcomes = [
        office.register(office.person(i, host="198.51.100.7"), (i.to_bytes(20, "big"),))
        for i in range(PER_OWNER_MAX + 1)
    ]
    assert outcomes == [Outcome.REGISTERED] * PER_OWNER_MAX + [Outcome.FULL]


def test_exchange_that_is_full_says_when_to_come_back_and_keeps_who_is_there() -> None:
    office = Office(Limits(registrations=2))
    people = [office.person(i) for i in range(3)]
    hashes = [(bytes([i]) * 20,) for i in range(3)]
    assert [office.register(*pair) for pair in zip(people, hashes, strict=True)] == [
        Outcome.REGISTERED,
        Outcome.REGISTERED,
        Outcome.FULL,
    ]
    refused = office.reception(office.entry(people[2]).encode(), people[2].endpoint)
    assert refused.retry_s > 0 and refused.load == 255
    assert office.register(people[0], hashes[0]) is Outcome.REGISTERED  # a renewal


def test_box_that_keeps_itself_stays_and_one_that_is_silent_goes() -> None:
    office = Office()
    anna, bert = office.person(1), office.person(2)
    office.register(anna, (b"a" * 20,))
    office.register(bert, (b"b" * 20,))
    for count in range(10):
        office.wait(20.0)
        [(kept, to)] = office.send(Keep(anna.registration_id, count), anna.endpoint)
        assert kept == Kept(anna.registration_id, count, Standing.SERVING, kept.encode()[-1])
        assert to == anna.endpoint
    assert office.ask(b"a" * 20) is not None
    assert office.ask(b"b" * 20) is None
    office.wait(SILENCE_MAX_S + 6.0)
    assert office.ask(b"a" * 20) is None
    due_s = office.exchange.deadline_s()
    assert due_s is None or due_s > office.now_s


def test_keep_alive_from_another_address_keeps_nothing_and_is_told_so() -> None:
    office = Office()
    anna = office.person(1)
    office.register(anna)
    sent = office.send(Keep(anna.registration_id, 1), ELSEWHERE)
    assert sent == [(Refusal(anna.registration_id, Refused.UNKNOWN_ID, 0), ELSEWHERE)]
    office.send(Keep(anna.registration_id, 1, is_last=True), ELSEWHERE)
    assert office.ask(HASH) is not None  # nor can it be given up from there


def test_entry_that_comes_twice_is_one_registration() -> None:
    office = Office()
    anna = office.person(1)
    entry = office.entry(anna).encode()
    first, second = (office.reception(entry, anna.endpoint) for _ in range(2))
    assert first.outcome is second.outcome is Outcome.REGISTERED
    assert first.registration_id == second.registration_id


def test_box_that_moves_registers_anew_and_is_found_at_its_new_address_only() -> None:
    office = Office()
    anna = office.person(1)
    office.register(anna)
    old_id, anna.endpoint = anna.registration_id, ELSEWHERE
    assert office.register(anna) is Outcome.REGISTERED
    assert office.exchange.helping().registrations == 1
    registration = office.exchange.registrations.find(anna.target)
    assert registration is not None and registration.endpoint == ELSEWHERE
    [(frame, _)] = office.send(Keep(old_id, 1), Endpoint("198.51.0.1", 6881))
    assert isinstance(frame, Refusal)


def test_box_that_gives_its_registration_up_is_gone_at_once() -> None:
    office = Office()
    anna = office.person(1)
    office.register(anna)
    assert office.send(Keep(anna.registration_id, 1, is_last=True), anna.endpoint) == []
    assert office.ask(HASH) is None


def test_exchange_about_to_stop_tells_everybody_once_and_takes_nobody() -> None:
    office = Office()
    people = [office.person(i) for i in range(3)]
    for person in people:
        office.register(person, (person.target + b"0000",))
    office.exchange.drain(office.now_s)
    told = office.wait(1.0)
    assert sorted(told, key=str) == sorted(
        [(Elsewhere(person.registration_id, ()), person.endpoint) for person in people], key=str
    )
    assert office.reception(ASK, ELSEWHERE).outcome is Outcome.DRAINING
    assert office.ask(people[0].target + b"0000") is not None  # it serves to the end
    [(kept, _)] = office.send(Keep(people[0].registration_id, 1), people[0].endpoint)
    assert isinstance(kept, Kept) and kept.standing is Standing.DRAINING


def test_entry_and_reception_survive_hostile_bytes() -> None:
    office = Office()
    entry = office.entry(office.person(1), (b"a" * 20, b"b" * 20))
    reception = office.reception(ASK, ELSEWHERE)
    assert Entry.decode(entry.encode()) == entry
    most = Entry(entry.token, (b"h" * 20,) * HASHES_MAX, entry.lease, entry.certificate).encode()
    assert Entry.decode(most) is not None
    one_more = most[:10] + bytes((HASHES_MAX + 1,)) + b"h" * 20 + most[11:]
    with pytest.raises(MalformedError):
        Entry.decode(one_more)
    assert Reception.decode(reception.encode()) == reception
    survives(Entry.decode, [entry.encode(), ASK], seed=3)
    survives(Reception.decode, [reception.encode()], seed=4)
    survives(Lease.decode, [entry.lease.encode()], seed=5)
