"""Channels: what is carried where, to whom no more than came, and how much of it."""

from __future__ import annotations

from firmware.channel import (
    OPEN_PAYLOAD_BYTES_MAX,
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
    UNANSWERED_MAX_S,
)
from firmware.overlay.exchange.limits import Limits
from tests.overlay.exchange.office import Office

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
