"""The proof that a certificate is handed over by its owner, now, to who asked, and not replayed.

Knows no message. `asker` is who asked, as the owner sees it: a liar who passes the question on to
the owner gets a proof for itself. Source: ours, docs/protocol.md section 3 (x_fr_certificate).
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, scope_of
from firmware.overlay.dht.krpc import decode_endpoint, encode_endpoint
from firmware.primitives import SIGNATURE_BYTES, is_signed

NONCE_BYTES = 16
_SIGNED_AS = b"fernruf certificate proof"  # keeps the signature from being valid as anything else


def prove(sign: Callable[[bytes], bytes], nonce: bytes, info_hash: bytes, asker: Endpoint) -> bytes:
    """The asker's address (6 or 18 bytes), and the owner's signature over it and the question."""
    seen = encode_endpoint(asker)
    return seen + sign(_signed_part(nonce, info_hash, seen))


def is_proved(
    proof: bytes,
    public_key: bytes,
    nonce: bytes,
    info_hash: bytes,
    *,
    answerer: Endpoint,
    own_host: str | None,
) -> bool:
    """True if the owner of `public_key` answered our question itself.

    `own_host` is our global address of the answerer's family, None if it is not known: then a
    liar who passes questions on is not found out, which costs it the time of the way.
    """
    seen, signature = proof[:-SIGNATURE_BYTES], proof[-SIGNATURE_BYTES:]
    asker = decode_endpoint(seen)
    if asker is None or not nonce or scope_of(asker.host) is not scope_of(answerer.host):
        return False
    if scope_of(asker.host) is Scope.GLOBAL and own_host not in (None, asker.host):
        return False
    return is_signed(signature, _signed_part(nonce, info_hash, seen), public_key)


def _signed_part(nonce: bytes, info_hash: bytes, seen: bytes) -> bytes:
    assert len(info_hash) == 20
    return _SIGNED_AS + bytes([len(nonce)]) + nonce + info_hash + seen
