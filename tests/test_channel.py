"""Channel frames: every kind there and back; whatever else comes is refused in one way."""

from __future__ import annotations

import random

import pytest

from firmware import channel
from firmware.channel import (
    Challenge,
    Data,
    Elsewhere,
    Frame,
    Keep,
    Kept,
    Leave,
    Leaving,
    Left,
    Open,
    Opened,
    Refusal,
    Refused,
    Slip,
    Standing,
    Taken,
)
from firmware.demux import DATAGRAM_BYTES_MAX, Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.primitives import SIGNATURE_BYTES

ID, OTHER_ID, TARGET = b"identity", b"another.", b"t" * channel.TARGET_BYTES
FRAMES: list[Frame] = [
    Open(TARGET, ID, b"\xf0sealed"),
    Open(TARGET, ID, b"\xf0sealed", b"a cookie"),
    Challenge(ID, b"a cookie"),
    Data(ID, b"\x80speech"),
    Data(ID, b""),
    Refusal(ID, Refused.FULL, 30),
    Keep(ID, 0xFFFF),
    Kept(ID, 7, Standing.DRAINING, 255),
    Opened(ID, OTHER_ID, b"\xf0sealed"),
    Elsewhere(ID, (Endpoint("192.0.2.1", 6881), Endpoint("2001:db8::1", 1))),
    Leave(TARGET, ID, b"s" * channel.SLIP_BYTES, b"a cookie"),
    Left(ID, Leaving.FULL),
    Slip(ID, b"s" * channel.SLIP_BYTES),
    Taken(ID, b"i" * channel.SLIP_ID_BYTES, b"s" * SIGNATURE_BYTES),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_frame_is_read_as_it_was_written(frame: Frame) -> None:
    assert channel.decode(frame.encode()) == frame
    assert protocol_of(frame.encode()) is Protocol.CHANNEL


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_frame_cut_anywhere_in_its_head_is_malformed(frame: Frame) -> None:
    payload = len(getattr(frame, "payload", b""))
    whole = {10, 17} if isinstance(frame, Elsewhere) else set()  # it may hold fewer addresses
    for size in set(range(len(frame.encode()) - payload)) - whole:
        with pytest.raises(MalformedError):
            channel.decode(frame.encode()[:size])


def test_random_bytes_are_a_frame_or_malformed_and_nothing_else() -> None:
    dice = random.Random(7)
    for _ in range(20_000):
        data = b"\xf1" + bytes([dice.randrange(15)]) + dice.randbytes(dice.randrange(40))
        try:
            frame = channel.decode(data)
        except MalformedError:
            continue
        assert len(frame.encode()) == len(data), data


def test_frame_above_the_limit_of_a_datagram_is_malformed() -> None:
    payload = bytes(DATAGRAM_BYTES_MAX - channel.DATA_HEAD_BYTES)
    assert isinstance(channel.decode(Data(ID, payload).encode()), Data)
    with pytest.raises(MalformedError):
        channel.decode(Data(ID, payload + b"x").encode())


def test_answers_of_an_exchange_are_no_larger_than_the_questions() -> None:
    kept, refusal = Kept(ID, 1, Standing.SERVING, 0).encode(), Refusal(ID, Refused.FULL, 1).encode()
    assert len(kept) == len(Keep(ID, 1).encode())
    assert len(refusal) <= len(Keep(ID, 1).encode()) <= len(Open(TARGET, ID, b"").encode())


def test_wait_beyond_the_largest_is_told_as_the_largest() -> None:
    frame = channel.decode(Refusal(ID, Refused.FULL, 10**9).encode())
    assert frame == Refusal(ID, Refused.FULL, channel.RETRY_S_MAX)


def test_target_tells_keys_apart_and_is_no_part_of_the_key() -> None:
    key = bytes(range(32))
    assert len(channel.target_of(key)) == channel.TARGET_BYTES
    assert channel.target_of(key) != channel.target_of(bytes(32))
    assert channel.target_of(key) not in key


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\xf0", True),
        (b"\x80", True),
        (b"\x00", True),
        (b"\xf1", False),
        (b"d", False),
        (b"", False),
    ],
)
def test_channel_carries_what_boxes_say_to_each_other_and_no_frame_in_a_frame(
    payload: bytes, expected: bool
) -> None:
    assert channel.may_carry(payload) is expected
