"""One socket: the first byte decides, nothing else is looked at."""

from firmware.demux import (
    CHANNEL_FIRST_BYTE,
    DATAGRAM_BYTES_MAX,
    SEALED_FIRST_BYTE,
    Protocol,
    protocol_of,
)


def test_each_protocol_is_known_by_its_first_byte() -> None:
    expected = {
        Protocol.STUN: range(4),
        Protocol.KRPC: range(100, 101),
        Protocol.RTP: range(128, 192),
        Protocol.SEALED: range(SEALED_FIRST_BYTE, SEALED_FIRST_BYTE + 1),
        Protocol.CHANNEL: range(CHANNEL_FIRST_BYTE, CHANNEL_FIRST_BYTE + 1),
    }
    for first in range(256):
        owner = [protocol for protocol, values in expected.items() if first in values]
        assert protocol_of(bytes([first, 0])) is (owner[0] if owner else Protocol.UNKNOWN), first


def test_empty_datagram_is_unknown() -> None:
    assert protocol_of(b"") is Protocol.UNKNOWN


def test_datagram_above_the_limit_is_unknown() -> None:
    assert protocol_of(b"d" * DATAGRAM_BYTES_MAX) is Protocol.KRPC
    assert protocol_of(b"d" * (DATAGRAM_BYTES_MAX + 1)) is Protocol.UNKNOWN
