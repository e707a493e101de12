"""The nodes we knew, kept across restarts: the way back into the network with nobody's server.

Knows no file: `encode_nodes` and `decode_nodes` are the content of one. Source: ours; packed,
because it is written every ten minutes to a card that wears out: 26 or 38 bytes a node.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from firmware.errors import MalformedError
from firmware.overlay.dht.address import is_usable
from firmware.overlay.dht.contact import Contact, contact_of
from firmware.overlay.dht.node_id import NODE_ID_BYTES

NODES_FILE = "nodes"
NODES_SAVED_MAX = 400  # of both families; with the head about 11 kB
_MAGIC = b"FRN\x01"
_HEAD_BYTES = len(_MAGIC) + 2 * NODE_ID_BYTES + 2
_SIZES = (NODE_ID_BYTES + 6, NODE_ID_BYTES + 18)


@dataclass(frozen=True, slots=True)
class KnownNodes:
    """Our ids of both families and whom we knew, best first."""

    own_id: bytes
    own_id6: bytes
    contacts: tuple[Contact, ...]


def encode_nodes(own_id: bytes, own_id6: bytes, contacts: Iterable[Contact]) -> bytes:
    """At most NODES_SAVED_MAX contacts, the first ones."""
    v4: list[bytes] = []
    v6: list[bytes] = []
    for contact in islice(contacts, NODES_SAVED_MAX):
        (v6 if contact.is_v6 else v4).append(contact.packed)
    body = _MAGIC + own_id + own_id6 + len(v4).to_bytes(2, "big") + b"".join(v4 + v6)
    return body + zlib.crc32(body).to_bytes(4, "big")


def decode_nodes(data: bytes) -> KnownNodes:
    """Raises MalformedError: the file is then to be set aside, and others are asked the way."""
    body = data[:-4]
    if len(body) < _HEAD_BYTES or body[: len(_MAGIC)] != _MAGIC:
        raise MalformedError("not a file of nodes")
    if zlib.crc32(body) != int.from_bytes(data[-4:], "big"):
        raise MalformedError("a file of nodes with a wrong checksum")
    own_id, own_id6 = body[4:24], body[24:44]
    middle = _HEAD_BYTES + _SIZES[0] * int.from_bytes(body[44:46], "big")
    if middle > len(body) or (len(body) - middle) % _SIZES[1]:
        raise MalformedError("a file of nodes of wrong length")
    packed = [body[at : at + _SIZES[0]] for at in range(_HEAD_BYTES, middle, _SIZES[0])]
    packed += [body[at : at + _SIZES[1]] for at in range(middle, len(body), _SIZES[1])]
    contacts = [contact_of(node) for node in packed[:NODES_SAVED_MAX]]
    return KnownNodes(own_id, own_id6, tuple(c for c in contacts if is_usable(c.endpoint)))
