"""Who is on the local network, and which of them has a number that we know.

A box announces a random salt and, made with it, a tag of its number: who knows the number
recognises the tag, a stranger sees noise that changes with every start. No day is in it: without
the Internet the clocks of two boxes may be years apart.
Source: ours, docs/protocol.md section 3 (local network).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict

from firmware.events import LanNeighbourSeen
from firmware.model import Endpoint
from firmware.overlay.dht.address import is_usable

NEIGHBOURS_MAX = 64  # beyond it who was heard least recently is forgotten
SALT_BYTES = 8
TAG_BYTES = 8
_SALT = b"fernruf lan"  # of the memory-hard hash


def lan_question(number: str) -> tuple[bytes, bytes]:
    """Secret and salt whose Argon2id hash stands for `number` on a local network."""
    return number.encode(), _SALT


def lan_tag(salt: bytes, lan_hash: bytes) -> bytes:
    """What a box with the number of `lan_hash` announces beside `salt`."""
    return hmac.digest(salt, lan_hash, hashlib.sha256)[:TAG_BYTES]


class Neighbours:
    """At most NEIGHBOURS_MAX boxes, by the name they announce themselves with."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, LanNeighbourSeen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, seen: LanNeighbourSeen) -> None:
        """It may be there already, with other tags or addresses."""
        self._by_name[seen.name] = seen
        self._by_name.move_to_end(seen.name)
        if len(self._by_name) > NEIGHBOURS_MAX:
            self._by_name.popitem(last=False)

    def remove(self, name: str) -> None:
        """It may be gone already."""
        self._by_name.pop(name, None)

    def holders(self, lan_hash: bytes) -> list[Endpoint]:
        """Where those say they are who claim the number of `lan_hash`."""
        return [
            endpoint
            for seen in self._by_name.values()
            if any(hmac.compare_digest(lan_tag(seen.salt, lan_hash), tag) for tag in seen.tags)
            for endpoint in seen.endpoints
            if is_usable(endpoint)
        ]
