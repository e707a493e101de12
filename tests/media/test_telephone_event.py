"""Telephone events: what is sent for a key, and what is heard of it."""

from __future__ import annotations

import random

import pytest

from firmware.errors import MalformedError
from firmware.media.telephone_event import (
    END_SENT,
    EVENT_FRAMES,
    KEYS,
    WAITING_MAX,
    EventPacket,
    KeyHearer,
    KeySender,
    TelephoneEvent,
)

FRAME = 960  # ticks of 48 kHz
PACKETS = EVENT_FRAMES + END_SENT - 1


def sent(sender: KeySender, frames: int, first: int = 5000) -> list[EventPacket | None]:
    return [sender.next(first + n * FRAME) for n in range(frames)]


def events(packets: list[EventPacket | None]) -> list[TelephoneEvent]:
    return [TelephoneEvent.decode(packet.payload) for packet in packets if packet]


def test_event_is_the_four_bytes_of_the_rfc() -> None:
    assert TelephoneEvent(11, 800, is_end=True).encode() == bytes([11, 0x8A, 0x03, 0x20])
    assert TelephoneEvent.decode(bytes([3, 0x0A, 0x01, 0x40])) == TelephoneEvent(3, 320)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8])
def test_event_of_another_size_is_malformed(size: int) -> None:
    with pytest.raises(MalformedError):
        TelephoneEvent.decode(bytes(size))


def test_any_four_bytes_are_an_event_and_come_back() -> None:
    dice = random.Random(3)
    for _ in range(1000):
        event = TelephoneEvent(dice.randrange(256), dice.randrange(2**16))
        assert TelephoneEvent.decode(event.encode()) == event


def test_nothing_is_sent_while_no_key_is_pressed() -> None:
    assert sent(KeySender(FRAME), 10) == [None] * 10


def test_key_is_sent_for_100_ms_and_its_end_three_times() -> None:
    sender = KeySender(FRAME)
    assert sender.press("#")
    packets = sent(sender, PACKETS + 2)
    assert packets[PACKETS:] == [None, None]
    found = events(packets)
    assert [event.event for event in found] == [11] * PACKETS
    assert [event.duration // FRAME for event in found] == [1, 2, 3, 4, 5, 5, 5]
    assert [event.is_end for event in found] == [False] * 4 + [True] * END_SENT
    assert {packet.timestamp for packet in packets if packet} == {5000}
    assert [packet.marker for packet in packets if packet] == [True] + [False] * (PACKETS - 1)


def test_keys_follow_each_other_in_order_at_their_own_times() -> None:
    sender = KeySender(FRAME)
    for key in "12":
        sender.press(key)
    packets = sent(sender, 2 * PACKETS)
    assert [event.event for event in events(packets)] == [1] * PACKETS + [2] * PACKETS
    assert [packet.timestamp for packet in packets if packet][PACKETS:] == [
        5000 + PACKETS * FRAME
    ] * PACKETS


def test_keys_beyond_the_limit_and_unknown_ones_are_refused() -> None:
    sender = KeySender(FRAME)
    assert not sender.press("x")
    assert [sender.press("1") for _ in range(WAITING_MAX + 1)] == [True] * WAITING_MAX + [False]


@pytest.mark.parametrize("lost", range(PACKETS - 1))
def test_key_is_heard_once_however_many_of_its_packets_are_lost(lost: int) -> None:
    for key in KEYS:
        sender, hearer = KeySender(FRAME), KeyHearer()
        sender.press(key)
        packets = [packet for packet in sent(sender, PACKETS, 2**32 - FRAME) if packet][lost:]
        heard = [hearer.take(packet.payload, packet.timestamp % 2**32) for packet in packets]
        assert "".join(heard) == key


def test_same_key_twice_is_heard_twice_and_stragglers_not_again() -> None:
    sender, hearer = KeySender(FRAME), KeyHearer()
    sender.press("5")
    sender.press("5")
    packets = [packet for packet in sent(sender, 2 * PACKETS) if packet]
    late = packets[:PACKETS]
    heard = [hearer.take(packet.payload, packet.timestamp) for packet in [*packets, *late]]
    assert "".join(heard) == "55"


def test_event_that_is_no_key_is_heard_as_nothing() -> None:
    assert KeyHearer().take(TelephoneEvent(16, 100).encode(), 7) == ""
