"""The ciphers everything else is made of: signatures, key agreement, authenticated encryption.

All by libsodium (PyNaCl) and the standard library: a second library of ciphers in a telephone that
waits would be 3 MB of memory and a tenth of the start. Keys, seeds and public keys have 32 bytes;
wrong lengths of what a peer may have sent are refused here, for libsodium's C reads on.
Sources: RFC 8032 (Ed25519), RFC 7748 (X25519), RFC 8439 (ChaCha20-Poly1305), RFC 5869 (HKDF).
"""

from __future__ import annotations

import hmac

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from firmware.errors import MalformedError

KEY_BYTES = 32
NONCE_BYTES = 12
SEAL_BYTES = 16  # what sealing adds
SIGNATURE_BYTES = 64
_HASH_BYTES = 32  # SHA-256


def signing_public_key(seed: bytes) -> bytes:
    """The Ed25519 public key of a private one."""
    return sodium.crypto_sign_seed_keypair(seed)[0]


def sign(seed: bytes, message: bytes) -> bytes:
    """SIGNATURE_BYTES by the owner of the private key."""
    return sodium.crypto_sign(message, sodium.crypto_sign_seed_keypair(seed)[1])[:SIGNATURE_BYTES]


def is_signed(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """The owner of `public_key` has signed `message`."""
    if len(signature) != SIGNATURE_BYTES or len(public_key) != KEY_BYTES:
        return False
    try:
        sodium.crypto_sign_open(signature + message, public_key)
    except CryptoError:
        return False
    return True


def agreement_public_key(private_key: bytes) -> bytes:
    """The X25519 public key of a private one."""
    assert len(private_key) == KEY_BYTES
    return sodium.crypto_scalarmult_base(private_key)


def agree(private_key: bytes, public_key: bytes) -> bytes:
    """The secret that two keys share; MalformedError for a key with which there is none."""
    assert len(private_key) == KEY_BYTES
    if len(public_key) != KEY_BYTES:
        raise MalformedError(f"public key of {len(public_key)} bytes")
    try:
        return sodium.crypto_scalarmult(private_key, public_key)
    except CryptoError:  # a point of small order: the same secret with everybody
        raise MalformedError("public key with which there is no secret") from None


def seal(key: bytes, nonce: bytes, plain: bytes, also: bytes) -> bytes:
    """SEAL_BYTES longer than `plain`; `also` is authenticated and not sent. A nonce serves once."""
    return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plain, also, nonce, key)


def unseal(key: bytes, nonce: bytes, sealed: bytes, also: bytes) -> bytes:
    """What `seal` has sealed; MalformedError if any of it is another."""
    if len(sealed) < SEAL_BYTES:
        raise MalformedError("too short to be sealed")
    try:
        return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(sealed, also, nonce, key)
    except CryptoError:
        raise MalformedError("not authentic") from None


def derive(secret: bytes, length: int, salt: bytes, info: bytes) -> bytes:
    """HKDF with SHA-256: `length` bytes for the purpose `info`; an empty salt is that of zeros."""
    assert 0 < length <= 255 * _HASH_BYTES
    key = hmac.digest(salt or bytes(_HASH_BYTES), secret, "sha256")
    block = out = b""
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([len(out) // _HASH_BYTES + 1]), "sha256")
        out += block
    return out[:length]
