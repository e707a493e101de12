"""Channels at their limits: who is asked for proof, who must go, and that no call does."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware.channel import (
    Challenge,
    Data,
    Frame,
    Keep,
    Kept,
    Open,
    Opened,
    Refusal,
    Refused,
)
from firmware.model import Endpoint
from firmware.overlay.exchange.channels import (
    LOOKED_AT_MAX,
    PER_OPENER_MAX,
    PER_PAIR_MAX,
    PER_TARGET_MAX,
    PRESSED,
    UNUSED_S,
    Channels,
)
from firmware.overlay.exchange.limits import Limits
from tests.overlay.exchange.office import Office, Person
from tests.overlay.exchange.test_relaying import ANNA, ELSEWHERE, INVITE, NONCE, RINGING


def openers(count: int) -> list[Endpoint]:
    return [Endpoint(f"203.0.{i >> 8}.{i & 255}", 4000) for i in range(count)]


def open_channel(office: Office, bert: Person, opener: Endpoint, nonce: int = 0) -> Frame:
    """The first frame that follows; a cookie is shown if one is wanted."""
    frame = Open(bert.target, nonce.to_bytes(8, "big"), INVITE)
    answer = office.send(frame, opener)[0][0]
    if isinstance(answer, Challenge):
        answer = office.send(replace(frame, cookie=answer.cookie), opener)[0][0]
    return answer


def test_channel_above_the_limit_takes_the_place_of_one_that_was_never_answered() -> None:
    office = Office(Limits(channels=4))
    people = [office.person(i) for i in range(6)]
    for person in people:
        office.register(person, (person.target + b"0000",))
    for person, opener in zip(people, openers(6), strict=True):
        assert isinstance(open_channel(office, person, opener), Data)
    assert office.exchange.helping().channels == 4


def test_channel_above_the_limit_displaces_no_call() -> None:
    office = Office(Limits(channels=4))
    people = [office.person(i) for i in range(5)]
    for person, opener in zip(people, openers(5), strict=True):
        office.register(person, (person.target + b"0000",))
        frame = open_channel(office, person, opener)
        if isinstance(frame, Data):
            office.send(Data(frame.leg_id, RINGING), person.endpoint)
    assert isinstance(frame, Refusal) and frame.why is Refused.FULL and frame.retry_s > 0
    assert office.exchange.load(office.now_s) == 255


def test_newcomer_at_an_exchange_full_of_calls_displaces_nobody_before_it_proves_its_address() -> (
    None
):
    office = Office(Limits(channels=4))
    people = [office.person(i) for i in range(6)]
    for person in people:
        office.register(person, (person.target + b"0000",))
    for person, opener in zip(people[:3], openers(3), strict=True):
        talk(office, person, opener)
    waiting = open_channel(office, people[3], ANNA)
    assert isinstance(waiting, Data)
    for i, forged in enumerate(openers(100)):
        [(answer, _)] = office.send(Open(people[4].target, i.to_bytes(8, "big"), INVITE), forged)
        assert isinstance(answer, Challenge)
    assert office.send(Data(waiting.leg_id, RINGING), people[3].endpoint)[0][1] == ANNA
    assert isinstance(open_channel(office, people[5], ELSEWHERE), Refusal)  # by now all are calls
    assert office.exchange.helping().channels == 4


@pytest.mark.parametrize("place", [LOOKED_AT_MAX - 1, LOOKED_AT_MAX])
def test_one_without_proof_goes_if_it_is_among_the_oldest_else_the_oldest(place: int) -> None:
    most = LOOKED_AT_MAX + 2
    channels = Channels(most, 10**6, random.Random(8).randbytes)
    keys = [(opener, NONCE + i.to_bytes(16, "big")) for i, opener in enumerate(openers(most + 1))]
    for i, key in enumerate(keys):
        opened = channels.open(key, key[1][8:], ELSEWHERE, 300, 0.0, is_proved=i != place)
        assert opened is not None and len(channels) <= most
    gone = place if place < LOOKED_AT_MAX else 0
    assert [key in channels for key in keys] == [i != gone for i in range(most + 1)]


def test_one_address_opens_so_many_channels_and_no_more() -> None:
    office = Office(Limits(channels=1000))
    people = [office.person(i) for i in range(PER_OPENER_MAX + 5)]
    for person in people:
        office.register(person, (person.target + b"0000",))
        open_channel(office, person, ANNA)
    assert office.exchange.helping().channels == PER_OPENER_MAX


def test_one_box_is_called_by_so_many_at_a_time_and_no_more() -> None:
    office = Office(Limits(channels=1000))
    bert = office.person(1)
    office.register(bert)
    for opener in openers(PER_TARGET_MAX + 5):
        open_channel(office, bert, opener)
    assert office.exchange.helping().channels == PER_TARGET_MAX


def talk(office: Office, bert: Person, opener: Endpoint) -> tuple[bytes, bytes]:
    """A call that has been answered; the legs of Bert and of the opener."""
    invite = open_channel(office, bert, opener)
    assert isinstance(invite, Data)
    opened = office.send(Data(invite.leg_id, RINGING), bert.endpoint)[0][0]
    assert isinstance(opened, Opened)
    office.send(Keep(opened.leg_id, 0), opener)
    return invite.leg_id, opened.leg_id


def test_channel_on_which_nothing_is_said_any_more_keeps_no_caller_out() -> None:
    office = Office(Limits(channels=1000))
    bert = office.person(1)
    office.register(bert)
    callers = openers(PER_TARGET_MAX + 1)
    legs = [talk(office, bert, opener) for opener in callers[:-1]]
    full = open_channel(office, bert, callers[-1])
    assert isinstance(full, Refusal) and full.why is Refused.FULL
    office.now_s += UNUSED_S
    for leg, opener in zip(legs, callers, strict=False):
        office.send(Keep(leg[1], 1), opener)  # as if they were still wanted
    for berts, _ in legs[1:]:
        office.send(Data(berts, RINGING), bert.endpoint)
    assert isinstance(open_channel(office, bert, callers[-1]), Data)
    assert isinstance(office.send(Keep(legs[0][1], 2), callers[0])[0][0], Refusal)
    assert isinstance(office.send(Keep(legs[1][1], 2), callers[1])[0][0], Kept)


def test_channel_is_closed_by_its_box_and_by_nobody_else() -> None:
    office = Office()
    bert = office.person(1)
    office.register(bert)
    _, leg = talk(office, bert, ANNA)
    office.send(Keep(leg, 1, is_last=True), ELSEWHERE)
    assert len(office.exchange.channels) == 1
    office.send(Keep(leg, 1, is_last=True), ANNA)
    assert len(office.exchange.channels) == 0


def test_caller_who_proves_its_address_gets_through_a_flood_of_forged_ones() -> None:
    office = Office(Limits(channels=1000))
    bert = office.person(1)
    office.register(bert)
    for i, forged in enumerate(openers(300)):
        office.send(Open(bert.target, i.to_bytes(8, "big"), INVITE), forged)
    invite = open_channel(office, bert, ANNA, 1000)
    assert isinstance(invite, Data)
    for i, forged in enumerate(openers(300)):
        office.send(Open(bert.target, (2000 + i).to_bytes(8, "big"), INVITE), forged)
    [(ringing, to)] = office.send(Data(invite.leg_id, RINGING), bert.endpoint)
    assert isinstance(ringing, Opened) and to == ANNA
    assert len(office.exchange.channels) <= PRESSED + 1


def test_one_address_that_proves_itself_drives_only_its_own_callers_out() -> None:
    office = Office(Limits(channels=1000))
    bert = office.person(1)
    office.register(bert)
    invite = open_channel(office, bert, ANNA)
    assert isinstance(invite, Data)
    for i in range(1, 200):
        open_channel(office, bert, ELSEWHERE, i)
    assert len(office.exchange.channels) == 1 + PER_PAIR_MAX
    assert office.send(Data(invite.leg_id, RINGING), bert.endpoint)[0][1] == ANNA


def test_cookie_is_good_for_one_address_and_one_target_only() -> None:
    office = Office(Limits(channels=1000))
    bert, carla = office.person(1), office.person(2)
    for person in (bert, carla):
        office.register(person, (person.target + b"0000",))
        for i, opener in enumerate(openers(PRESSED)):
            office.send(Open(person.target, i.to_bytes(8, "big"), INVITE), opener)
    frame = Open(bert.target, NONCE, INVITE)
    [(challenge, to)] = office.send(frame, ANNA)
    assert isinstance(challenge, Challenge) and to == ANNA
    assert len(challenge.encode()) < len(frame.encode())
    proved = replace(frame, cookie=challenge.cookie)
    for forged, source in ((proved, ELSEWHERE), (replace(proved, target=carla.target), ANNA)):
        assert isinstance(office.send(forged, source)[0][0], Challenge)
    assert isinstance(office.send(proved, ANNA)[0][0], Data)


def test_flood_of_open_frames_grows_nothing() -> None:
    office = Office(Limits(channels=64))
    bert = office.person(1)
    office.register(bert)
    dice = random.Random(9)
    for i in range(20_000):
        opener = Endpoint(f"{dice.randrange(1, 224)}.{i >> 8 & 255}.{i & 255}.1", 4000)
        open_channel(office, bert, opener, i)
        office.now_s += 0.001
    channels = office.exchange.channels
    assert len(channels) <= PER_TARGET_MAX
    assert len(channels._legs) == 2 * len(channels)
    assert len(channels._of_owner) <= PER_TARGET_MAX
