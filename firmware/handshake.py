"""Noise handshakes: the library noiseprotocol, with the ciphers of primitives.py.

The library's own front door, `noise.connection`, loads a second library of ciphers, of which one
suite in sixteen is used here; behind it are its states, which take ciphers from outside.
Source: Noise Protocol Framework revision 34, sections 4 (crypto functions), 5 and 12.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from noise.backends.noise_backend import NoiseBackend
from noise.exceptions import NoiseMaxNonceError
from noise.functions.cipher import Cipher
from noise.functions.dh import DH
from noise.functions.hash import Hash
from noise.functions.keypair import KeyPair
from noise.noise_protocol import NoiseProtocol
from noise.state import CipherState

from firmware import primitives
from firmware.errors import MalformedError

EPHEMERAL_BYTES = primitives.KEY_BYTES
_SUITE = "25519_ChaChaPoly_BLAKE2s"
_HASH_BYTES, _BLOCK_BYTES = 32, 64


class Handshake:
    """One side of a handshake that has not begun; `pattern` is "IK" or "N".

    The initiator knows the other's key, the responder has one of its own; whatever hostile bytes
    cause is a MalformedError, and after one the handshake is spoilt.
    """

    def __init__(
        self,
        pattern: str,
        prologue: bytes,
        *,
        is_initiator: bool,
        private_key: bytes | None = None,
        peer_key: bytes | None = None,
    ) -> None:
        protocol = NoiseProtocol(f"Noise_{pattern}_{_SUITE}".encode(), _BACKEND)
        protocol.prologue, protocol.initiator = prologue, is_initiator
        if private_key is not None:
            protocol.keypairs["s"] = _KeyPair.from_private_bytes(private_key)
        if peer_key is not None:
            protocol.keypairs["rs"] = _KeyPair.from_public_bytes(peer_key)
        protocol.validate()
        protocol.initialise_handshake_state()
        self._protocol = protocol

    @property
    def peer_key(self) -> bytes:
        """The other's static key, as soon as its message was read."""
        key: bytes = self._protocol.handshake_state.rs.public_bytes
        return key

    def write(self, payload: bytes, ephemeral: bytes | None = None) -> bytes:
        """The next message; fresh random `ephemeral` bytes are injected, so that a call replays."""
        if ephemeral is not None:
            assert len(ephemeral) == EPHEMERAL_BYTES
            self._protocol.handshake_state.e = _KeyPair.from_private_bytes(ephemeral)
        message = bytearray()
        self._protocol.handshake_state.write_message(payload, message)
        return bytes(message)

    def read(self, message: bytes) -> bytes:
        """The payload of the other's next message; MalformedError if it is not authentic."""
        payload = bytearray()
        self._protocol.handshake_state.read_message(message, payload)
        return bytes(payload)

    def finished(self) -> tuple[CipherState, CipherState, bytes]:
        """What seals from now on, what opens, and the hash of all that was said."""
        protocol = self._protocol
        return (
            protocol.cipher_state_encrypt,
            protocol.cipher_state_decrypt,
            protocol.handshake_hash,
        )


def seal(state: CipherState, counter: int, plain: bytes) -> bytes:
    """One transport message under a counter that was never used."""
    state.set_nonce(counter)
    sealed: bytes = state.encrypt_with_ad(b"", plain)
    return sealed


def unseal(state: CipherState, counter: int, sealed: bytes) -> bytes:
    """UDP reorders, so the counter comes with the message (Noise section 11.4)."""
    state.set_nonce(counter)
    try:
        plain: bytes = state.decrypt_with_ad(b"", sealed)
    except NoiseMaxNonceError:
        raise MalformedError("counter that Noise keeps for itself") from None
    return plain


class _KeyPair(KeyPair):  # type: ignore[misc]  # the library has no types; so below
    """Private and public halves are their bytes."""

    @classmethod
    def from_private_bytes(cls, private_bytes: bytes) -> _KeyPair:
        public = primitives.agreement_public_key(private_bytes)
        return cls(private=private_bytes, public=public, public_bytes=public)

    @classmethod
    def from_public_bytes(cls, public_bytes: bytes) -> _KeyPair:
        if len(public_bytes) != primitives.KEY_BYTES:
            raise MalformedError(f"public key of {len(public_bytes)} bytes")
        return cls(public=public_bytes, public_bytes=public_bytes)


class _X25519(DH):  # type: ignore[misc]
    klass = _KeyPair
    dhlen = primitives.KEY_BYTES

    def generate_keypair(self) -> _KeyPair:
        raise AssertionError("ephemeral keys are injected")

    def dh(self, private_key: bytes, public_key: bytes) -> bytes:
        return primitives.agree(private_key, public_key)


class _ChaChaPoly(Cipher):  # type: ignore[misc]
    klass = bytes  # the library keeps `klass(key)` as `cipher`

    def encrypt(self, _k: bytes, n: int, ad: bytes, plaintext: bytes) -> bytes:
        return primitives.seal(self.cipher, _nonce(n), plaintext, ad)

    def decrypt(self, _k: bytes, n: int, ad: bytes, ciphertext: bytes) -> bytes:
        return primitives.unseal(self.cipher, _nonce(n), ciphertext, ad)


class _Blake2s(Hash):  # type: ignore[misc]
    fn = "blake2s"
    hashlen = _HASH_BYTES
    blocklen = _BLOCK_BYTES

    def hash(self, data: bytes) -> bytes:
        return hashlib.blake2s(data).digest()


class _Backend(NoiseBackend):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.diffie_hellmans = {"25519": _X25519}
        self.ciphers = {"ChaChaPoly": _ChaChaPoly}
        self.hashes = {"BLAKE2s": _Blake2s}
        self.keypairs = {"25519": _KeyPair}
        self.hmac = _hmac


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


def _hmac(key: bytes, data: bytes, algorithm: Any) -> bytes:
    return hmac.digest(key, data, algorithm)


_BACKEND = _Backend()
