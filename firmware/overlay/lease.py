"""Leases: what a box signs to be registered at an exchange, and how it asks for it.

A lease says "this exchange speaks for me until then". The exchange shows it, and proves that it is
the exchange meant, to whoever asks for the certificate: a copyist elsewhere cannot. Knows no table
and no network. Units: `_utc_s` Unix time. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from firmware.channel import ID_BYTES
from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import decode_endpoint, encode_endpoint
from firmware.overlay.dht.node_id import NODE_ID_BYTES
from firmware.primitives import is_signed

LEASE_S = 2 * 3600  # renewed when half of it is over
LEASE_S_MAX = 3 * LEASE_S  # clocks may differ
HASHES_MAX = 4  # the days around midnight
TOKEN_BYTES = 8
KEY_BYTES = 32
LEASE_BYTES = KEY_BYTES + 8 + 16 + 64
ASK_BYTES = 84  # padded, so that the answer is not larger than the question, IPv6 included

_VERSION = 1
_ASK, _ENTER = 0, 1
_SIGNED_AS = b"fernruf lease"  # keeps the signature from being valid as anything else
_BINDING_BYTES = 16


@dataclass(frozen=True, slots=True)
class Lease:
    """Signed by the box; `binding` ties it to one registration, so that it is no use in another."""

    exchange_key: bytes  # Ed25519, of the exchange that may speak for the box
    expires_utc_s: int
    binding: bytes
    signature: bytes

    @classmethod
    def sign(
        cls,
        sign: Callable[[bytes], bytes],
        exchange_key: bytes,
        expires_utc_s: int,
        token: bytes,
        hashes: tuple[bytes, ...],
    ) -> Lease:
        """For the exchange that gave us `token`."""
        binding = binding_of(token, hashes)
        signature = sign(_signed_part(exchange_key, expires_utc_s, binding))
        return cls(exchange_key, expires_utc_s, binding, signature)

    def is_signed_by(self, public_key: bytes) -> bool:
        """True if it is the word of the owner of `public_key`."""
        message = _signed_part(self.exchange_key, self.expires_utc_s, self.binding)
        return is_signed(self.signature, message, public_key)

    def is_valid_at(self, utc_s: float) -> bool:
        """Neither over nor so long that it cannot be right."""
        return utc_s < self.expires_utc_s <= utc_s + LEASE_S_MAX

    def encode(self) -> bytes:
        """LEASE_BYTES bytes."""
        expires = self.expires_utc_s.to_bytes(8, "big")
        return self.exchange_key + expires + self.binding + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Lease:
        """Form only; raises MalformedError."""
        if len(data) != LEASE_BYTES:
            raise MalformedError("lease of wrong length")
        return cls(data[:32], int.from_bytes(data[32:40], "big"), data[40:56], data[56:])


def binding_of(token: bytes, hashes: tuple[bytes, ...]) -> bytes:
    """Stands for a registration without telling what is in it."""
    return hashlib.sha256(token + b"".join(hashes)).digest()[:_BINDING_BYTES]


@dataclass(frozen=True, slots=True)
class Entry:
    """The argument of `x_fr_register` that makes a registration; its first form is `ASK`."""

    token: bytes
    hashes: tuple[bytes, ...]  # under which the certificate is asked for
    lease: Lease
    certificate: bytes  # encoded

    def encode(self) -> bytes:
        """At most 415 bytes."""
        assert len(self.token) == TOKEN_BYTES and 0 < len(self.hashes) <= HASHES_MAX
        head = bytes((_VERSION, _ENTER)) + self.token + bytes((len(self.hashes),))
        return head + b"".join(self.hashes) + self.lease.encode() + self.certificate

    @classmethod
    def decode(cls, data: bytes) -> Entry | None:
        """None is the question for a token; raises MalformedError. No signature is checked."""
        if len(data) < 11 or data[0] != _VERSION or data[1] not in (_ASK, _ENTER):
            raise MalformedError("registration of unknown version or kind")
        if data[1] == _ASK:
            if len(data) != ASK_BYTES:
                raise MalformedError("question for a token of wrong length")
            return None
        count = data[10]
        lease_at = 11 + count * NODE_ID_BYTES
        certificate_at = lease_at + LEASE_BYTES
        certificate_bytes = len(data) - certificate_at
        if not 0 < count <= HASHES_MAX or not 0 < certificate_bytes <= CERTIFICATE_BYTES_MAX:
            raise MalformedError("registration of wrong length")
        hashes = tuple(data[at : at + 20] for at in range(11, lease_at, NODE_ID_BYTES))
        lease = Lease.decode(data[lease_at:certificate_at])
        return cls(data[2:10], hashes, lease, data[certificate_at:])


ASK = bytes((_VERSION, _ASK)).ljust(ASK_BYTES, b"\0")


class Outcome(IntEnum):
    """What came of a question to be registered."""

    TOKEN = 0  # ask again with this token
    REGISTERED = 1
    FULL = 2  # come back later, or try another
    DRAINING = 3  # this exchange is about to stop: try another
    DENIED = 4  # token or lease is not right


@dataclass(frozen=True, slots=True)
class Reception:
    """The answer to `x_fr_register`."""

    outcome: Outcome
    load: int  # of what the exchange can take, 0 to 255
    retry_s: int  # whole seconds, beside FULL
    exchange_key: bytes
    token: bytes
    registration_id: bytes  # zeros unless REGISTERED
    observed: Endpoint  # where the question came from

    def encode(self) -> bytes:
        """59 or 71 bytes."""
        assert len(self.token) == TOKEN_BYTES and len(self.registration_id) == ID_BYTES
        head = bytes((_VERSION, self.outcome, self.load)) + min(self.retry_s, 0xFFFF).to_bytes(2)
        tail = self.exchange_key + self.token + self.registration_id
        return head + tail + encode_endpoint(self.observed)

    @classmethod
    def decode(cls, data: bytes) -> Reception:
        """Raises MalformedError."""
        observed = decode_endpoint(data[53:])
        if observed is None or data[0] != _VERSION or data[1] not in list(Outcome):
            raise MalformedError("answer to a registration of unknown form")
        retry_s = int.from_bytes(data[3:5], "big")
        key, token, registration_id = data[5:37], data[37:45], data[45:53]
        return cls(Outcome(data[1]), data[2], retry_s, key, token, registration_id, observed)


def _signed_part(exchange_key: bytes, expires_utc_s: int, binding: bytes) -> bytes:
    return _SIGNED_AS + exchange_key + expires_utc_s.to_bytes(8, "big") + binding
