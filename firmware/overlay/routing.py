"""Routing table: which nodes we know, by their distance from us, and how far we trust them.

Knows no message and no network; whoever answers or fails is told to it. Units: `_s` monotonic.
Source: BEP 5 "Routing Table" (k = 8; good, questionable, bad), BEP 42 (ids that fit an address).
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from firmware.model import Endpoint
from firmware.overlay.address import owner_of
from firmware.overlay.krpc import Contact
from firmware.overlay.node_id import NODE_ID_BYTES, distance, fits_address, shared_bits

K = 8
FRESH_S = 15 * 60.0  # after that without a sign of life a good node is questionable
FAILURES_MAX = 2  # unanswered queries in a row; then the node is bad
NODES_PER_OWNER_MAX = 2  # of one address, in the whole table
BUCKETS = 8 * NODE_ID_BYTES


class Standing(Enum):
    """How far a node is trusted (BEP 5)."""

    GOOD = "good"
    QUESTIONABLE = "questionable"
    BAD = "bad"


@dataclass(slots=True)
class Entry:
    """A node of the table; it has answered us at least once."""

    contact: Contact
    heard_s: float  # last answer to us or, once it had answered, query of it
    rtt_s: float
    failures: int = 0

    def standing(self, now_s: float) -> Standing:
        """By what happened up to `now_s`."""
        if self.failures >= FAILURES_MAX:
            return Standing.BAD
        return Standing.GOOD if now_s - self.heard_s < FRESH_S else Standing.QUESTIONABLE


class RoutingTable:
    """One bucket of K nodes per number of leading bits shared with our own id."""

    def __init__(self, own_id: bytes) -> None:
        self.own_id = own_id
        self._buckets: defaultdict[int, dict[bytes, Entry]] = defaultdict(dict)  # few are not empty
        self._changed_s: dict[int, float] = {}
        self._owners: Counter[str] = Counter()
        self._id_at: dict[Endpoint, bytes] = {}
        self.nodes = 0  # known and not bad

    def neighbours(
        self, target: bytes, count: int, keep: Callable[[Contact], bool] | None = None
    ) -> list[Contact]:
        """The `count` nodes closest to `target` that are not bad, closest first."""
        contacts = (
            entry.contact
            for entry in self._entries()
            if entry.failures < FAILURES_MAX and (keep is None or keep(entry.contact))
        )
        return heapq.nsmallest(count, contacts, key=lambda node: distance(node.node_id, target))

    def all_contacts(self) -> list[Contact]:
        """Every node, the bad ones too: after an outage of ours they are the way back."""
        return [entry.contact for entry in self._entries()]

    def answered(self, contact: Contact, rtt_s: float, now_s: float) -> bool:
        """`contact` answered a query; True if it is in the table now."""
        entry = self._entry(contact)
        if entry is None:
            entry = self._insert(contact, rtt_s, now_s)
        if entry is None:
            return False
        if entry.failures >= FAILURES_MAX:
            self.nodes += 1
        entry.failures, entry.heard_s, entry.rtt_s = 0, now_s, rtt_s
        self._changed_s[self._index(contact.node_id)] = now_s
        return True

    def queried(self, contact: Contact, now_s: float) -> bool:
        """`contact` asked us something; True if it is unknown and worth a ping."""
        entry = self._entry(contact)
        if entry is not None:
            if entry.failures == 0:
                entry.heard_s = now_s
            return entry.failures > 0
        return self._has_room(contact)

    def failed(self, contact: Contact) -> None:
        """`contact` left a query unanswered."""
        entry = self._entry(contact)
        if entry is not None:
            entry.failures += 1
            if entry.failures == FAILURES_MAX:
                self.nodes -= 1

    def questionable(self, now_s: float) -> Contact | None:
        """The questionable node heard longest ago: the one to ping next."""
        waiting = [
            entry for entry in self._entries() if entry.standing(now_s) is Standing.QUESTIONABLE
        ]
        return min(waiting, key=lambda entry: entry.heard_s).contact if waiting else None

    def stale_target(self, random_20: bytes, now_s: float) -> bytes | None:
        """A random id in a bucket where nothing changed for FRESH_S, as far as the table reaches.

        Injected randomness: 20 bytes.
        """
        deepest = max((index for index, bucket in self._buckets.items() if bucket), default=-1)
        for index in range(min(deepest + 2, BUCKETS)):
            if now_s - self._changed_s.get(index, -math.inf) >= FRESH_S:
                self._changed_s[index] = now_s
                return _id_in_bucket(self.own_id, index, random_20)
        return None

    def moved_to(self, own_id: bytes) -> RoutingTable:
        """The table under a new id of ours; nodes that find no place there are forgotten."""
        table = RoutingTable(own_id)
        for entry in self._entries():
            if entry.failures < FAILURES_MAX:
                table.answered(entry.contact, entry.rtt_s, entry.heard_s)
        return table

    def _insert(self, contact: Contact, rtt_s: float, now_s: float) -> Entry | None:
        if not self._has_room(contact):
            return None
        self._forget_former(contact)
        bucket = self._buckets[self._index(contact.node_id)]
        if len(bucket) >= K or contact.node_id in bucket:
            leaving = self._replaceable(contact)
            assert leaving is not None
            self._remove(leaving)
        entry = Entry(contact, now_s, rtt_s)
        bucket[contact.node_id] = entry
        self._owners[owner_of(contact.endpoint)] += 1
        self._id_at[contact.endpoint] = contact.node_id
        self.nodes += 1
        return entry

    def _forget_former(self, contact: Contact) -> None:
        """A node that has taken a new id (BEP 42) is no longer the one it was."""
        former_id = self._id_at.get(contact.endpoint)
        if former_id is not None:
            self._remove(self._buckets[self._index(former_id)][former_id])

    def _has_room(self, contact: Contact) -> bool:
        if contact.node_id == self.own_id:
            return False
        others = self._owners[owner_of(contact.endpoint)] - (contact.endpoint in self._id_at)
        if others >= NODES_PER_OWNER_MAX:
            return False
        bucket = self._buckets[self._index(contact.node_id)]
        if len(bucket) < K and contact.node_id not in bucket:
            return True
        return self._replaceable(contact) is not None

    def _replaceable(self, newcomer: Contact) -> Entry | None:
        bucket = self._buckets[self._index(newcomer.node_id)]
        same_id = bucket.get(newcomer.node_id)
        if same_id is not None:  # somebody else has this id; first come stays while it answers
            return same_id if same_id.failures >= FAILURES_MAX else None
        for entry in bucket.values():
            if entry.failures >= FAILURES_MAX:
                return entry
        if _fits(newcomer):
            return next((entry for entry in bucket.values() if not _fits(entry.contact)), None)
        return None

    def _remove(self, entry: Entry) -> None:
        del self._buckets[self._index(entry.contact.node_id)][entry.contact.node_id]
        del self._id_at[entry.contact.endpoint]
        owner = owner_of(entry.contact.endpoint)
        self._owners[owner] -= 1
        if not self._owners[owner]:
            del self._owners[owner]
        if entry.failures < FAILURES_MAX:
            self.nodes -= 1

    def _entry(self, contact: Contact) -> Entry | None:
        if contact.node_id == self.own_id:
            return None
        entry = self._buckets[self._index(contact.node_id)].get(contact.node_id)
        return entry if entry is not None and entry.contact == contact else None

    def _index(self, node_id: bytes) -> int:
        return min(shared_bits(node_id, self.own_id), BUCKETS - 1)

    def _entries(self) -> Iterator[Entry]:
        for bucket in self._buckets.values():
            yield from bucket.values()


def _fits(contact: Contact) -> bool:
    return fits_address(contact.node_id, contact.endpoint.host)


def _id_in_bucket(own_id: bytes, index: int, random_20: bytes) -> bytes:
    """Shares exactly `index` leading bits with `own_id`."""
    below = BUCKETS - index - 1  # number of free bits
    own = int.from_bytes(own_id, "big")
    flipped = (own ^ 1 << below) >> below << below
    free = int.from_bytes(random_20, "big") & ((1 << below) - 1)
    return (flipped | free).to_bytes(NODE_ID_BYTES, "big")
