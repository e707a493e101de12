"""Who this box is: its keys, and the certificate that ties them to a number.

Knows no file and no clock: private bytes are injected and handed back.
Sources: RFC 8032 (Ed25519), RFC 7748 (X25519); the certificate is ours, docs/protocol.md section 2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from firmware import primitives
from firmware.errors import ConfigError, MalformedError
from firmware.number import MODIFIER_BYTES

NAME_BYTES_MAX = 48  # UTF-8; two lines of the OLED
CERTIFICATE_BYTES_MAX = 1 + 32 + 32 + MODIFIER_BYTES + 1 + NAME_BYTES_MAX + 64
_FIXED_BYTES = 1 + 32 + 32 + MODIFIER_BYTES + 1
_SIGNED_AS = b"fernruf certificate"  # keeps the signature from being valid as anything else
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Certificate:
    """Public half of an identity; `encode` and `decode` are its only wire form."""

    public_key: bytes  # Ed25519, 32 bytes
    noise_key: bytes  # X25519, 32 bytes, for sealed signalling
    modifier: bytes  # MODIFIER_BYTES, found by the owner's search
    name: str  # display name, may be empty
    signature: bytes = field(repr=False)  # 64 bytes by public_key

    def encode(self) -> bytes:
        """At most CERTIFICATE_BYTES_MAX bytes."""
        return (
            _signed_part(self.public_key, self.noise_key, self.modifier, self.name) + self.signature
        )

    @classmethod
    def decode(cls, data: bytes) -> Certificate:
        """Parse and verify the signature (not the number: that costs an Argon2 hash)."""
        if not _FIXED_BYTES + 64 <= len(data) <= CERTIFICATE_BYTES_MAX or data[0] != _VERSION:
            raise MalformedError("certificate of unknown version or length")
        name_bytes = data[_FIXED_BYTES - 1]
        if len(data) != _FIXED_BYTES + name_bytes + 64:
            raise MalformedError("certificate is truncated or too long")
        public_key, noise_key, modifier = data[1:33], data[33:65], data[65 : 65 + MODIFIER_BYTES]
        try:
            name = data[_FIXED_BYTES:-64].decode()
        except UnicodeDecodeError:
            raise MalformedError("certificate name is not UTF-8") from None
        if not primitives.is_signed(data[-64:], _SIGNED_AS + data[:-64], public_key):
            raise MalformedError("certificate is not signed by its key")
        if not _is_printable(name):
            raise MalformedError("certificate name has control characters")
        return cls(public_key, noise_key, modifier, name, data[-64:])


@dataclass(frozen=True, slots=True)
class Identity:
    """The private half; 32 bytes each, never logged."""

    ed25519_private: bytes = field(repr=False)
    x25519_private: bytes = field(repr=False)

    @classmethod
    def generate(cls, random_bytes: bytes) -> Identity:
        """From 64 injected random bytes."""
        assert len(random_bytes) == 64
        return cls(random_bytes[:32], random_bytes[32:])

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 bytes."""
        return primitives.signing_public_key(self.ed25519_private)

    @property
    def noise_key(self) -> bytes:
        """X25519 public key, 32 bytes."""
        return primitives.agreement_public_key(self.x25519_private)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the caller puts a word for its purpose before `message`."""
        return primitives.sign(self.ed25519_private, message)

    def certify(self, modifier: bytes, name: str) -> Certificate:
        """The certificate of this identity under the number that `modifier` gives."""
        signed = _signed_part(self.public_key, self.noise_key, modifier, name)
        signature = self.sign(_SIGNED_AS + signed)
        return Certificate(self.public_key, self.noise_key, modifier, name, signature)


@dataclass(frozen=True, slots=True)
class IdentityFile:
    """What is kept on the card, mode 0600: the keys and, once it is found, the modifier."""

    identity: Identity
    modifier: bytes | None = None

    def encode(self) -> bytes:
        """JSON, so that a person can restore it by hand."""
        content = {
            "version": _VERSION,
            "ed25519_private": self.identity.ed25519_private.hex(),
            "x25519_private": self.identity.x25519_private.hex(),
            "modifier": self.modifier.hex() if self.modifier else None,
        }
        return json.dumps(content, indent=2).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes, source: str) -> IdentityFile:
        """Raises ConfigError naming `source`: a damaged identity is never replaced silently."""
        try:
            content = json.loads(data)
            private = [bytes.fromhex(content[key]) for key in ("ed25519_private", "x25519_private")]
            modifier = bytes.fromhex(content["modifier"]) if content["modifier"] else None
            if content["version"] != _VERSION or any(len(key) != 32 for key in private):
                raise ValueError("version or key length")
            if modifier is not None and len(modifier) != MODIFIER_BYTES:
                raise ValueError("modifier length")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(f"{source}: not an identity file ({error})") from None
        return cls(Identity(*private), modifier)


def _signed_part(public_key: bytes, noise_key: bytes, modifier: bytes, name: str) -> bytes:
    encoded_name = name.encode()
    assert len(encoded_name) <= NAME_BYTES_MAX and len(modifier) == MODIFIER_BYTES
    head = bytes([_VERSION]) + public_key + noise_key + modifier
    return head + bytes([len(encoded_name)]) + encoded_name


def _is_printable(name: str) -> bool:
    return name == "" or name.isprintable()
