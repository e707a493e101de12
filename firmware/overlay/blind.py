"""Ed25519 keys blinded per day: whoever knows a public key finds its key of any day, nobody else.

Two days cannot be linked without the public key; a signature by a blinded key verifies as any
Ed25519 signature does. Knows no item and no clock: the caller names the period.
Sources: Tor rend-spec-v3 appendix A.2 (key derivation); RFC 8032 section 5.1 (Ed25519).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from firmware.errors import MalformedError
from firmware.primitives import KEY_BYTES

_BLIND_STRING = b"Derive temporary signing key\0"
_PREFIX_STRING = b"Derive temporary signing key hash input"


@dataclass(frozen=True, slots=True)
class BlindedKey:
    """The private half of a period's key."""

    public_key: bytes  # 32 bytes
    scalar: bytes = field(repr=False)  # 32 bytes, reduced
    prefix: bytes = field(repr=False)  # 32 bytes; makes the nonce of each message

    def sign(self, message: bytes) -> bytes:
        """64 bytes, RFC 8032 section 5.1.6 from its second step on."""
        nonce = sodium.crypto_core_ed25519_scalar_reduce(_sha512(self.prefix, message))
        commitment = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = sodium.crypto_core_ed25519_scalar_reduce(
            _sha512(commitment, self.public_key, message)
        )
        product = sodium.crypto_core_ed25519_scalar_mul(challenge, self.scalar)
        return commitment + sodium.crypto_core_ed25519_scalar_add(nonce, product)


def blinded_public_key(public_key: bytes, period: bytes) -> bytes:
    """The key of `period`; MalformedError if `public_key` is no point of the prime-order group."""
    if len(public_key) != KEY_BYTES:
        raise MalformedError("public key is not 32 bytes")
    try:
        return sodium.crypto_scalarmult_ed25519_noclamp(_factor(public_key, period), public_key)
    except CryptoError:
        raise MalformedError("public key is not a point of the prime-order group") from None


def blinded_key(private_key: bytes, period: bytes) -> BlindedKey:
    """The key of `period` of the Ed25519 private key (RFC 8032: 32 bytes).

    Other than Tor's, the prefix depends on the period: one message signed in two periods with the
    same nonce would give the private key away to everybody who knows the public one.
    """
    expanded = hashlib.sha512(private_key).digest()
    scalar = _reduced(_clamped(expanded[:32]))
    public_key = sodium.crypto_scalarmult_ed25519_base_noclamp(scalar)
    blinded = sodium.crypto_core_ed25519_scalar_mul(_factor(public_key, period), scalar)
    blinded_public = sodium.crypto_scalarmult_ed25519_base_noclamp(blinded)
    prefix = _sha512(_PREFIX_STRING, expanded[32:], blinded_public)[:32]
    return BlindedKey(blinded_public, blinded, prefix)


def _factor(public_key: bytes, period: bytes) -> bytes:
    digest = hashlib.sha3_256(_BLIND_STRING + public_key + b"key-blind" + period).digest()
    return _reduced(_clamped(digest))


def _clamped(scalar: bytes) -> bytes:
    """RFC 8032 section 5.1.5, step 2."""
    return bytes([scalar[0] & 248]) + scalar[1:31] + bytes([scalar[31] & 63 | 64])


def _reduced(scalar: bytes) -> bytes:
    """Modulo the order of the group, from 32 bytes."""
    return sodium.crypto_core_ed25519_scalar_reduce(scalar + bytes(32))


def _sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()
