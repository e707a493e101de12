"""Who there is: addresses, identifiers that belong to them (BEP 42), and what became of each.

Knows no node and no message. A place is an index into the population in the order of identifiers,
so that "the nodes near this target" is a slice. Only numbers are kept per place; contacts are made
when somebody first hears of them. Source: BEP 42 (the id that an address gives).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from enum import IntEnum
from random import Random

import numpy as np
import numpy.typing as npt

from firmware.model import Endpoint
from firmware.overlay.dht.contact import Contact, contact_at, decode_endpoint, make_room
from firmware.overlay.dht.node_id import NODE_ID_BYTES, crc32c
from firmware.overlay.dht.routing import bucket_size

PORT = 6881
PLACES_MAX = 1 << 24
_PORT = PORT.to_bytes(2, "big")
_FIRST_OCTET = 12  # to 75: all of it global (RFC 6890)
_BITS = 30  # of an address, behind the first
_ODD = 0x2545F491  # times an index modulo 2**_BITS: every address at most once, well mixed
_BACK = pow(_ODD, -1, 1 << _BITS)
_HEAD_BITS = 64  # by which identifiers are sorted; ties are decided by nobody


class Role(IntEnum):
    """What is at a place."""

    ALIVE = 0
    DEAD = 1  # still in tables, answers nothing
    HOSTILE = 2


class Population:
    """`alive` nodes, hostile ones among them, and dead ones until they are `dead` of all."""

    def __init__(self, alive: int, seed: int, *, dead: float = 0.0, hostile: float = 0.0) -> None:
        self.size = round(alive / (1.0 - dead))
        assert 0 < self.size <= PLACES_MAX
        dice = np.random.default_rng([seed, 3])
        self._first = int(dice.integers(1 << _BITS - 1))
        numbers = np.arange(self.size, dtype=np.uint64) + np.uint64(self._first)
        addresses = (numbers * np.uint64(_ODD) & np.uint64((1 << _BITS) - 1)).astype(np.uint32)
        addresses += np.uint32(_FIRST_OCTET << 24)
        identifiers = _identifiers(addresses, dice.bytes(NODE_ID_BYTES * self.size))
        heads = np.ascontiguousarray(identifiers[:, :8]).view(">u8").ravel().astype(np.uint64)
        order = np.argsort(heads, kind="stable")
        self._heads = array("Q", heads[order].tobytes())
        self._identifiers = identifiers[order].tobytes()
        self._addresses = array("I", addresses[order].tobytes())
        self._contacts: dict[int, Contact] = {}
        make_room(2 * self.size)  # each node may have had another id before it knew its address
        ranks = np.empty(self.size, dtype=np.uint32)
        ranks[order] = np.arange(self.size, dtype=np.uint32)
        self._ranks = array("I", ranks.tobytes())  # the place of an index
        self._place_at: dict[str, int | None] = {}
        roles = np.zeros(self.size, dtype=np.uint8)
        mixed = dice.permutation(self.size)
        roles[mixed[alive:]] = Role.DEAD
        roles[mixed[: round(alive * hostile)]] = Role.HOSTILE
        self.roles = bytearray(roles.tobytes())

    def contact(self, place: int) -> Contact:
        """The node at `place`; one object for everybody who knows it."""
        contact = self._contacts.get(place)
        if contact is None:
            start = place * NODE_ID_BYTES
            node_id = self._identifiers[start : start + NODE_ID_BYTES]
            contact = self._contacts[place] = contact_at(node_id, self.endpoint(place))
        return contact

    def endpoint(self, place: int) -> Endpoint:
        """Where `place` is; one object for everybody who writes there."""
        endpoint = decode_endpoint(self._addresses[place].to_bytes(4, "big") + _PORT)
        assert endpoint is not None
        return endpoint

    def slots(self, places: npt.NDArray[np.int64], bucket: int) -> npt.NDArray[np.uint64]:
        """`routing.slot_of` of each, as far as identifiers are told apart here."""
        bits = bucket_size(bucket).bit_length() - 1
        heads = np.frombuffer(self._heads, dtype=np.uint64)[places]
        return heads << np.uint64(bucket + 1) >> np.uint64(_HEAD_BITS - bits)

    def shuffled(self, dice: Random) -> list[int]:
        """All places in random order."""
        places = list(range(self.size))
        dice.shuffle(places)
        return places

    def place_at(self, host: str) -> int | None:
        """Who is at `host`, an IPv4 address; None where nobody ever was."""
        if host not in self._place_at:
            address = int.from_bytes(bytes(map(int, host.split("."))), "big")
            mixed = address - (_FIRST_OCTET << 24)
            index = (mixed * _BACK - self._first) % (1 << _BITS)
            is_known = 0 <= mixed < 1 << _BITS and index < self.size
            self._place_at[host] = self._ranks[index] if is_known else None
        return self._place_at[host]

    def span(self, node_id: bytes, bits: int) -> tuple[int, int]:
        """Places, first and last + 1, of the identifiers that share `bits` bits with `node_id`."""
        head = int.from_bytes(node_id[:8], "big")
        free = _HEAD_BITS - min(bits, _HEAD_BITS)
        low = head >> free << free
        first = bisect_left(self._heads, low)
        return first, bisect_left(self._heads, low + (1 << free), first)


def _identifiers(addresses: npt.NDArray[np.uint32], dice: bytes) -> npt.NDArray[np.uint8]:
    """What `node_id.for_address` does, for all at once."""
    identifiers = np.frombuffer(dice, dtype=np.uint8).reshape(-1, NODE_ID_BYTES).copy()
    octets = np.ascontiguousarray(addresses.astype(">u4")).view(np.uint8).reshape(-1, 4)
    masked = octets & np.array([0x03, 0x0F, 0x3F, 0xFF], dtype=np.uint8)
    masked[:, 0] |= (identifiers[:, 19] & 7) << 5
    # A CRC of four bytes is the sum of those of its bytes, each alone among zeros.
    zero = crc32c(bytes(4))
    checksum = np.full(len(addresses), zero, dtype=np.uint32)
    for position in range(4):
        alone = [
            crc32c(bytes(position) + bytes([value]) + bytes(3 - position)) ^ zero
            for value in range(256)
        ]
        checksum ^= np.array(alone, dtype=np.uint32)[masked[:, position]]
    heads = np.ascontiguousarray(identifiers[:, :4]).view(">u4").ravel().astype(np.uint32)
    heads = checksum & np.uint32(0xFFFFF800) | heads & np.uint32(0x7FF)
    identifiers[:, :4] = heads.astype(">u4").view(np.uint8).reshape(-1, 4)
    return identifiers
