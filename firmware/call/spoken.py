"""What an INVITE says of a spoken message that it brings: when it was spoken, how long it is.

Source: ours, docs/protocol.md section 4.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from firmware.call.fields import UTC_S_MAX
from firmware.errors import MalformedError
from firmware.events.messages import MESSAGE_BYTES_MAX

_FIELD = struct.Struct("!QI")


class Spoken(NamedTuple):
    """A recorded message for the callee; nothing shall ring."""

    utc_s: int
    size_bytes: int

    def encode(self) -> bytes:
        """12 bytes."""
        return _FIELD.pack(*self)


def decode_spoken(data: bytes | None) -> Spoken | None:
    """None if there is none; raises MalformedError."""
    if data is None:
        return None
    if len(data) != _FIELD.size:
        raise MalformedError("INVITE with a message of unknown form")
    spoken = Spoken(*_FIELD.unpack(data))
    if spoken.utc_s > UTC_S_MAX or not 0 < spoken.size_bytes <= MESSAGE_BYTES_MAX:
        raise MalformedError("INVITE with an impossible message")
    return spoken
