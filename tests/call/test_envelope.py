from __future__ import annotations

import random

import pytest

from firmware.call.envelope import (
    COUNTER_MAX,
    REPLAY_WINDOW,
    SEALED_BYTES_MAX,
    Envelope,
    Kind,
    ReplayWindow,
)
from firmware.demux import Protocol, protocol_of
from firmware.errors import MalformedError

SESSION = b"8 bytes."
ENVELOPES = (
    Envelope(Kind.HANDSHAKE_1, SESSION, bytes(96)),
    Envelope(Kind.HANDSHAKE_2, SESSION, bytes(48)),
    Envelope(Kind.TRANSPORT, SESSION, bytes(16), counter=0),
    Envelope(Kind.TRANSPORT, SESSION, bytes(16), counter=COUNTER_MAX),
    Envelope(Kind.HANDSHAKE_1, SESSION, bytes(SEALED_BYTES_MAX - 11)),
)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_envelope_survives_the_round_trip_and_is_told_apart(envelope: Envelope) -> None:
    data = envelope.encode()
    assert Envelope.decode(data) == envelope
    assert protocol_of(data) is Protocol.SEALED


@pytest.mark.parametrize("envelope", ENVELOPES[:4])
def test_each_truncation_of_the_shortest_envelope_is_malformed(envelope: Envelope) -> None:
    data = envelope.encode()
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            Envelope.decode(data[:length])


def test_envelope_above_the_limit_is_malformed() -> None:
    with pytest.raises(MalformedError):
        Envelope.decode(ENVELOPES[4].encode() + b"x")


@pytest.mark.parametrize(("position", "value"), [(0, 0xF1), (1, 2), (2, 0), (2, 4)])
def test_envelope_of_an_unknown_kind_is_malformed(position: int, value: int) -> None:
    data = bytearray(ENVELOPES[0].encode())
    data[position] = value
    with pytest.raises(MalformedError):
        Envelope.decode(bytes(data))


def test_reserved_counter_is_malformed() -> None:
    data = ENVELOPES[2].encode()
    with pytest.raises(MalformedError):
        Envelope.decode(data[:11] + b"\xff" * 8 + data[19:])


def test_random_bytes_raise_malformed_error_only() -> None:
    seed = 12
    dice = random.Random(seed)
    for _ in range(3000):
        data = b"\xf0\x01" + dice.randbytes(dice.randrange(200))
        try:
            envelope = Envelope.decode(data)
        except MalformedError:
            continue
        assert envelope.encode() == data, f"seed {seed}"


def test_replay_window_lets_each_counter_pass_once_in_any_order() -> None:
    seed = 13
    counters = list(range(REPLAY_WINDOW))
    random.Random(seed).shuffle(counters)
    window = ReplayWindow()
    for counter in counters:
        assert window.is_new(counter), f"seed {seed}"
        window.mark(counter)
    assert not any(window.is_new(counter) for counter in counters)


def test_replay_window_refuses_what_is_older_than_itself() -> None:
    window = ReplayWindow()
    window.mark(100)
    assert window.is_new(100 - REPLAY_WINDOW + 1)
    assert not window.is_new(100 - REPLAY_WINDOW)


def test_replay_window_takes_a_gap_of_any_size() -> None:
    window = ReplayWindow()
    window.mark(5)
    window.mark(COUNTER_MAX)
    assert not window.is_new(COUNTER_MAX)
    assert window.is_new(COUNTER_MAX - 1)
    assert not window.is_new(5)
