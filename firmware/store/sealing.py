"""Records as they lie on the card: sealed with a key of the identity, each under a mute tag.

Who steals the card without identity.json learns how many records of each kind there are and how
long they are. Who can write to the card can bring back an older value of a record, nothing else.
Sources: RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305; small computers have no AES in hardware);
the layout is ours, docs/protocol.md section 10.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from firmware import primitives
from firmware.errors import MalformedError
from firmware.identity import Identity

KEY_BYTES_MAX = 255  # UTF-8 of the key of a record
TAG_BYTES = 16
_NONCE_BYTES = 12
_SEAL_BYTES = 16
_PURPOSE = b"fernruf store 1"


class Sealer:
    """Seals and opens the records of one identity; `random_bytes` gives the nonces."""

    def __init__(self, identity: Identity, random_bytes: Callable[[int], bytes]) -> None:
        derived = primitives.derive(identity.ed25519_private, 64, b"", _PURPOSE)
        self._seal_key = derived[:32]
        self._tag_key = derived[32:]
        self._random_bytes = random_bytes

    def tag(self, kind: str, key: str) -> bytes:
        """What stands for `key` in the table: the same for the same key, and no way back."""
        said = kind.encode() + b"\0" + key.encode()
        return hmac.digest(self._tag_key, said, hashlib.sha256)[:TAG_BYTES]

    def seal(self, kind: str, key: str, data: bytes) -> bytes:
        """The value of the row: nonce, then key and data, sealed for this row alone."""
        name = key.encode()
        assert len(name) <= KEY_BYTES_MAX, kind
        nonce = self._random_bytes(_NONCE_BYTES)
        plain = bytes([len(name)]) + name + data
        return nonce + primitives.seal(
            self._seal_key, nonce, plain, kind.encode() + self.tag(kind, key)
        )

    def open(self, kind: str, tag: bytes, sealed: bytes) -> tuple[str, bytes]:
        """Key and data; MalformedError if the row is not as we wrote it."""
        if len(sealed) < _NONCE_BYTES + _SEAL_BYTES + 1:
            raise MalformedError("a record is too short")
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = primitives.unseal(self._seal_key, nonce, rest, kind.encode() + tag)
        except MalformedError:
            raise MalformedError("a record is not ours, or damaged") from None
        end = 1 + plain[0]
        return plain[1:end].decode(), plain[end:]
