"""Compact forms: an address in 6 or 18 bytes, a node in 26 or 38; and fields that must be right.

Knows no message.
Sources: BEP 5 "Contact Encoding", BEP 32 (`nodes6`).
"""

from __future__ import annotations

from collections.abc import Iterable

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.contact import (
    V4_BYTES,
    V6_BYTES,
    Contact,
    contacts_of,
    decode_endpoint,
)
from firmware.overlay.dht.messages import PackedNodes
from firmware.overlay.dht.node_id import NODE_ID_BYTES

TOKEN_BYTES_MAX = 64
_NODE_V4, _NODE_V6 = NODE_ID_BYTES + 6, NODE_ID_BYTES + 18


def decode_observed(data: object) -> Endpoint | None:
    """The key `ip` (BEP 42). Some nodes leave out the port, which is then 0."""
    if isinstance(data, bytes) and len(data) in (V4_BYTES, V6_BYTES):
        data += b"\0\0"
    return decode_endpoint(data)


def pack_nodes(nodes: Iterable[Contact]) -> PackedNodes:
    """`nodes`, and `nodes6` if there are any of that family."""
    v4, v6 = b"", b""
    for node in nodes:
        if node.is_v6:
            v6 += node.packed
        else:
            v4 += node.packed
    return PackedNodes(v4 if v4 or not v6 else None, v6 or None)


def decode_nodes(nodes: object, nodes6: object) -> tuple[Contact, ...]:
    """Both families; a rest too short for a node is ignored."""
    v4 = contacts_of(nodes, _NODE_V4) if isinstance(nodes, bytes) else []
    return tuple(v4 + contacts_of(nodes6, _NODE_V6) if isinstance(nodes6, bytes) else v4)


def identifier(dictionary: dict[bytes, object], key: bytes) -> bytes:
    """A node id, target or info-hash that must be there."""
    value = dictionary.get(key)
    if not isinstance(value, bytes) or len(value) != NODE_ID_BYTES:
        raise MalformedError(f"{key!r} is not {NODE_ID_BYTES} bytes")
    return value


def short_bytes(dictionary: dict[bytes, object], key: bytes, bytes_max: int) -> bytes:
    """1 to `bytes_max` bytes that must be there."""
    value = dictionary.get(key)
    if not isinstance(value, bytes) or not 0 < len(value) <= bytes_max:
        raise MalformedError(f"{key!r} is absent or of wrong length")
    return value


def whole_number(dictionary: dict[bytes, object], key: bytes, maximum: int) -> int | None:
    """0 to `maximum`; None if the key is absent."""
    value = dictionary.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or not 0 <= value <= maximum:
        raise MalformedError(f"{key!r} is not a number from 0 to {maximum}")
    return value


def inner(dictionary: dict[bytes, object], key: bytes) -> dict[bytes, object]:
    """A dictionary that must be there."""
    value = dictionary.get(key)
    if not isinstance(value, dict):
        raise MalformedError(f"{key!r} is not a dictionary")
    return value
