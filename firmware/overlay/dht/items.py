"""Items of BEP 44: a value under its own hash, or under a key that signed it.

Knows no message, store or secret: whoever has a key passes `sign`, so a blinded key works too.
Limits: value 1000 bytes in bencoded form, salt 64 bytes, sequence numbers 0 to 2**63 - 1.
Sources: BEP 44; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from firmware.overlay.dht import bencode
from firmware.primitives import KEY_BYTES, SIGNATURE_BYTES

VALUE_BYTES_MAX = 1000  # bencoded
SALT_BYTES_MAX = 64
SEQ_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Item:
    """`value` is bencoded. Without `public_key` immutable, and then the other fields are empty."""

    value: bytes
    public_key: bytes | None = None
    seq: int = 0
    salt: bytes = b""
    signature: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> bytes:
        """Where it is kept, 20 bytes: the hash of the value, or of key and salt."""
        if self.public_key is None:
            return hashlib.sha1(self.value, usedforsecurity=False).digest()
        return target_of_key(self.public_key, self.salt)

    @property
    def content(self) -> object:
        """The value as int, bytes, list or dict."""
        return bencode.decode_value(self.value)

    def is_authentic(self) -> bool:
        """True if its key signed it; an immutable item is its own proof.

        Keys of small order, under which anybody can sign, are refused (libsodium checks them).
        """
        if self.public_key is None:
            return True
        try:
            signed = signed_bytes(self.value, self.seq, self.salt)
            crypto_sign_open(self.signature + signed, self.public_key)
        except (CryptoError, ValueError):
            return False
        return True


def immutable(content: object) -> Item:
    """An item that anybody can store and nobody can change. The caller keeps to the limits."""
    value = bencode.encode_value(content)
    assert len(value) <= VALUE_BYTES_MAX
    return Item(value)


def signed(
    content: object,
    public_key: bytes,
    seq: int,
    sign: Callable[[bytes], bytes],
    salt: bytes = b"",
) -> Item:
    """An item that only the holder of a key can write; `sign` gives its 64 bytes for a message.

    Begin with `seq` 1: a get then says `seq` 0 and cannot be fooled by an item without one.
    """
    value = bencode.encode_value(content)
    assert len(value) <= VALUE_BYTES_MAX and len(salt) <= SALT_BYTES_MAX and 0 <= seq <= SEQ_MAX
    return Item(value, public_key, seq, salt, sign(signed_bytes(value, seq, salt)))


def signed_bytes(value: bytes, seq: int, salt: bytes) -> bytes:
    """What a signature is over. BEP 44, "signature verification"."""
    prefix = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (prefix, seq, value)


def target_of_key(public_key: bytes, salt: bytes = b"") -> bytes:
    """Where the item of a key is kept, 20 bytes."""
    return hashlib.sha1(public_key + salt, usedforsecurity=False).digest()


def verified(item: Item | None, target: bytes, salt: bytes = b"") -> Item | None:
    """What a node answered to a get of `target`, with the salt it belongs to; None if it lies.

    Nodes do not tell the salt; who asks knows it.
    """
    if item is None:
        return None
    if item.public_key is not None:
        item = replace(item, salt=salt)
    if item.target != target or not item.is_authentic():
        return None
    return item


def to_fields(item: Item) -> dict[bytes, object]:
    """Its keys in a message; without the salt, which only those who ask may know."""
    if item.public_key is None:
        return {b"v": item.content}
    signature = {b"k": item.public_key, b"seq": item.seq, b"sig": item.signature}
    return {b"v": item.content} | signature


def from_fields(value: bytes, fields: dict[bytes, object]) -> Item | None:
    """A signed item without its salt, from the keys of a message; None if one of them is wrong."""
    key, seq, signature = fields.get(b"k"), fields.get(b"seq"), fields.get(b"sig")
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        return None
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        return None
    if not isinstance(seq, int) or not 0 <= seq <= SEQ_MAX:
        return None
    return Item(value, key, seq, b"", signature)
