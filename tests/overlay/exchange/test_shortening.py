"""Which channels an exchange lets pass by itself, and when it wants them back."""

from __future__ import annotations

import random

import pytest

from firmware.channel import ID_BYTES, Data, Opened, decode
from firmware.events import Message
from firmware.events.network import CloseRelay, OpenRelay, RelayLeg, RelayUse
from firmware.model import Endpoint
from firmware.overlay.exchange.channels import (
    IDLE_MAX_S,
    LEG_BURST_BYTES,
    LEG_BYTES_PER_S,
    PER_TARGET_MAX,
    Channels,
    Sent,
)

ANNA = Endpoint("192.0.2.1", 1000)
ELSEWHERE = Endpoint("192.0.2.1", 2000)
BERT = Endpoint("198.51.100.1", 3000)
TARGET = b"bert behind here"


class Line:
    """One channel from Anna to Bert, and what the exchange has to say about it."""

    def __init__(self, bytes_per_s: int = 1_000_000) -> None:
        self.now_s = 10.0
        self.channels = Channels(8, bytes_per_s, random.Random(1).randbytes)
        channel = self.channels.open((ANNA, bytes(8)), TARGET, BERT, 1200, self.now_s)
        assert channel is not None
        to_bert = decode(self.channels.deliver(channel, b"\xf0 invite", self.now_s)[0][0])
        assert isinstance(to_bert, Data)
        self.bert_leg, self.anna_leg = to_bert.leg_id, b""

    def say(self, who: Endpoint, leg_id: bytes, payload: bytes = b"\xf0") -> list[Sent]:
        sent = self.channels.relay(Data(leg_id, payload).encode(), who, self.now_s)
        assert sent is not None
        return sent

    def establish(self) -> OpenRelay:
        ringing = decode(self.say(BERT, self.bert_leg)[0][0])
        assert isinstance(ringing, Opened)
        self.anna_leg = ringing.leg_id
        assert self.channels.drain() == []
        self.say(ANNA, self.anna_leg)
        (command,) = self.channels.drain()
        assert isinstance(command, OpenRelay)
        return command

    def move(self) -> tuple[Sent, ...]:
        """Anna speaks from another address; what Bert says next."""
        self.say(ELSEWHERE, self.anna_leg, bytes(100))
        return tuple(self.say(BERT, self.bert_leg))


def closes(messages: list[Message], *legs: bytes) -> bool:
    return [type(one) for one in messages] == [CloseRelay] and any(
        message.leg_id in legs for message in messages if isinstance(message, CloseRelay)
    )


def test_channel_is_shortened_when_both_boxes_have_spoken() -> None:
    line = Line()
    opened = line.establish()
    assert opened == OpenRelay(
        RelayLeg(line.anna_leg, ANNA),
        RelayLeg(line.bert_leg, BERT),
        LEG_BYTES_PER_S,
        LEG_BURST_BYTES,
    )
    line.say(BERT, line.bert_leg)
    line.say(ANNA, line.anna_leg)
    assert line.channels.drain() == []


def test_box_that_moves_is_taken_back_until_its_new_address_is_proved() -> None:
    line = Line()
    line.establish()
    sent = line.move()
    assert closes(line.channels.drain(), line.anna_leg, line.bert_leg)
    assert [to for _, to in sent] == [ANNA, ELSEWHERE]
    asked = decode(sent[1][0])
    assert isinstance(asked, Opened)
    line.channels.keep(asked.leg_id, ELSEWHERE, line.now_s)
    (command,) = line.channels.drain()
    assert isinstance(command, OpenRelay)
    assert command.first == RelayLeg(asked.leg_id, ELSEWHERE)


def test_forger_of_a_leg_only_costs_the_channel_its_speed() -> None:
    line = Line()
    line.establish()
    line.move()
    assert closes(line.channels.drain(), line.anna_leg, line.bert_leg)
    assert ANNA in [to for _, to in line.say(BERT, line.bert_leg)]


def test_relay_is_closed_with_its_channel() -> None:
    line = Line()
    line.establish()
    line.now_s += IDLE_MAX_S
    line.channels.expire(line.now_s)
    assert closes(line.channels.drain(), line.anna_leg, line.bert_leg)


def test_speech_that_passes_by_keeps_the_channel() -> None:
    line = Line()
    line.establish()
    for _ in range(10):
        line.now_s += IDLE_MAX_S - 1
        line.channels.used([RelayUse(line.bert_leg, 1000, 0)], line.now_s)
        line.channels.expire(line.now_s)
    assert len(line.channels) == 1


def test_what_passes_by_counts_for_the_limit_of_the_exchange() -> None:
    line = Line(bytes_per_s=10_000)
    line.establish()
    before = line.channels.bytes_relayed
    line.channels.used([RelayUse(line.bert_leg, 25_000, 3)], line.now_s)
    assert line.channels.bytes_relayed == before + 25_000
    assert line.channels.counters["over_quota"] == 3
    assert not line.channels.traffic.take(1, line.now_s)
    assert line.say(ANNA, line.anna_leg) == []
    line.now_s += 3.0  # what is owed is never more than a second's worth
    assert line.say(ANNA, line.anna_leg) != []


@pytest.mark.parametrize("answered", [False, True])
def test_channel_displaced_by_a_newer_one_is_never_one_that_passes_by(answered: bool) -> None:
    line = Line()
    if answered:
        line.establish()
    for opener in range(PER_TARGET_MAX):
        key = (Endpoint(f"203.0.113.{opener}", 4000), bytes(ID_BYTES))
        line.channels.open(key, TARGET, BERT, 1200, line.now_s)
    assert line.channels.drain() == []
    is_there = line.channels.relay(Data(line.bert_leg, b"\xf0").encode(), BERT, line.now_s)
    assert (is_there is not None) is answered
