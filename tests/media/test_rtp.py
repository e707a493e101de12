"""RTP headers, good and hostile; numbers that wrap."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import MalformedError
from firmware.media.rtp import HEADER_BYTES, RtpPacket, is_rtcp, unwrap, wrap

PACKET = RtpPacket(111, 0x1234, 0x89ABCDEF, 0xDEADBEEF, b"speech", marker=True)
ENCODED = bytes.fromhex("80 ef 1234 89abcdef deadbeef") + b"speech"


def test_packet_encodes_as_in_rfc_3550() -> None:
    assert PACKET.encode() == ENCODED


@given(
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=200),
    st.booleans(),
)
def test_packet_decodes_to_what_was_encoded(
    payload_type: int, number: int, timestamp: int, ssrc: int, payload: bytes, marker: bool
) -> None:
    packet = RtpPacket(payload_type, number, timestamp, ssrc, payload, marker)
    assert RtpPacket.decode(packet.encode()) == packet


def test_contributing_sources_extension_and_padding_are_skipped() -> None:
    head = bytes([0x80 | 0x20 | 0x10 | 2]) + ENCODED[1:HEADER_BYTES]
    sources, extension = bytes(8), bytes.fromhex("bede 0002") + bytes(8)
    padding = bytes([0, 0, 3])
    assert RtpPacket.decode(head + sources + extension + b"speech" + padding) == PACKET


def test_truncated_header_is_malformed() -> None:
    for length in range(HEADER_BYTES):
        with pytest.raises(MalformedError):
            RtpPacket.decode(ENCODED[:length])


def test_truncated_sources_and_extension_are_malformed() -> None:
    head = bytes([0x80 | 0x10 | 2]) + ENCODED[1:HEADER_BYTES]
    whole = head + bytes(8) + bytes.fromhex("bede 0002") + bytes(8)
    assert RtpPacket.decode(whole).payload == b""
    for length in range(len(whole)):
        with pytest.raises(MalformedError):
            RtpPacket.decode(whole[:length])


@pytest.mark.parametrize("last", [0, 7, 255])
def test_padding_of_zero_or_beyond_the_payload_is_malformed(last: int) -> None:
    with pytest.raises(MalformedError):
        RtpPacket.decode(bytes([0xA0]) + ENCODED[1:-1] + bytes([last]))


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_version_is_malformed(version: int) -> None:
    with pytest.raises(MalformedError):
        RtpPacket.decode(bytes([version << 6]) + ENCODED[1:])


def test_random_bytes_decode_or_are_malformed() -> None:
    seed = 3
    dice = random.Random(seed)
    for turn in range(5_000):
        data = dice.randbytes(dice.randrange(60))
        try:
            packet = RtpPacket.decode(data)
        except MalformedError:
            continue
        assert len(packet.payload) <= len(data) - HEADER_BYTES, f"seed {seed}, turn {turn}"


@pytest.mark.parametrize("packet_type", [200, 201, 202, 203, 204])
def test_rtcp_is_told_from_rtp(packet_type: int) -> None:
    assert is_rtcp(bytes([0x80, packet_type, 0, 6]))


def test_speech_is_not_taken_for_rtcp() -> None:
    for payload_type in (0, 8, 111):
        for marker in (0, 0x80):
            assert not is_rtcp(bytes([0x80, marker | payload_type]))
    assert not is_rtcp(b"") and not is_rtcp(b"\x80")


@pytest.mark.parametrize(
    ("value", "reference", "unwrapped"),
    [
        (5, 3, 5),
        (0, 0xFFFF, 0x10000),
        (0xFFFF, 0x10000, 0xFFFF),
        (0xFFFE, 0x10003, 0xFFFE),
        (7, 3 * 0x10000 + 9, 3 * 0x10000 + 7),
        (0x8000, 0, 0x8000),  # half a turn counts as ahead
        (0x8001, 0, -0x7FFF),
    ],
)
def test_number_of_sixteen_bits_unwraps_to_the_nearest(
    value: int, reference: int, unwrapped: int
) -> None:
    assert unwrap(value, reference, 16) == unwrapped


@given(st.integers(-(2**40), 2**40), st.integers(-(2**15) + 1, 2**15))
def test_unwrapping_undoes_wrapping_within_half_a_turn(reference: int, ahead: int) -> None:
    assert unwrap(wrap(reference + ahead, 16), reference, 16) == reference + ahead
