"""Fields of signalling messages: tag, length (16 bits) and value, tags rising.

Knows no message. Source: ours, docs/protocol.md section 4.
"""

from __future__ import annotations

import struct

from firmware.errors import MalformedError
from firmware.model import PACKET_MS, PACKET_MS_USUAL, Codec, Screening
from firmware.number import NUMBER_DIGITS

UTC_S_MAX = 2**40  # year 36,812; whoever says more is joking

CODEC, SCREENING, PACKET_TIME = 5, 17, 26  # tags
CODEC_CODES = {  # static payload types of RFC 3551; Opus has none and takes a dynamic one
    Codec.PCMU: 0,
    Codec.PCMA: 8,
    Codec.OPUS: 96,
}
CODECS_BY_CODE = {code: codec for codec, code in CODEC_CODES.items()}
_SCREENING_CODES = {Screening.ASKED: 1, Screening.RINGS: 2}
_FIELD = struct.Struct("!BH")


def encode_fields(fields: dict[int, bytes]) -> bytes:
    """In the one order that there is."""
    return b"".join(_FIELD.pack(tag, len(value)) + value for tag, value in sorted(fields.items()))


def decode_fields(data: bytes) -> dict[int, bytes]:
    """Values by tag. Rising tags leave one encoding only, and no field twice."""
    fields: dict[int, bytes] = {}
    position, tag_before = 0, 0
    while position < len(data):
        if len(data) - position < _FIELD.size:
            raise MalformedError("signalling field is truncated")
        tag, length = _FIELD.unpack_from(data, position)
        position += _FIELD.size
        if tag <= tag_before or len(data) - position < length:
            raise MalformedError("signalling field is out of order or truncated")
        fields[tag] = data[position : position + length]
        position, tag_before = position + length, tag
    return fields


def decode_number(fields: dict[int, bytes], tag: int) -> str:
    """Twelve digits; their check digit is not looked at."""
    value = fields.get(tag, b"")
    if len(value) != NUMBER_DIGITS or not value.isdigit():
        raise MalformedError("a number that is none, or is missing")
    return value.decode()


def decode_utc(fields: dict[int, bytes], tag: int) -> int | None:
    """Unix time, None if it is not told."""
    if tag not in fields:
        return None
    utc_s = int.from_bytes(fields[tag], "big")
    if len(fields[tag]) != 8 or utc_s > UTC_S_MAX:
        raise MalformedError("INVITE with an impossible time")
    return utc_s


def screening_field(screening: Screening | None) -> dict[int, bytes]:
    """Of an answer or an UPDATE."""
    return {} if screening is None else {SCREENING: bytes([_SCREENING_CODES[screening]])}


def decode_screening(fields: dict[int, bytes]) -> Screening | None:
    """What we do not know is somebody at the handset: then at least people can talk."""
    code = fields.get(SCREENING, b"")
    return next((kind for kind, own in _SCREENING_CODES.items() if code == bytes([own])), None)


def packet_time_field(packet_ms: int) -> dict[int, bytes]:
    """Of an INVITE or its answer; 20 ms need not be said."""
    return {} if packet_ms == PACKET_MS_USUAL else {PACKET_TIME: bytes([packet_ms])}


def decode_packet_ms(fields: dict[int, bytes]) -> int:
    """What we cannot do is answered with what everybody can."""
    value = fields.get(PACKET_TIME, bytes([PACKET_MS_USUAL]))
    if len(value) != 1:
        raise MalformedError("a time of a packet that is none")
    return value[0] if value[0] in PACKET_MS else PACKET_MS_USUAL


def decode_codec(fields: dict[int, bytes]) -> Codec:
    """The one that was chosen."""
    value = fields.get(CODEC, b"")
    if len(value) != 1 or value[0] not in CODECS_BY_CODE:
        raise MalformedError("response with a codec that was never offered")
    return CODECS_BY_CODE[value[0]]
