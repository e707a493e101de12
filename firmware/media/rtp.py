"""RTP packets: the header in bytes, and arithmetic of numbers that wrap.

Knows no key, socket or codec. Units: timestamps in ticks of the codec's RTP clock.
Source: RFC 3550 sections 5.1 and 5.3.1, RFC 5761 section 4 (RTCP on the same port).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from firmware.errors import MalformedError

HEADER_BYTES = 12  # without contributing sources and extension

_FIXED = struct.Struct("!BBHII")
_VERSION = 2
_RTCP_TYPES = range(64, 96)  # packet types 192 to 223 without their highest bit


class RtpPacket(NamedTuple):
    """One packet; contributing sources and header extension are skipped when decoding."""

    payload_type: int  # 0 to 127
    sequence_number: int  # 16 bits
    timestamp: int  # 32 bits
    ssrc: int  # 32 bits
    payload: bytes
    marker: bool = False

    def encode(self) -> bytes:
        """Header of HEADER_BYTES and payload; no padding, no extension."""
        second = self.marker << 7 | self.payload_type
        return (
            _FIXED.pack(_VERSION << 6, second, self.sequence_number, self.timestamp, self.ssrc)
            + self.payload
        )

    @classmethod
    def decode(cls, data: bytes) -> RtpPacket:
        """Parse an RTP packet after decryption; MalformedError for anything else."""
        if len(data) < HEADER_BYTES:
            raise MalformedError(f"RTP packet of {len(data)} bytes")
        first, second, sequence_number, timestamp, ssrc = _FIXED.unpack_from(data)
        if first >> 6 != _VERSION:
            raise MalformedError("RTP version is not 2")
        begin = HEADER_BYTES + 4 * (first & 0x0F)
        if first & 0x10:
            if len(data) < begin + 4:
                raise MalformedError("RTP header extension is truncated")
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        end = len(data)
        if first & 0x20:
            if data[-1] == 0:
                raise MalformedError("RTP padding of length 0")
            end -= data[-1]
        if begin > end:
            raise MalformedError("RTP packet is shorter than its header and padding")
        return cls(
            second & 0x7F, sequence_number, timestamp, ssrc, data[begin:end], bool(second & 0x80)
        )


def is_rtcp(data: bytes) -> bool:
    """True if a datagram that shares the port with RTP is RTCP."""
    return len(data) >= 2 and data[1] & 0x7F in _RTCP_TYPES


def unwrap(value: int, reference: int, bits: int) -> int:
    """The whole number nearest to `reference` whose lowest `bits` bits are `value`.

    Half a turn away counts as ahead. `reference` is a number that was unwrapped before.
    """
    turn = 1 << bits
    ahead = (value - reference) % turn
    return reference + (ahead if ahead <= turn // 2 else ahead - turn)


def wrap(value: int, bits: int) -> int:
    """The lowest `bits` bits of a whole number, for the wire."""
    return value & ((1 << bits) - 1)
