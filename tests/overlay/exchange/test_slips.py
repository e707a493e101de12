"""Slips at an exchange: who may leave how many, who gets them, who can have them thrown away."""

from __future__ import annotations

import pytest

from firmware.channel import (
    SLIP_BYTES,
    Challenge,
    Keep,
    Leave,
    Leaving,
    Left,
    Slip,
    Taken,
    slip_id_of,
    taken_part,
)
from firmware.events.services import AWAY_S_MAX
from firmware.model import Endpoint
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.exchange.slips import (
    PER_SENDER_AND_TARGET_MAX,
    PER_SENDER_MAX,
    PER_TARGET_MAX,
    REST_S,
    TRIES_MAX,
)
from tests.overlay.exchange.office import Office, Person

NONCE = b"nonce..."


def slip(i: int) -> bytes:
    return i.to_bytes(4, "big") * (SLIP_BYTES // 4)


def sender(i: int) -> Endpoint:
    return Endpoint(f"203.0.{i >> 8}.{i & 255}", 6881)


def leave(office: Office, target: bytes, i: int, source: Endpoint) -> Leaving:
    """With the cookie that the exchange wants to see."""
    ((challenge, _),) = office.send(Leave(target, NONCE, slip(i)), source)
    assert isinstance(challenge, Challenge)
    ((left, to),) = office.send(Leave(target, NONCE, slip(i), challenge.cookie), source)
    assert isinstance(left, Left) and (left.about, to) == (NONCE, source)
    return left.leaving


def away(office: Office, index: int = 1) -> Person:
    """A box that was registered here, and has gone."""
    anna = office.person(index)
    office.register(anna)
    office.send(Keep(anna.registration_id, 0, is_last=True), anna.endpoint)
    return anna


def handed(office: Office, duration_s: float = 1.0) -> list[bytes]:
    return [frame.slip for frame, _ in office.wait(duration_s) if isinstance(frame, Slip)]


def take(office: Office, who: Person, i: int, *, signer: Person | None = None) -> None:
    slip_id = slip_id_of(slip(i))
    message = taken_part(office.exchange.public_key, slip_id)
    signature = (signer or who).identity.sign(message)
    office.send(Taken(who.registration_id, slip_id, signature), who.endpoint)


def test_slip_is_taken_from_a_proved_address_and_handed_over_at_the_next_registration() -> None:
    office = Office()
    anna = away(office)
    assert leave(office, anna.target, 1, sender(1)) is Leaving.KEPT
    assert handed(office) == []
    office.register(anna)
    assert handed(office) == [slip(1)]
    take(office, anna, 1)
    assert len(office.exchange.slips) == 0
    assert handed(office, 30.0) == []


def test_challenge_is_shorter_than_what_it_answers_and_a_forged_cookie_keeps_nothing() -> None:
    office = Office()
    anna, asked = away(office), Leave(b"t" * 16, NONCE, slip(1), b"forged..")
    ((challenge, _),) = office.send(asked, sender(1))
    assert isinstance(challenge, Challenge)
    assert len(challenge.encode()) < len(asked.encode())
    right = Leave(anna.target, NONCE, slip(1), challenge.cookie)  # of another target
    ((again, _),) = office.send(right, sender(1))
    assert isinstance(again, Challenge)
    assert len(office.exchange.slips) == 0


def test_slip_that_is_left_twice_is_one_slip() -> None:
    office = Office()
    anna = away(office)
    for _ in range(2):
        assert leave(office, anna.target, 1, sender(1)) is Leaving.KEPT
    assert len(office.exchange.slips) == 1


def test_only_the_box_itself_can_have_a_slip_thrown_away() -> None:
    office = Office()
    anna, mallory = away(office), office.person(2)
    office.register(mallory)
    leave(office, anna.target, 1, sender(1))
    take(office, mallory, 1)
    office.register(anna)
    take(office, anna, 1, signer=mallory)
    assert len(office.exchange.slips) == 1
    assert office.exchange.slips.counters["taken_forged"] == 1


def test_box_that_takes_nothing_is_left_in_peace_and_asked_again_later() -> None:
    office = Office()
    anna = away(office)
    leave(office, anna.target, 1, sender(1))
    office.register(anna)
    assert handed(office, 60.0) == [slip(1)] * TRIES_MAX
    for _ in range(int(REST_S / 20) + 2):
        office.send(Keep(anna.registration_id, 1), anna.endpoint)
        office.wait(20.0)
    office.send(Keep(anna.registration_id, 1), anna.endpoint)
    assert office.exchange.slips.counters["taken"] == 0
    assert len(office.exchange.slips) == 1


def test_many_slips_are_handed_over_one_after_the_other() -> None:
    office = Office()
    anna = away(office)
    for i in range(PER_TARGET_MAX):
        assert leave(office, anna.target, i, sender(i)) is Leaving.KEPT
    office.register(anna)
    got: list[bytes] = []
    while new := [one for one in handed(office, 0.5) if one not in got]:
        got += new
        for one in new:
            take(office, anna, int.from_bytes(one[:4], "big"))
    assert got == [slip(i) for i in range(PER_TARGET_MAX)]
    assert len(office.exchange.slips) == 0


@pytest.mark.parametrize(
    ("limit", "targets", "senders"),
    [(PER_TARGET_MAX, 1, 99), (PER_SENDER_AND_TARGET_MAX, 1, 1), (PER_SENDER_MAX, 99, 1)],
    ids=["target", "sender and target", "sender"],
)
def test_one_more_than_the_limit_is_refused(limit: int, targets: int, senders: int) -> None:
    office = Office()
    people = [away(office, i + 1) for i in range(min(targets, limit + 1))]
    said = [
        leave(office, people[i % targets].target, i, sender(i % senders)) for i in range(limit + 1)
    ]
    assert said == [Leaving.KEPT] * limit + [Leaving.FULL]


def test_boxes_that_were_never_here_get_a_quarter_of_the_room() -> None:
    office = Office(Limits(slips=8))
    anna = away(office)
    for i in range(2):
        assert leave(office, bytes([i]) * 16, i, sender(i)) is Leaving.KEPT
    assert leave(office, b"x" * 16, 9, sender(9)) is Leaving.FULL
    for i in range(10, 16):
        assert leave(office, anna.target, i, sender(i)) is Leaving.KEPT
    assert leave(office, anna.target, 16, sender(16)) is Leaving.FULL  # all is full


def test_slip_that_nobody_fetches_is_forgotten_after_a_week() -> None:
    office = Office()
    anna = away(office)
    leave(office, anna.target, 1, sender(1))
    office.wait(AWAY_S_MAX - 60.0)
    assert len(office.exchange.slips) == 1
    office.wait(120.0)
    assert len(office.exchange.slips) == 0


def test_exchange_that_is_about_to_stop_takes_none() -> None:
    office = Office()
    anna = away(office)
    office.exchange.drain(office.now_s)
    assert leave(office, anna.target, 1, sender(1)) is Leaving.DRAINING


def test_exchange_that_is_about_to_stop_leaves_its_slips_with_others() -> None:
    office, other = Office(), Office(seed=5)
    anna, here = away(office), Endpoint("198.51.100.1", 6881)
    there = Endpoint("198.51.100.2", 6881)
    leave(office, anna.target, 1, sender(1))
    office.exchange.slips.hand_on([there], office.now_s)
    for _ in range(2):  # at first without a cookie
        ((asked, to),) = office.wait(0.1)
        assert isinstance(asked, Leave) and to == there
        ((answer, _),) = other.send(asked, here)
        office.send(answer, there)
    assert len(other.exchange.slips) == 1
    other.register(anna)
    assert handed(other) == [slip(1)]
    assert office.wait(20.0) == []
