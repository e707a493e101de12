"""The card of a contact: where its owner can be reached, for those who know the owner's key.

A BEP 44 mutable item under the owner's key blinded for the UTC day. Only the owner can write it;
who stores it sees random bytes of a fixed size, and cannot tell that two days' cards are of one
owner. Knows no network: others store and fetch the value. Days are whole UTC days since 1970-01-01.
Source: ours, docs/protocol.md section 3 (card of a contact), after Tor rend-spec-v3 section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX, Certificate
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import decode_endpoint, encode_endpoint
from firmware.primitives import derive

LIFE_S = 9000  # two hours and a half: a card outlives its next two renewals
PLACES_MAX = 8
CONTENT_BYTES = (320, 640)  # padded to one of these, so that the size tells next to nothing
KEY_BYTES = 32
_NONCE_BYTES = sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_TAG_BYTES = sodium.crypto_aead_xchacha20poly1305_ietf_ABYTES
_VERSION = 1
_SALT = b"fernruf card"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the owner is reached: at its own address, or through the exchange that has `key`."""

    endpoint: Endpoint
    key: bytes = b""  # Ed25519 public key of an exchange; empty = the owner's own address


@dataclass(frozen=True, slots=True)
class Card:
    """What a contact may know; at most PLACES_MAX places, the best first."""

    certificate: Certificate
    places: tuple[Place, ...]
    expires_utc_s: int  # after that the places are not to be believed

    def seal(self, day: int, random_bytes: Callable[[int], bytes]) -> bytes:
        """The value of the item of `day`: nonce, ciphertext, tag; one of two sizes."""
        content = self._encode()
        size_bytes = next(size for size in CONTENT_BYTES if len(content) <= size)
        nonce = random_bytes(_NONCE_BYTES)
        return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            content.ljust(size_bytes, b"\0"), None, nonce, _key(self.certificate.public_key, day)
        )

    @classmethod
    def unseal(cls, value: bytes, public_key: bytes, day: int) -> Card:
        """The card of the owner of `public_key`, from the value of its item of `day`.

        Raises MalformedError, also if the certificate is somebody else's. Whether the item was
        signed, and whether the card has expired, is for the caller to see.
        """
        if len(value) not in [size + _NONCE_BYTES + _TAG_BYTES for size in CONTENT_BYTES]:
            raise MalformedError("card of unknown size")
        nonce, ciphertext = value[:_NONCE_BYTES], value[_NONCE_BYTES:]
        try:
            content = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                ciphertext, None, nonce, _key(public_key, day)
            )
        except CryptoError:
            raise MalformedError("card is not sealed with this key") from None
        card = cls._decode(_Reader(content))
        if card.certificate.public_key != public_key:
            raise MalformedError("card holds somebody else's certificate")
        return card

    def _encode(self) -> bytes:
        assert len(self.places) <= PLACES_MAX
        certificate = self.certificate.encode()
        content = bytearray([_VERSION])
        content += self.expires_utc_s.to_bytes(8, "big")
        content += bytes([len(certificate)]) + certificate
        content += bytes([len(self.places)])
        for place in self.places:
            assert len(place.key) in (0, KEY_BYTES)
            endpoint = encode_endpoint(place.endpoint)
            content += bytes([len(endpoint), len(place.key)]) + endpoint + place.key
        return bytes(content)

    @classmethod
    def _decode(cls, reader: _Reader) -> Card:
        if reader.byte() != _VERSION:
            raise MalformedError("card of unknown version")
        expires_utc_s = int.from_bytes(reader.take(8), "big")
        certificate_bytes = reader.byte()
        if certificate_bytes > CERTIFICATE_BYTES_MAX:
            raise MalformedError("certificate is too long")
        certificate = Certificate.decode(reader.take(certificate_bytes))
        count = reader.byte()
        if count > PLACES_MAX:
            raise MalformedError("card with too many places")
        places = tuple(_decode_place(reader) for _ in range(count))
        return cls(certificate, places, expires_utc_s)  # the rest is padding, or a later version's


@dataclass(slots=True)
class _Reader:
    """Takes bytes from the front."""

    data: bytes
    position: int = field(default=0)

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.position:
            raise MalformedError("card is truncated")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self) -> int:
        return self.take(1)[0]


def period_of(day: int) -> bytes:
    """The name of `day` for the blinding of keys: decimal, ASCII."""
    return str(day).encode()


def _decode_place(reader: _Reader) -> Place:
    endpoint_bytes, key_bytes = reader.byte(), reader.byte()
    endpoint = decode_endpoint(reader.take(endpoint_bytes))
    if endpoint is None or key_bytes not in (0, KEY_BYTES):
        raise MalformedError("place of unknown form")
    return Place(endpoint, reader.take(key_bytes))


def _key(public_key: bytes, day: int) -> bytes:
    return derive(public_key, KEY_BYTES, _SALT, period_of(day))
