"""Sealing: the Noise handshake of one call, its transport messages and the keys it exports.

Knows no message and no address. Any failure of the library is a MalformedError of the peer's.
Sources: Noise Protocol Framework revision 34 (IK, sections 5 and 7.5), RFC 5869 (HKDF), RFC 7714
section 12 (SRTP key and salt), RFC 6189 (the idea of a short authentication string).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from noise.backends.default.keypairs import KeyPair25519
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseHandshakeError, NoiseInvalidMessage, NoiseValueError

from firmware.call.envelope import VERSION, Envelope, Kind, ReplayWindow
from firmware.errors import MalformedError
from firmware.identity import Identity

EPHEMERAL_BYTES = 32
MEDIA_KEY_BYTES = 16 + 12  # AES-128 key and salt
PATH_KEY_BYTES = 32
AUTHENTICATION_DIGITS = 4

_PROTOCOL = b"Noise_IK_25519_ChaChaPoly_BLAKE2s"
_LIBRARY_ERRORS = (  # all that hostile bytes can cause in noiseprotocol and cryptography
    InvalidTag,
    NoiseHandshakeError,
    NoiseInvalidMessage,
    NoiseValueError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class MediaKeys:
    """SRTP master key and salt per direction, MEDIA_KEY_BYTES each."""

    caller_to_callee: bytes = field(repr=False)
    callee_to_caller: bytes = field(repr=False)


class Channel:
    """Both directions of a finished handshake."""

    def __init__(self, session_id: bytes, noise: NoiseConnection, *, is_caller: bool) -> None:
        protocol = noise.noise_protocol
        self._session_id = session_id
        self._sending, self._receiving = (
            protocol.cipher_state_encrypt,
            protocol.cipher_state_decrypt,
        )
        self._window = ReplayWindow()
        self._counter = 0
        sending, receiving = self._sending.k, self._receiving.k
        self._secret = sending + receiving if is_caller else receiving + sending
        self._handshake_hash = noise.get_handshake_hash()

    @property
    def session_id(self) -> bytes:
        """As the caller has chosen it; the same at both ends."""
        return self._session_id

    def seal(self, plain: bytes) -> bytes:
        """One datagram; the same text is another datagram each time."""
        counter = self._counter
        self._counter += 1
        self._sending.set_nonce(counter)
        sealed = self._sending.encrypt_with_ad(b"", plain)
        return Envelope(Kind.TRANSPORT, self._session_id, sealed, counter).encode()

    def open(self, envelope: Envelope) -> bytes:
        """The text of a transport message; MalformedError if forged, replayed or too old."""
        if not self._window.is_new(envelope.counter):
            raise MalformedError("transport message came before, or far too late")
        try:
            # UDP reorders, so the nonce comes with the message (Noise section 11.4).
            self._receiving.set_nonce(envelope.counter)
            plain: bytes = self._receiving.decrypt_with_ad(b"", envelope.sealed)
        except _LIBRARY_ERRORS:
            raise MalformedError("transport message is not authentic") from None
        self._window.mark(envelope.counter)
        return plain

    def media_keys(self) -> MediaKeys:
        """The same at both ends; never the handshake's own keys."""
        return MediaKeys(
            self._derive(b"fernruf media caller to callee", MEDIA_KEY_BYTES),
            self._derive(b"fernruf media callee to caller", MEDIA_KEY_BYTES),
        )

    def path_key(self) -> bytes:
        """What proves the probes of this call's paths; the same at both ends."""
        return self._derive(b"fernruf path", PATH_KEY_BYTES)

    def authentication_digits(self, nonces: bytes) -> str:
        """Four digits, the same at both ends, for two people to compare aloud.

        `nonces` of both sides, in the order of commitment.py.
        """
        # 64 bits modulo 10**4: the bias is below 2**-50
        info = b"fernruf authentication digits" + nonces
        value = int.from_bytes(self._derive(info, 8), "big")
        return f"{value % 10**AUTHENTICATION_DIGITS:0{AUTHENTICATION_DIGITS}d}"

    def _derive(self, info: bytes, length: int) -> bytes:
        return HKDF(SHA256(), length, salt=self._handshake_hash, info=info).derive(self._secret)


class CallerHandshake:
    """The caller's half; a forged answer does not spoil it."""

    def __init__(
        self,
        identity: Identity,
        callee_noise_key: bytes,
        session_id: bytes,
        ephemeral: bytes,
        payload: bytes,
    ) -> None:
        self._identity, self._callee_noise_key = identity, callee_noise_key
        self._session_id, self._ephemeral, self._payload = session_id, ephemeral, payload
        self._noise, self.first_message = self._begin()

    def finish(self, second_message: bytes) -> tuple[bytes, Channel]:
        """The callee's payload, and the channel; MalformedError if it is not the callee's."""
        try:
            payload = bytes(self._noise.read_message(second_message))
        except _LIBRARY_ERRORS:
            # The library has mixed the forgery into its state: begin again with the same keys.
            self._noise, _ = self._begin()
            raise MalformedError("second handshake message is not authentic") from None
        return payload, Channel(self._session_id, self._noise, is_caller=True)

    def _begin(self) -> tuple[NoiseConnection, bytes]:
        noise = _connection(self._identity, self._session_id)
        noise.set_as_initiator()
        try:
            noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, self._callee_noise_key)
            noise.start_handshake()
            _set_ephemeral(noise, self._ephemeral)
            return noise, bytes(noise.write_message(self._payload))
        except _LIBRARY_ERRORS:
            raise MalformedError("no handshake is possible with this key") from None


class CalleeHandshake:
    """The callee's half, from the caller's first message on; MalformedError if that is forged."""

    def __init__(self, identity: Identity, session_id: bytes, first_message: bytes) -> None:
        self._session_id = session_id
        self._noise = _connection(identity, session_id)
        self._noise.set_as_responder()
        self._noise.start_handshake()
        try:
            self.payload = bytes(self._noise.read_message(first_message))
        except _LIBRARY_ERRORS:
            raise MalformedError("first handshake message is not authentic") from None
        self.caller_noise_key: bytes = self._noise.noise_protocol.handshake_state.rs.public_bytes

    def finish(self, ephemeral: bytes, payload: bytes) -> tuple[bytes, Channel]:
        """The second handshake message, and the channel."""
        _set_ephemeral(self._noise, ephemeral)
        try:
            message = bytes(self._noise.write_message(payload))
        except _LIBRARY_ERRORS:
            raise MalformedError("no handshake is possible with this key") from None
        return message, Channel(self._session_id, self._noise, is_caller=False)


def _connection(identity: Identity, session_id: bytes) -> NoiseConnection:
    noise = NoiseConnection.from_name(_PROTOCOL)
    noise.set_prologue(b"fernruf call" + bytes([VERSION]) + session_id)
    noise.set_keypair_from_private_bytes(Keypair.STATIC, identity.x25519_private)
    return noise


def _set_ephemeral(noise: NoiseConnection, ephemeral: bytes) -> None:
    """Our dice are injected, so that a call replays from its seed.

    The library's own door for this warns that it is meant for tests; here the bytes are fresh.
    """
    assert len(ephemeral) == EPHEMERAL_BYTES
    noise.noise_protocol.handshake_state.e = KeyPair25519.from_private_bytes(ephemeral)
