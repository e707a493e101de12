"""Channels: what is carried where, to whom no more than came, and what happens at each limit."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware.channel import (
    OPEN_PAYLOAD_BYTES_MAX,
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
    ASKED_MAX_S,
    IDLE_MAX_S,
    LEG_BURST_BYTES,
    LOOKED_AT_MAX,
    PER_OPENER_MAX,
    PER_PAIR_MAX,
    PER_TARGET_MAX,
    PRESSED,
    UNANSWERED_MAX_S,
    UNUSED_S,
    Channels,
)
from firmware.overlay.exchange.limits import Limits
from tests.overlay.exchange.office import Office, Person

ANNA = Endpoint("192.0.2.1", 1000)
ELSEWHERE = Endpoint("192.0.2.200", 2000)
NONCE = b"of Anna."
INVITE = b"\xf0" + bytes(300)
RINGING = b"\xf0" + bytes(100)
SPEECH = b"\x80" + bytes(87)


class Wire:
    """Anna opens a channel to Bert, who is registered."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.office = Office(limits)
        self.bert = self.office.person(1)
        self.office.register(self.bert)
        self.bert_leg = self.anna_leg = b""

    def open(self) -> None:
        [(frame, to)] = self.office.send(Open(self.bert.target, NONCE, INVITE), ANNA)
        assert isinstance(frame, Data) and frame.payload == INVITE and to == self.bert.endpoint
        self.bert_leg = frame.leg_id

    def answer(self) -> None:
        [(frame, to)] = self.say(self.bert.endpoint, self.bert_leg, RINGING)
        assert isinstance(frame, Opened) and frame.payload == RINGING and to == ANNA
        assert frame.about == NONCE
        self.anna_leg = frame.leg_id

    def establish(self) -> None:
        self.open()
        self.answer()
        self.office.send(Keep(self.anna_leg, 0), ANNA)

    def say(self, who: Endpoint, leg: bytes, payload: bytes) -> list[tuple[Frame, Endpoint]]:
        return self.office.send(Data(leg, payload), who)


def test_channel_carries_both_ways_and_each_side_sees_its_own_leg_only() -> None:
    wire = Wire()
    wire.establish()
    assert wire.anna_leg != wire.bert_leg
    sent = wire.say(ANNA, wire.anna_leg, SPEECH)
    assert sent == [(Data(wire.bert_leg, SPEECH), wire.bert.endpoint)]
    sent = wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)
    assert sent == [(Data(wire.anna_leg, SPEECH), ANNA)]


def test_open_repeated_is_the_same_channel() -> None:
    wire = Wire()
    wire.open()
    leg = wire.bert_leg
    wire.open()
    assert wire.bert_leg == leg
    assert wire.office.exchange.helping().channels == 1


def test_open_to_a_target_that_is_not_here_is_refused_in_a_word() -> None:
    wire = Wire()
    sent = wire.office.send(Open(bytes(16), NONCE, INVITE), ANNA)
    assert sent == [(Refusal(NONCE, Refused.UNKNOWN_TARGET, 0), ANNA)]


def test_open_carries_one_sealed_envelope_and_nothing_larger() -> None:
    wire = Wire()
    largest = bytes(OPEN_PAYLOAD_BYTES_MAX)
    assert len(wire.office.send(Open(wire.bert.target, NONCE, largest), ANNA)) == 1
    assert wire.office.send(Open(wire.bert.target, b"another.", largest + b"x"), ANNA) == []


def test_address_that_has_proved_nothing_gets_no_more_bytes_than_came_from_it() -> None:
    wire = Wire()
    wire.open()
    came = len(Open(wire.bert.target, NONCE, INVITE).encode())
    went = 0
    for _ in range(100):
        for frame, to in wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH):
            assert to == ANNA
            went += len(frame.encode())
    assert 0 < went <= came


def test_opener_that_uses_the_leg_it_was_told_is_limited_no_longer() -> None:
    wire = Wire()
    wire.establish()
    for _ in range(100):
        assert len(wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)) == 1


def test_leg_named_from_a_new_address_is_followed_as_soon_as_that_has_proved_itself() -> None:
    wire = Wire()
    wire.establish()
    assert wire.say(ELSEWHERE, wire.anna_leg, bytes(200)) != []
    both = wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)
    (kept, at_home), (moved, away) = both
    assert kept == Data(wire.anna_leg, SPEECH) and at_home == ANNA
    assert isinstance(moved, Opened) and moved.about == wire.anna_leg and away == ELSEWHERE
    assert len(wire.say(ELSEWHERE, moved.leg_id, SPEECH)) == 1  # the proof
    sent = wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)
    assert sent == [(Data(moved.leg_id, SPEECH), ELSEWHERE)]


def test_forger_who_names_a_leg_takes_no_stream_away_and_aims_none_at_a_victim() -> None:
    wire = Wire()
    wire.establish()
    victim, forged = ELSEWHERE, Data(wire.anna_leg, b"").encode()
    wire.office.send(forged, victim)
    to_victim = 0
    for _ in range(200):
        sent = wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)
        assert (Data(wire.anna_leg, SPEECH), ANNA) in sent
        to_victim += sum(len(frame.encode()) for frame, to in sent if to == victim)
        wire.office.now_s += 0.02
    assert to_victim <= len(forged)
    wire.office.wait(ASKED_MAX_S + 6.0)
    wire.say(ANNA, wire.anna_leg, SPEECH)
    assert len(wire.say(wire.bert.endpoint, wire.bert_leg, SPEECH)) == 1  # and is forgotten


def test_registered_box_that_moves_in_mid_call_is_followed_too() -> None:
    wire = Wire()
    wire.establish()
    wire.say(ELSEWHERE, wire.bert_leg, bytes(300))
    frames = wire.say(ANNA, wire.anna_leg, SPEECH)
    moved = next(frame for frame, to in frames if to == ELSEWHERE)
    assert isinstance(moved, Opened) and moved.about == wire.bert_leg
    wire.office.send(Keep(moved.leg_id, 0), ELSEWHERE)
    sent = wire.say(ANNA, wire.anna_leg, SPEECH)
    assert sent == [(Data(moved.leg_id, SPEECH), ELSEWHERE)]


def test_keep_alive_of_a_leg_is_answered_and_of_none_refused() -> None:
    wire = Wire()
    wire.establish()
    [(kept, _)] = wire.office.send(Keep(wire.anna_leg, 7), ANNA)
    assert isinstance(kept, Kept) and kept.count == 7
    [(refusal, _)] = wire.office.send(Keep(b"unknown.", 7), ANNA)
    assert refusal == Refusal(b"unknown.", Refused.UNKNOWN_ID, 0)


def test_empty_frame_keeps_a_channel_and_is_carried_nowhere() -> None:
    wire = Wire()
    wire.establish()
    assert wire.say(ANNA, wire.anna_leg, b"") == []


def test_channel_nobody_uses_ends_and_one_never_answered_sooner() -> None:
    wire = Wire()
    wire.open()
    wire.office.wait(UNANSWERED_MAX_S + 6.0)
    assert wire.office.exchange.helping().channels == 0
    wire.office.send(Keep(wire.bert.registration_id, 0), wire.bert.endpoint)
    wire.establish()
    for _ in range(4):
        wire.office.wait(IDLE_MAX_S / 2)
        wire.office.send(Keep(wire.bert.registration_id, 0), wire.bert.endpoint)
        wire.office.send(Keep(wire.anna_leg, 0), ANNA)
    assert wire.office.exchange.helping().channels == 1
    wire.office.wait(IDLE_MAX_S + 6.0)
    assert wire.office.exchange.helping().channels == 0


def test_leg_carries_its_quota_and_drops_what_is_more() -> None:
    wire = Wire()
    wire.establish()
    frames = LEG_BURST_BYTES // len(Data(wire.anna_leg, SPEECH).encode())
    carried = sum(len(wire.say(ANNA, wire.anna_leg, SPEECH)) for _ in range(2 * frames))
    assert 0.95 * frames <= carried <= frames
    assert wire.office.exchange.channels.counters["over_quota"] > 0
    wire.office.now_s += 1.0
    assert len(wire.say(ANNA, wire.anna_leg, SPEECH)) == 1


def test_calls_at_the_usual_rate_of_g711_are_never_over_quota() -> None:
    wire = Wire()
    wire.establish()
    for _ in range(50 * 60):
        wire.office.now_s += 0.02
        assert len(wire.say(ANNA, wire.anna_leg, b"\x80" + bytes(187))) == 1


def test_exchange_carries_so_many_bytes_and_no_more_for_all_together() -> None:
    wire = Wire(Limits(bytes_per_s=10_000))
    wire.establish()
    carried = sum(len(wire.say(ANNA, wire.anna_leg, SPEECH)) for _ in range(500))
    assert carried * 98 <= 10_000
    assert wire.office.exchange.helping().bytes_relayed <= 10_000


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
