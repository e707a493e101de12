"""The rows of a routing table: nodes in the order of their buckets, and the nearest of them.

Knows no rule about who belongs in it; routing.py does. A row is a reference to a contact that all
tables of the process share, and 15 bytes: a simulation holds a hundred thousand tables.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware.overlay.dht.address import Scope
from firmware.overlay.dht.contact import Contact
from firmware.overlay.dht.node_id import NODE_ID_BYTES

BUCKETS = 8 * NODE_ID_BYTES
FAILURES_MAX = 2  # unanswered queries in a row; then the node is bad
RTT_UNIT_S = 0.00025  # of the 16 bits that a row has for it: up to 16 s
ANSWERS_COUNTED_MAX = 255

SCOPES = (Scope.GLOBAL, Scope.PRIVATE, Scope.LOOPBACK, Scope.UNUSABLE)
FAILURES = 3  # bits of the state byte: failures, scope, id fits the address
SCOPE_SHIFT = 2
FITS = 16
_RTT, _ANSWERS = 4, 8  # columns
STATE, HEAD = 9, 10  # state byte, first byte of the id
_TAIL = 11  # the last two bytes of the id, by which it is found
_TAG = 13  # two bytes that belong to the owner, by which it is found
_ROW = struct.Struct(">IHHBBB2s2s")
_SIZE = _ROW.size


@dataclass(slots=True)
class Row:
    """One row, unpacked."""

    contact: Contact
    heard_s: int  # last answer to us or, once it had answered, query of it
    rtt: int  # smoothed, RTT_UNIT_S
    variation: int  # smoothed, RTT_UNIT_S
    answers: int  # up to ANSWERS_COUNTED_MAX
    state: int

    @property
    def failures(self) -> int:
        """Unanswered queries since the last answer, up to 3."""
        return self.state & FAILURES


class Rows:
    """Rows of one address family, bucket after bucket, the farthest bucket first."""

    __slots__ = ("_contacts", "_counts", "_rows", "own", "own_id")

    def __init__(self, own_id: bytes) -> None:
        self.own_id = own_id
        self.own = int.from_bytes(own_id, "big")
        self._contacts: list[Contact] = []
        self._rows = bytearray()
        self._counts = bytearray()  # rows per bucket, up to the deepest that was ever used

    def __len__(self) -> int:
        return len(self._contacts)

    def __iter__(self) -> Iterator[Row]:
        for contact, fields in zip(self._contacts, _ROW.iter_unpack(self._rows), strict=True):
            yield Row(contact, *fields[:5])

    def __getitem__(self, index: int) -> Row:
        return Row(self._contacts[index], *_FIELDS.unpack_from(self._rows, index * _SIZE))

    def compact(self, indices: list[int]) -> bytes:
        """Ids and addresses of these rows, as KRPC has them."""
        contacts = self._contacts
        return b"".join([contacts[index].packed for index in indices])

    def contact(self, index: int) -> Contact:
        """Of one row."""
        return self._contacts[index]

    def state(self, index: int) -> int:
        """Of one row: failures, scope, whether the id fits."""
        return self._rows[index * _SIZE + STATE]

    def rtt(self, index: int) -> int:
        """Smoothed round-trip time of one row, RTT_UNIT_S."""
        at = index * _SIZE + _RTT
        return self._rows[at] << 8 | self._rows[at + 1]

    def answers(self, index: int) -> int:
        """How often one row has answered, up to ANSWERS_COUNTED_MAX."""
        return self._rows[index * _SIZE + _ANSWERS]

    def contacts(self, first: int, last: int) -> list[Contact]:
        """Of the rows in [first, last)."""
        return self._contacts[first:last]

    def find_owner(self, contact: Contact) -> list[int]:
        """Rows of the same owner as `contact`."""
        found = []
        rows, contacts, tag = self._rows, self._contacts, _tag(contact)
        at = rows.find(tag)
        while at >= 0:
            if at % _SIZE == _TAG and contacts[at // _SIZE].owner == contact.owner:
                found.append(at // _SIZE)
            at = rows.find(tag, at + 1)
        return found

    def bucket(self, number: int) -> int:
        """How many leading bits the id `number` shares with our own id."""
        return BUCKETS - ((number ^ self.own).bit_length() or 1)

    def span(self, bucket: int) -> tuple[int, int]:
        """First row of `bucket`, and the one after its last."""
        counts = self._counts
        if bucket >= len(counts):
            return len(self._contacts), len(self._contacts)
        first = sum(counts[:bucket])
        return first, first + counts[bucket]

    def count(self, bucket: int) -> int:
        """Rows in `bucket`."""
        return self._counts[bucket] if bucket < len(self._counts) else 0

    def column(self, offset: int, first: int, last: int) -> bytearray:
        """One byte of each row in [first, last): STATE or HEAD."""
        return self._rows[first * _SIZE + offset : last * _SIZE : _SIZE]

    def depth(self) -> int:
        """One more than the deepest bucket with a row."""
        return len(self._counts.rstrip(b"\0"))

    def find_id(self, contact: Contact) -> int:
        """Row with the id of `contact`, -1 if there is none."""
        first, last = self.span(self.bucket(contact.number))
        if first == last:
            return -1
        rows, contacts, node_id = self._rows, self._contacts, contact.node_id
        tail, end = node_id[-2:], last * _SIZE
        at = rows.find(tail, first * _SIZE, end)
        while at >= 0:
            if at % _SIZE == _TAIL and contacts[at // _SIZE].node_id == node_id:
                return at // _SIZE
            at = rows.find(tail, at + 1, end)
        return -1

    def stalest(self, until_s: int) -> int:
        """Row not heard of for longest, and not after `until_s`; -1 if there is none.

        Bad ones do not count, unless they come of an earlier run and have failed no more since.
        """
        stalest, heard_s = -1, until_s + 1
        for index, fields in enumerate(_ROW.iter_unpack(self._rows)):
            if fields[0] < heard_s:
                failures = fields[4] & FAILURES
                if failures < FAILURES_MAX or (failures == FAILURES_MAX and not fields[3]):
                    stalest, heard_s = index, fields[0]
        return stalest

    def touch(self, index: int, heard_s: int) -> None:
        """The node at `index` is alive."""
        _HEARD.pack_into(self._rows, index * _SIZE, heard_s)

    def write(self, index: int, row: Row) -> None:
        """Replace what is at `index`; the contact must not change."""
        _FIELDS.pack_into(
            self._rows,
            index * _SIZE,
            row.heard_s,
            row.rtt,
            row.variation,
            row.answers,
            row.state,
        )

    def append(self, row: Row) -> None:
        """As the last of its bucket."""
        contact = row.contact
        bucket = self.bucket(contact.number)
        if bucket >= len(self._counts):
            self._counts += bytes(bucket + 1 - len(self._counts))
        _, last = self.span(bucket)
        at = last * _SIZE
        self._rows[at:at] = _ROW.pack(
            row.heard_s,
            row.rtt,
            row.variation,
            row.answers,
            row.state,
            contact.node_id[0],
            contact.node_id[-2:],
            _tag(contact),
        )
        self._contacts.insert(last, contact)
        self._counts[bucket] += 1

    def remove(self, index: int) -> None:
        """Forget the row at `index`; those behind it move up."""
        self._counts[self.bucket(self._contacts[index].number)] -= 1
        del self._rows[index * _SIZE : (index + 1) * _SIZE]
        del self._contacts[index]

    def nearest(self, target: bytes, count: int, allowed: bytes) -> list[int]:
        """Rows in the order of distance from `target`, without looking at more than needed.

        `allowed` has a 1 for each state byte that counts (states_in). The bucket of the target is
        nearest, then all deeper ones together, then the others: they always lie side by side.
        """
        number = int.from_bytes(target, "big")
        bucket = self.bucket(number)
        first, last = self.span(bucket)
        counts, rows, wanted = self._counts, len(self._contacts), count
        bucket = min(bucket, len(counts))
        while True:
            if last - first < wanted:
                last = rows
            while last - first < wanted and first > 0:
                bucket -= 1
                first -= counts[bucket]
            found = self._sorted(first, last, number, count, allowed)
            if len(found) == count or last - first < wanted:
                return found
            wanted += count  # some of those do not count: look farther

    def _sorted(self, first: int, last: int, target: int, count: int, allowed: bytes) -> list[int]:
        if first == last:
            return []
        states = self.column(STATE, first, last).translate(allowed)
        indices: Iterable[int] = range(first, last)
        if 0 in states:
            indices = [index for index, good in enumerate(states, first) if good]
        elif last - first > 4 * count:
            indices = self._like(target >> BUCKETS - 8, first, last, count)
        contacts = self._contacts
        by_distance = {contacts[index].number ^ target: index for index in indices}
        return [by_distance[far] for far in sorted(by_distance)[:count]]

    def _like(self, head: int, first: int, last: int, count: int) -> list[int]:
        """Rows in [first, last) whose ids begin most like `head`, `count` at least if there are.

        In a long bucket the first byte tells most ids apart.
        """
        heads, found = self.column(HEAD, first, last), []
        for difference in range(256):
            at = heads.find(head ^ difference)
            while at >= 0:
                found.append(first + at)
                at = heads.find(head ^ difference, at + 1)
            if len(found) >= count:
                break
        return found


def states_in(scopes: tuple[Scope, ...]) -> bytes:
    """Translates state bytes to 1 if the row is not bad and in one of `scopes`, else to 0."""
    return bytes(
        state & FAILURES < FAILURES_MAX and SCOPES[state >> SCOPE_SHIFT & 3] in scopes
        for state in range(256)
    )


def _tag(contact: Contact) -> bytes:
    """The last two bytes of an IPv4 address or an IPv6 /64; of loopback the port (owner_of)."""
    if contact.scope is Scope.LOOPBACK:
        return contact.packed[-2:]
    at = NODE_ID_BYTES + (6 if contact.is_v6 else 2)
    return contact.packed[at : at + 2]


_FIELDS = struct.Struct(">IHHBB")
_HEARD = struct.Struct(">I")
