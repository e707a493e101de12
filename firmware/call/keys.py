"""Sealing: the Noise handshake of one call, its transport messages and the keys it exports.

Knows no message and no address. Any failure of the library is a MalformedError of the peer's.
Sources: Noise Protocol Framework revision 34 (IK, sections 5 and 7.5), RFC 5869 (HKDF), RFC 7714
section 12 (SRTP key and salt), RFC 6189 (the idea of a short authentication string).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.call.envelope import VERSION, Envelope, Kind, ReplayWindow
from firmware.errors import MalformedError
from firmware.handshake import Handshake, seal, unseal
from firmware.identity import Identity
from firmware.primitives import derive

MEDIA_KEY_BYTES = 16 + 12  # AES-128 key and salt
PATH_KEY_BYTES = 32
AUTHENTICATION_DIGITS = 4


@dataclass(frozen=True, slots=True)
class MediaKeys:
    """SRTP master key and salt per direction, MEDIA_KEY_BYTES each."""

    caller_to_callee: bytes = field(repr=False)
    callee_to_caller: bytes = field(repr=False)


class Channel:
    """Both directions of a finished handshake."""

    def __init__(self, session_id: bytes, handshake: Handshake, *, is_caller: bool) -> None:
        self._session_id = session_id
        self._sending, self._receiving, self._handshake_hash = handshake.finished()
        self._window = ReplayWindow()
        self._counter = 0
        sending, receiving = self._sending.k, self._receiving.k
        self._secret = sending + receiving if is_caller else receiving + sending

    @property
    def session_id(self) -> bytes:
        """As the caller has chosen it; the same at both ends."""
        return self._session_id

    def seal(self, plain: bytes) -> bytes:
        """One datagram; the same text is another datagram each time."""
        counter = self._counter
        self._counter += 1
        sealed = seal(self._sending, counter, plain)
        return Envelope(Kind.TRANSPORT, self._session_id, sealed, counter).encode()

    def open(self, envelope: Envelope) -> bytes:
        """The text of a transport message; MalformedError if forged, replayed or too old."""
        if not self._window.is_new(envelope.counter):
            raise MalformedError("transport message came before, or far too late")
        try:
            plain = unseal(self._receiving, envelope.counter, envelope.sealed)
        except MalformedError:
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
        return derive(self._secret, length, self._handshake_hash, info)


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
        self._handshake, self.first_message = self._begin()

    def finish(self, second_message: bytes) -> tuple[bytes, Channel]:
        """The callee's payload, and the channel; MalformedError if it is not the callee's."""
        try:
            payload = self._handshake.read(second_message)
        except MalformedError:
            # The library has mixed the forgery into its state: begin again with the same keys.
            self._handshake, _ = self._begin()
            raise MalformedError("second handshake message is not authentic") from None
        return payload, Channel(self._session_id, self._handshake, is_caller=True)

    def _begin(self) -> tuple[Handshake, bytes]:
        try:
            handshake = Handshake(
                "IK",
                _prologue(self._session_id),
                is_initiator=True,
                private_key=self._identity.x25519_private,
                peer_key=self._callee_noise_key,
            )
            return handshake, handshake.write(self._payload, self._ephemeral)
        except MalformedError:
            raise MalformedError("no handshake is possible with this key") from None


class CalleeHandshake:
    """The callee's half, from the caller's first message on; MalformedError if that is forged."""

    def __init__(self, identity: Identity, session_id: bytes, first_message: bytes) -> None:
        self._session_id = session_id
        self._handshake = Handshake(
            "IK",
            _prologue(session_id),
            is_initiator=False,
            private_key=identity.x25519_private,
        )
        try:
            self.payload = self._handshake.read(first_message)
        except MalformedError:
            raise MalformedError("first handshake message is not authentic") from None
        self.caller_noise_key = self._handshake.peer_key

    def finish(self, ephemeral: bytes, payload: bytes) -> tuple[bytes, Channel]:
        """The second handshake message, and the channel."""
        try:
            message = self._handshake.write(payload, ephemeral)
        except MalformedError:
            raise MalformedError("no handshake is possible with this key") from None
        return message, Channel(self._session_id, self._handshake, is_caller=False)


def _prologue(session_id: bytes) -> bytes:
    return b"fernruf call" + bytes([VERSION]) + session_id
