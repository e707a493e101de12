"""Referrals: the signed word of a box that it has sent one peer to another; bytes and their proof.

Knows no call. A referral is good for one transferee and one target, both proved numbers, and for
the very session that it names, if it names one; so nobody else can use it, nor use it elsewhere.
Source: RFC 3515 (REFER), RFC 3891 (Replaces), RFC 3892 (Referred-By); the bytes are ours,
docs/protocol.md.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from firmware.call.envelope import SESSION_BYTES
from firmware.errors import MalformedError
from firmware.identity import Identity
from firmware.number import NUMBER_DIGITS
from firmware.primitives import SIGNATURE_BYTES, is_signed

NO_SESSION = bytes(SESSION_BYTES)  # nothing is replaced: the bell rings at the target
_VERSION = 1
_SIGNED_AS = b"fernruf referral"
_LAYOUT = struct.Struct(f"!B32s{NUMBER_DIGITS}s{NUMBER_DIGITS}s{NUMBER_DIGITS}sQ{SESSION_BYTES}s")
REFERRAL_BYTES = _LAYOUT.size + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Referral:
    """`transferrer` has sent `transferee` to `target`; all three are numbers."""

    public_key: bytes  # Ed25519, of the transferrer
    transferrer: str
    transferee: str
    target: str
    utc_s: int  # when; 0 = the transferrer has no clock
    replaces: bytes = NO_SESSION  # the session between transferrer and target that shall end

    def sign(self, identity: Identity) -> bytes:
        """REFERRAL_BYTES; `identity` is that of `public_key`."""
        plain = self._plain()
        return plain + identity.sign(_SIGNED_AS + plain)

    def is_for(self, transferee: str, target: str) -> bool:
        """It speaks of these two."""
        return (self.transferee, self.target) == (transferee, target)

    def is_by(self, public_key: bytes) -> bool:
        """The owner of this key has signed it."""
        return hmac.compare_digest(self.public_key, public_key)

    @classmethod
    def decode(cls, data: bytes) -> Referral:
        """Parse and verify the signature; whose key it is the caller must know. MalformedError."""
        if len(data) != REFERRAL_BYTES or data[0] != _VERSION:
            raise MalformedError("referral of an unknown version or length")
        plain, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
        _, public_key, *numbers, utc_s, replaces = _LAYOUT.unpack(plain)
        if not all(number.isdigit() for number in numbers):
            raise MalformedError("referral of something that is no number")
        if not is_signed(signature, _SIGNED_AS + plain, public_key):
            raise MalformedError("referral is not signed by its key")
        transferrer, transferee, target = (number.decode() for number in numbers)
        return cls(public_key, transferrer, transferee, target, utc_s, replaces)

    def _plain(self) -> bytes:
        numbers = (self.transferrer.encode(), self.transferee.encode(), self.target.encode())
        return _LAYOUT.pack(_VERSION, self.public_key, *numbers, self.utc_s, self.replaces)
