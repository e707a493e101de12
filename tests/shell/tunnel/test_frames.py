"""Frames of a tunnel: there and back, in any pieces, and whatever a stranger may send."""

from __future__ import annotations

import random

import pytest

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.shell.tunnel.frames import FRAME_BYTES_MAX, Deframer, encode, encode_greeting

DATAGRAMS = [
    (b"", Endpoint("192.0.2.1", 1)),
    (b"hello", Endpoint("2001:db8::1", 65535)),
    (bytes(DATAGRAM_BYTES_MAX), Endpoint("2001:db8::2", 6881)),
    (b"\xf1 and so on", Endpoint("198.51.100.255", 443)),
]


def stream() -> bytes:
    return encode_greeting(6881) + b"".join(encode(*one) for one in DATAGRAMS)


def test_datagrams_come_out_as_they_went_in() -> None:
    deframer = Deframer()
    assert deframer.feed(stream()) == DATAGRAMS
    assert deframer.greeting == 6881


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_stream_in_pieces_gives_the_same_datagrams(piece: int) -> None:
    deframer, data, found = Deframer(), stream(), []
    for at in range(0, len(data), piece):
        found += deframer.feed(data[at : at + piece])
    assert found == DATAGRAMS


def test_truncated_stream_gives_the_datagrams_that_were_complete() -> None:
    data = stream()
    ends = [len(encode_greeting(1))]
    for one in DATAGRAMS:
        ends.append(ends[-1] + len(encode(*one)))
    for cut in [*range(60), *(end + offset for end in ends for offset in (-1, 0, 1))]:
        complete = sum(1 for end in ends[1:] if end <= cut)
        assert Deframer().feed(data[:cut]) == DATAGRAMS[:complete]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        (FRAME_BYTES_MAX + 1).to_bytes(2, "big"),
        b"\x00\x01\x04",
        b"\x00\x06\x04\x7f\x00\x00\x01\x01",
        b"\x00\x01\x06" + bytes(17),
        b"\x00\x04\x05abc",
        b"\x00\x04\x00\x02\x1a\xe1",
        b"\x00\x03\x00\x01\x1a",
    ],
)
def test_what_is_no_frame_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Deframer().feed(data)


def test_random_bytes_are_datagrams_or_malformed_and_nothing_else() -> None:
    seed = 9
    dice = random.Random(seed)
    for _ in range(3000):
        data = b"\x00" + dice.randbytes(dice.randrange(80))
        try:
            Deframer().feed(data)
        except MalformedError:
            continue
