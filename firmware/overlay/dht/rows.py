"""The packed rows of a routing table: nodes in the order of their buckets, and the nearest of them.

Knows no rule about who belongs in it; routing.py does. A node is a row of bytes, 36 for IPv4 and 48
for IPv6, since a simulation holds a hundred thousand tables. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware.overlay.dht.address import Scope
from firmware.overlay.dht.krpc import Contact, decode_endpoint
from firmware.overlay.dht.node_id import NODE_ID_BYTES

BUCKETS = 8 * NODE_ID_BYTES
FAILURES_MAX = 2  # unanswered queries in a row; then the node is bad
RTT_UNIT_S = 0.00025  # of the 16 bits that a row has for it: up to 16 s
ANSWERS_COUNTED_MAX = 255

SCOPES = (Scope.GLOBAL, Scope.PRIVATE, Scope.LOOPBACK, Scope.UNUSABLE)
FAILURES = 3  # bits of the state byte: failures, scope, id fits the address
SCOPE_SHIFT = 2
FITS = 16
STATE = -1  # offset of the state byte in a row


@dataclass(slots=True)
class Row:
    """One row, unpacked."""

    node_id: bytes
    address: bytes  # compact, 6 or 18 bytes
    heard_s: int  # last answer to us or, once it had answered, query of it
    rtt: int  # smoothed, RTT_UNIT_S
    variation: int  # smoothed, RTT_UNIT_S
    answers: int  # up to ANSWERS_COUNTED_MAX
    state: int

    @property
    def failures(self) -> int:
        """Unanswered queries since the last answer, up to 3."""
        return self.state & FAILURES

    @property
    def contact(self) -> Contact:
        """As the rest of the overlay speaks of it."""
        return contact_of(self.node_id + self.address)


class Rows:
    """Rows of one address family, bucket after bucket, the farthest bucket first."""

    __slots__ = ("_counts", "_format", "_rows", "_size", "own")

    def __init__(self, own_id: bytes, *, is_v6: bool) -> None:
        self.own = int.from_bytes(own_id, "big")
        self._format = _ROW6 if is_v6 else _ROW4
        self._size = self._format.size
        self._rows = bytearray()
        self._counts = bytearray()  # rows per bucket, up to the deepest that was ever used

    def __len__(self) -> int:
        return len(self._rows) // self._size

    def __iter__(self) -> Iterator[Row]:
        for fields in self._format.iter_unpack(self._rows):
            yield Row(*fields)

    def __getitem__(self, index: int) -> Row:
        return Row(*self._format.unpack_from(self._rows, index * self._size))

    def compact(self, indices: list[int]) -> bytes:
        """Ids and addresses of these rows, as KRPC has them."""
        rows, size, told = self._rows, self._size, self._size - _STATE_BYTES
        return b"".join([rows[index * size : index * size + told] for index in indices])

    def contact(self, index: int) -> Contact:
        """Of one row."""
        return contact_of(self.compact([index]))

    def bucket(self, node_id: bytes) -> int:
        """How many leading bits `node_id` shares with our own id."""
        distance = int.from_bytes(node_id, "big") ^ self.own
        return min(BUCKETS - distance.bit_length(), BUCKETS - 1)

    def span(self, bucket: int) -> tuple[int, int]:
        """First row of `bucket`, and the one after its last."""
        first = sum(self._counts[:bucket])
        return first, first + self.count(bucket)

    def count(self, bucket: int) -> int:
        """Rows in `bucket`."""
        return self._counts[bucket] if bucket < len(self._counts) else 0

    def column(self, offset: int, first: int, last: int) -> bytearray:
        """One byte of each row in [first, last); `offset` may count from the end of the row."""
        at = first * self._size + offset % self._size
        return self._rows[at : last * self._size : self._size]

    def depth(self) -> int:
        """One more than the deepest bucket with a row."""
        return len(self._counts.rstrip(b"\0"))

    def find_id(self, node_id: bytes) -> int:
        """Row of `node_id`, -1 if there is none."""
        first, last = self.span(self.bucket(node_id))
        return self.find(node_id, 0, first, last)

    def find(self, wanted: bytes, offset: int, first: int, last: int) -> int:
        """First row in [first, last) with `wanted` at `offset`, -1 if there is none."""
        rows, size, end = self._rows, self._size, last * self._size
        at = rows.find(wanted, first * size, end)
        while at >= 0 and at % size != offset:
            at = rows.find(wanted, at + 1, end)
        return at // size if at >= 0 else -1

    def write(self, index: int, row: Row) -> None:
        """Replace what is at `index`; the id must not change."""
        self._format.pack_into(
            self._rows,
            index * self._size,
            row.node_id,
            row.address,
            row.heard_s,
            row.rtt,
            row.variation,
            row.answers,
            row.state,
        )

    def append(self, row: Row) -> None:
        """As the last of its bucket."""
        bucket = self.bucket(row.node_id)
        if bucket >= len(self._counts):
            self._counts += bytes(bucket + 1 - len(self._counts))
        _, last = self.span(bucket)
        at = last * self._size
        self._rows[at:at] = bytes(self._size)
        self._counts[bucket] += 1
        self.write(last, row)

    def remove(self, index: int) -> None:
        """Forget the row at `index`; those behind it move up."""
        self._counts[self.bucket(self[index].node_id)] -= 1
        del self._rows[index * self._size : (index + 1) * self._size]

    def nearest(self, target: bytes, count: int, allowed: bytes) -> list[int]:
        """Rows in the order of distance from `target`, without looking at more than needed.

        `allowed` has a 1 for each state byte that counts (states_in). The bucket of the target is
        nearest, then all deeper ones together, then the others.
        """
        number = int.from_bytes(target, "big")
        bucket = min(BUCKETS - (number ^ self.own).bit_length(), BUCKETS - 1)
        first, last = self.span(bucket)
        found = self._sorted(first, last, number, bucket, count, allowed)
        if len(found) < count:
            found += self._sorted(last, len(self), number, bucket, count - len(found), allowed)
        while len(found) < count and first > 0:
            bucket -= 1
            last, first = first, first - self.count(bucket)
            found += self._sorted(first, last, number, bucket, count - len(found), allowed)
        return found

    def _sorted(
        self, first: int, last: int, target: int, bucket: int, count: int, allowed: bytes
    ) -> list[int]:
        if first == last:
            return []
        rows, size = self._rows, self._size
        states = self.column(STATE, first, last).translate(allowed)
        indices: Iterable[int] = range(first, last)
        if 0 in states:
            indices = [index for index, good in enumerate(states, first) if good]
        elif last - first > 2 * count:  # one byte of the ids tells most of them apart
            at = min((bucket + 1) // 8, NODE_ID_BYTES - 1)
            head = target >> 8 * (NODE_ID_BYTES - 1 - at) & 255
            keys = self.column(at, first, last).translate(_XOR[head])
            limit = sorted(keys)[count - 1]
            indices = [index for index, key in enumerate(keys, first) if key <= limit]
        from_bytes = int.from_bytes
        keyed = [
            (from_bytes(rows[index * size : index * size + NODE_ID_BYTES], "big") ^ target, index)
            for index in indices
        ]
        keyed.sort()
        return [index for _, index in keyed[:count]]


def states_in(scopes: tuple[Scope, ...]) -> bytes:
    """Translates state bytes to 1 if the row is not bad and in one of `scopes`, else to 0."""
    return bytes(
        state & FAILURES < FAILURES_MAX and SCOPES[state >> SCOPE_SHIFT & 3] in scopes
        for state in range(256)
    )


def contact_of(compact: bytes) -> Contact:
    """From an id and a compact address of 6 or 18 bytes."""
    endpoint = decode_endpoint(compact[NODE_ID_BYTES:])
    assert endpoint is not None
    return Contact(compact[:NODE_ID_BYTES], endpoint)


_ROW4 = struct.Struct(">20s6sIHHBB")
_ROW6 = struct.Struct(">20s18sIHHBB")
_STATE_BYTES = _ROW4.size - NODE_ID_BYTES - 6
_XOR = tuple(bytes(head ^ other for other in range(256)) for head in range(256))
