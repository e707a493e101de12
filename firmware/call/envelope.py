"""The outer bytes of a sealed datagram: what an exchange and a passer-by can see.

Knows no key. Layout: first byte of the socket, version, kind, session identifier (8 bytes), for a
transport message its counter (64 bits), then the Noise bytes.
Source: ours, docs/protocol.md; the counter as in RFC 4303 section 3.4.3 (replay window).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from firmware.demux import SEALED_FIRST_BYTE
from firmware.errors import MalformedError

VERSION = 1
SESSION_BYTES = 8
SEALED_BYTES_MAX = 1_200  # passes every path, and an exchange forwards no more
COUNTER_MAX = 2**64 - 2  # the last value is reserved (Noise revision 34, section 5.1)
REPLAY_WINDOW = 64  # counters; far more than one call has messages in flight

_HEAD_BYTES = 3 + SESSION_BYTES
_COUNTER_BYTES = 8
_TAG_BYTES, _KEY_BYTES = 16, 32  # Poly1305, X25519


class Kind(IntEnum):
    """What the Noise bytes are."""

    HANDSHAKE_1 = 1  # caller to callee: e, es, s, ss and the INVITE
    HANDSHAKE_2 = 2  # callee to caller: e, ee, se and the first response
    TRANSPORT = 3


_SEALED_BYTES_MIN = {
    Kind.HANDSHAKE_1: _KEY_BYTES + _KEY_BYTES + _TAG_BYTES + _TAG_BYTES,
    Kind.HANDSHAKE_2: _KEY_BYTES + _TAG_BYTES,
    Kind.TRANSPORT: _TAG_BYTES,
}
HANDSHAKE_2_BYTES_MIN = _HEAD_BYTES + _SEALED_BYTES_MIN[Kind.HANDSHAKE_2]  # and its text


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed datagram, still sealed."""

    kind: Kind
    session_id: bytes  # SESSION_BYTES, chosen by the caller
    sealed: bytes
    counter: int = 0  # of transport messages

    def encode(self) -> bytes:
        """At most SEALED_BYTES_MAX bytes."""
        head = bytes([SEALED_FIRST_BYTE, VERSION, self.kind]) + self.session_id
        if self.kind is Kind.TRANSPORT:
            head += self.counter.to_bytes(_COUNTER_BYTES, "big")
        encoded = head + self.sealed
        assert len(self.session_id) == SESSION_BYTES and len(encoded) <= SEALED_BYTES_MAX
        return encoded

    @classmethod
    def decode(cls, data: bytes) -> Envelope:
        """Parse only: nothing is authentic yet. Raises MalformedError."""
        if not _HEAD_BYTES <= len(data) <= SEALED_BYTES_MAX:
            raise MalformedError("sealed datagram is too short or too long")
        if data[0] != SEALED_FIRST_BYTE or data[1] != VERSION or data[2] not in list(Kind):
            raise MalformedError("sealed datagram of an unknown version or kind")
        kind, session_id, sealed = Kind(data[2]), data[3:_HEAD_BYTES], data[_HEAD_BYTES:]
        counter = 0
        if kind is Kind.TRANSPORT:
            counter = int.from_bytes(sealed[:_COUNTER_BYTES], "big")
            sealed = sealed[_COUNTER_BYTES:]
        if len(sealed) < _SEALED_BYTES_MIN[kind] or counter > COUNTER_MAX:
            raise MalformedError("sealed datagram is truncated, or its counter is reserved")
        return cls(kind, session_id, sealed, counter)


class ReplayWindow:
    """Lets each counter pass once; what is older than the window is refused."""

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0  # bit i: counter `highest - i` has passed

    def is_new(self, counter: int) -> bool:
        """True if `counter` has not passed and is not too old; ask before decrypting."""
        age = self._highest - counter
        return age < 0 or (age < REPLAY_WINDOW and not self._seen >> age & 1)

    def mark(self, counter: int) -> None:
        """`counter` has passed; call it for authentic messages only."""
        age = self._highest - counter
        if age < 0:
            # A gap beyond the window forgets everything; never shift by what the wire says.
            shift = min(-age, REPLAY_WINDOW)
            self._seen = (self._seen << shift | 1) & (1 << REPLAY_WINDOW) - 1
            self._highest = counter
        else:
            self._seen |= 1 << age
