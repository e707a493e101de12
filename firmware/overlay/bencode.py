"""Bencoding with limits: a thin wrapper that turns every fault of the input into MalformedError.

Knows no message. The library `bencode2` is strict: unsorted or repeated dictionary keys, leading
zeros and trailing bytes are refused, so a peer that sends unsorted keys is not understood.
Source: BEP 3, section "bencoding".
"""

from __future__ import annotations

from bencode2 import BencodeDecodeError, bdecode, bencode

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import MalformedError


def encode(value: dict[bytes, object]) -> bytes:
    """Canonical form of a dictionary of int, bytes, list and dict; keys are sorted here."""
    return bencode(value)


def decode(data: bytes) -> dict[bytes, object]:
    """The dictionary in `data`, at most DATAGRAM_BYTES_MAX bytes; that also limits its depth."""
    if not 0 < len(data) <= DATAGRAM_BYTES_MAX:
        raise MalformedError("bencoded message is empty or too long")
    try:
        value = bdecode(data)
    except (BencodeDecodeError, ValueError):  # ValueError: an integer of thousands of digits
        raise MalformedError("not bencoded") from None
    if not isinstance(value, dict):
        raise MalformedError("not a dictionary")
    return value
