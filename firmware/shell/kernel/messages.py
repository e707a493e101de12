"""What an exchange and the privileged helper say to each other, one packet of a Unix socket each.

Fixed lengths, numbers only; nothing in them can become anything else on the way into a rule.
Imports next to nothing, because the helper has rights. Integers are big-endian.
Source: ours, docs/protocol.md section 8.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from firmware.errors import MalformedError

PACKET_BYTES_MAX = 1 + 64 * 16
USES_MAX = 64  # in one packet
_OPEN, _CLOSE, _USED = 1, 2, 3
_LEG = struct.Struct("!IH8s")
_USE = struct.Struct("!8sQ")


class Leg(NamedTuple):
    """One end of a channel: IPv4 address as a number, UDP port, the identifier of its frames."""

    address: int
    port: int
    leg_id: bytes


class Open(NamedTuple):
    """Carry frames between these two."""

    first: Leg
    second: Leg


class Close(NamedTuple):
    """No longer; either leg names the relay."""

    leg_id: bytes


class Used(NamedTuple):
    """The helper says: so many bytes of UDP payload came from these legs since it last said so."""

    uses: tuple[tuple[bytes, int], ...]


Packet = Open | Close | Used


def encode(packet: Packet) -> bytes:
    """29, 9, or 1 byte and 16 for each use."""
    match packet:
        case Open(first, second):
            return bytes((_OPEN,)) + _LEG.pack(*first) + _LEG.pack(*second)
        case Close(leg_id):
            return bytes((_CLOSE,)) + leg_id
        case Used(uses):
            return bytes((_USED,)) + b"".join(_USE.pack(*use) for use in uses)


def decode(data: bytes) -> Packet:
    """Raises MalformedError."""
    kind, body = data[:1], data[1:]
    if kind == bytes((_OPEN,)) and len(body) == 2 * _LEG.size:
        first, second = (Leg(*values) for values in _LEG.iter_unpack(body))
        return Open(first, second)
    if kind == bytes((_CLOSE,)) and len(body) == 8:
        return Close(body)
    if kind == bytes((_USED,)) and len(body) % _USE.size == 0 and len(data) <= PACKET_BYTES_MAX:
        return Used(tuple((bytes(leg_id), size) for leg_id, size in _USE.iter_unpack(body)))
    raise MalformedError("packet of an unknown kind or length")
