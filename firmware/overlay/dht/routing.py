"""Routing table of one address family: which nodes we know, how far away, how far trusted.

Knows no message and no network; whoever answers or fails is told to it. Long first buckets and
entries chosen by round-trip time make lookups quick. Units: `_s` monotonic seconds.
Sources: BEP 5 "Routing Table" (good, questionable, bad), BEP 42 (ids that fit an address);
R. Jimenez, F. Osmani, B. Knutsson, "Sub-second lookups on a large-scale Kademlia-based overlay",
2011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope
from firmware.overlay.dht.contact import Contact
from firmware.overlay.dht.node_id import NODE_ID_BYTES
from firmware.overlay.dht.rows import (
    ANSWERS_COUNTED_MAX,
    BUCKETS,
    FAILURES,
    FAILURES_MAX,
    FITS,
    HEAD,
    RTT_UNIT_S,
    SCOPE_SHIFT,
    SCOPES,
    STATE,
    Row,
    Rows,
    states_in,
)

K = 8
BUCKET_SIZES = (128, 64, 32, 16)  # of the buckets farthest from us; all others hold K
FRESH_S = 15 * 60.0  # after that without a sign of life a good node is questionable
NODES_PER_OWNER_MAX = 2  # of one address, in the whole table
SPARES_MAX = 16  # nodes heard of that may replace one of ours, not yet asked
# A newcomer takes the place of a slower node, but an old acquaintance only gives way to a much
# nearer one: who has been there for long will stay (Kademlia section 2.1).
NEARER = 0.7
MUCH_NEARER = 0.35
OLD_ANSWERS = 8
RTT_UNKNOWN_S = 1.0  # of a node that answered, but nobody knows which of our attempts

_ANY_SCOPE = states_in(SCOPES)
_BAD = bytes(state & FAILURES >= FAILURES_MAX for state in range(256))  # translates state bytes
_UNFIT = bytes(not state & FITS for state in range(256))
_TOLD_TO = {scope: states_in((Scope.GLOBAL, scope)) for scope in SCOPES}  # as address.may_name


class RoutingTable:
    """One bucket of nodes per number of leading bits shared with our own id."""

    __slots__ = ("_rows", "_spares", "is_v6", "nodes")

    def __init__(self, own_id: bytes, *, is_v6: bool = False) -> None:
        self.is_v6 = is_v6
        self.nodes = 0  # known and not bad
        self._rows = Rows(own_id)
        self._spares: list[Contact] = []  # oldest first

    @property
    def own_id(self) -> bytes:
        """Ours, 20 bytes."""
        return self._rows.own_id

    def neighbours(
        self, target: bytes, count: int, keep: Callable[[Contact], bool] | None = None
    ) -> list[Contact]:
        """The `count` nodes closest to `target` that are not bad, closest first."""
        wanted = count if keep is None else len(self._rows)
        contacts = map(self._rows.contact, self._rows.nearest(target, wanted, _ANY_SCOPE))
        return [contact for contact in contacts if keep is None or keep(contact)][:count]

    def near(self, target: bytes, count: int) -> list[tuple[Contact, float]]:
        """The same with the round-trip time of each, in seconds."""
        rows = map(self._rows.__getitem__, self._rows.nearest(target, count, _ANY_SCOPE))
        return [(row.contact, row.rtt * RTT_UNIT_S) for row in rows]

    def compact(self, target: bytes, count: int, asker: Scope) -> bytes:
        """The same in compact form, of those that may be told to an asker of that scope."""
        return self._rows.compact(self._rows.nearest(target, count, _TOLD_TO[asker]))

    def depth(self) -> int:
        """How many leading bits the node nearest to us shares with us."""
        return max(0, self._rows.depth() - 1)

    def rows(self) -> Iterator[Row]:
        """Every node, the bad ones too: after an outage of ours they are the way back."""
        return iter(self._rows)

    def silent_since(self, before_s: float, has_spoken_to: Callable[[str], bool]) -> list[Endpoint]:
        """To whom nothing was written since then: good nodes, the silent longest first, and spares.

        The spares are those told last, and may be gone; those we have spoken to come at the end.
        """
        rows = [row for row in self._rows if row.heard_s < before_s and not row.failures]
        rows.sort(key=lambda row: row.heard_s)
        spares = self._spares[::-1]
        spares.sort(key=lambda one: has_spoken_to(one.endpoint.host))
        contacts = [row.contact for row in rows] + spares
        return [contact.endpoint for contact in contacts]

    def all_contacts(self) -> list[Contact]:
        """The contacts of `rows`."""
        return [row.contact for row in self._rows]

    def round_trip_s(self, contact: Contact) -> tuple[float, float] | None:
        """Smoothed round-trip time of a node of ours and its variation; None if not known."""
        index = self._index_of(contact)
        if index < 0:
            return None
        row = self._rows[index]
        return row.rtt * RTT_UNIT_S, row.variation * RTT_UNIT_S

    def trusts(self, contact: Contact) -> bool:
        """True if `contact` is in the table and not bad."""
        index = self._index_of(contact)
        return index >= 0 and not self._is_bad(index)

    def remember(self, contact: Contact) -> None:
        """A node of an earlier run: bad until it answers, but a way back and worth a ping."""
        self.adopt(row_of(contact, 0, RTT_UNKNOWN_S, FAILURES_MAX))

    def answered(self, contact: Contact, rtt_s: float | None, now_s: float) -> bool:
        """`contact` answered a query; True if it is in the table now.

        `rtt_s` is None if nobody knows which of several attempts was answered (RFC 6298).
        """
        same_id = self._rows.find_id(contact)
        index = self._exactly(contact, same_id)
        if index < 0:
            return self._insert(contact, same_id, rtt_s, now_s)
        row = self._rows[index]
        self.nodes += row.state & FAILURES >= FAILURES_MAX
        row.state &= ~FAILURES
        row.heard_s = max(0, int(now_s))
        row.answers = min(row.answers + 1, ANSWERS_COUNTED_MAX)
        if rtt_s is not None:
            sample = _units(rtt_s)
            row.variation += (abs(sample - row.rtt) - row.variation) // 4
            row.rtt += (sample - row.rtt) // 4
        self._rows.write(index, row)
        return True

    def queried(self, contact: Contact, now_s: float) -> bool:
        """`contact` asked us something; True if it is unknown and worth a ping now.

        Those close to us must be known at once; of those far away there are many, in their turn.
        """
        same_id = self._rows.find_id(contact)
        index = self._exactly(contact, same_id)
        if index >= 0:
            is_good = self._rows.state(index) & FAILURES == 0
            if is_good:
                self._rows.touch(index, max(0, int(now_s)))
            return not is_good
        leaving = self._place_for(contact, same_id, None)
        if not contact.fits and self.nodes >= K:
            leaving = None  # it does not know its address yet, and will take another id
        if leaving is not None and (self._is_close(contact) or self._is_bad(leaving)):
            return True
        self._keep_spare(contact)
        return False

    def told(self, contact: Contact) -> None:
        """Somebody named `contact`: in its turn it is tried, it may be nearer than one of ours.

        At SPARES_MAX the one told first is forgotten.
        """
        if self._index_of(contact) < 0:
            self._keep_spare(contact)

    def failed(self, contact: Contact, *, is_online: bool = True) -> Contact | None:
        """`contact` left a query unanswered; the result is a spare to try in its place, if any.

        Then it leaves at once, unless all are silent because we are offline.
        """
        index = self._index_of(contact)
        if index < 0:
            return None
        spare = self._spare_for(self._rows.bucket(contact.number)) if is_online else None
        if spare is not None:
            self._remove(index)
            return spare
        row = self._rows[index]
        if row.failures < FAILURES:
            row.state += 1
            self._rows.write(index, row)
            self.nodes -= row.failures == FAILURES_MAX
        return None

    def questionable(self, now_s: float, fresh_s: float = FRESH_S) -> Contact | None:
        """The node not heard of for longest, if for `fresh_s`.

        Bad ones are left alone, but those of an earlier run get one chance.
        """
        oldest = self._rows.stalest(int((now_s - fresh_s) // 1))
        return self._rows.contact(oldest) if oldest >= 0 else None

    def spare(self) -> Contact | None:
        """Takes the spare told last."""
        return self._spares.pop() if self._spares else None

    def sparse_target(self, random_20: bytes) -> bytes | None:
        """A random id in a bucket with free places, as far as the table reaches; None if full.

        Injected randomness: 20 bytes.
        """
        reach = min(self._rows.depth() + 1, BUCKETS)
        sparse = [index for index in range(reach) if self._is_sparse(index)]
        if not sparse:
            return None
        return _id_in_bucket(self._rows.own, sparse[random_20[0] % len(sparse)], random_20)

    def moved_to(self, own_id: bytes) -> RoutingTable:
        """The table under a new id of ours; nodes that find no place there are forgotten."""
        table = RoutingTable(own_id, is_v6=self.is_v6)
        for row in self._rows:
            if row.failures < FAILURES_MAX:
                table.adopt(row)
        return table

    def adopt(self, row: Row) -> bool:
        """Take a row of another table, if its bucket has a free place."""
        contact = row.contact
        is_ours = contact.node_id == self.own_id or self._rows.find_id(contact) >= 0
        if is_ours or not self._is_sparse(self._rows.bucket(contact.number)):
            return False
        self._rows.append(row)
        self.nodes += row.failures < FAILURES_MAX
        return True

    # --- places ------------------------------------------------------------------------------

    def _insert(self, contact: Contact, same_id: int, rtt_s: float | None, now_s: float) -> bool:
        leaving = self._place_for(contact, same_id, rtt_s)
        if leaving is None:
            return False
        if leaving >= 0:
            self._remove(leaving)
        row = row_of(contact, max(0, int(now_s)), RTT_UNKNOWN_S if rtt_s is None else rtt_s)
        for index in self._rows.find_owner(contact):
            if self._rows.contact(index).endpoint == contact.endpoint:
                self._remove(index)  # a node that took a new id (BEP 42) is no longer who it was
                break
        self._rows.append(row)
        self.nodes += 1
        return True

    def _place_for(self, contact: Contact, same_id: int, rtt_s: float | None) -> int | None:
        """Index of the row that gives way, -1 if none has to; None if there is no place.

        `same_id` is the row with the id of `contact`, -1 if there is none.
        """
        if contact.node_id == self.own_id or self._owner_is_full(contact):
            return None
        if same_id >= 0:  # somebody else has this id; first come stays while it answers
            return same_id if self._is_bad(same_id) else None
        bucket = self._rows.bucket(contact.number)
        if self._is_sparse(bucket):
            return -1
        first, last = self._rows.span(bucket)
        states = self._rows.column(STATE, first, last)
        if (bad := states.translate(_BAD).find(1)) >= 0:
            return first + bad
        unfit = states.translate(_UNFIT).find(1)
        leaving = first + unfit if unfit >= 0 else self._slower(bucket, contact, rtt_s)
        return leaving if contact.fits else None

    def _slower(self, bucket: int, newcomer: Contact, rtt_s: float | None) -> int | None:
        """Keep the next bits of the ids in a bucket evenly spread, and of equal ones the nearer."""
        first, last = self._rows.span(bucket)
        slots = self._slots(bucket, first, last)
        slot = slot_of(newcomer.node_id, bucket)
        if slot not in slots:
            counts = Counter(slots)
            crowded = [at for at, other in enumerate(slots, first) if counts[other] > 1]
            return max(crowded, key=lambda at: (not self._is_old(at), self._rows.rtt(at)))
        if rtt_s is None:
            return None
        mates = [at for at, other in enumerate(slots, first) if other == slot]
        slowest = max(mates, key=self._rows.rtt)
        factor = MUCH_NEARER if self._is_old(slowest) else NEARER
        return slowest if _units(rtt_s) < factor * self._rows.rtt(slowest) else None

    def _is_old(self, index: int) -> bool:
        return self._rows.answers(index) >= OLD_ANSWERS

    def _slots(self, bucket: int, first: int, last: int) -> bytes | bytearray:
        if bucket < len(BUCKET_SIZES):  # all bits that count are in the first byte
            return self._rows.column(HEAD, first, last).translate(_SLOTS[bucket])
        return bytes(slot_of(each.node_id, bucket) for each in self._rows.contacts(first, last))

    def _owner_is_full(self, contact: Contact) -> bool:
        """Too many nodes of one address; on loopback each port is somebody else."""
        if contact.scope is Scope.LOOPBACK:
            return False
        # The same endpoint under another id is to be replaced, not a second node.
        mates = map(self._rows.contact, self._rows.find_owner(contact))
        return sum(mate.endpoint != contact.endpoint for mate in mates) >= NODES_PER_OWNER_MAX

    def _keep_spare(self, contact: Contact) -> None:
        spares = self._spares
        if contact not in spares and contact.node_id != self.own_id:
            spares.append(contact)
            if len(spares) > SPARES_MAX:
                del spares[0]

    def _spare_for(self, bucket: int) -> Contact | None:
        for spare in reversed(self._spares):
            if self._rows.bucket(spare.number) == bucket:
                self._spares.remove(spare)
                return spare
        return None

    def _is_close(self, contact: Contact) -> bool:
        """True if we know fewer than K nodes that are as close."""
        first, _ = self._rows.span(self._rows.bucket(contact.number))
        return len(self._rows) - first < K

    def _is_bad(self, index: int) -> bool:
        return index >= 0 and self._rows.state(index) & FAILURES >= FAILURES_MAX

    def _is_sparse(self, bucket: int) -> bool:
        return self._rows.count(bucket) < bucket_size(bucket)

    def _index_of(self, contact: Contact) -> int:
        """Row of exactly this node, -1 if there is none."""
        return self._exactly(contact, self._rows.find_id(contact))

    def _exactly(self, contact: Contact, same_id: int) -> int:
        """`same_id`, a row with the id of `contact`, if it is at its address too; else -1."""
        if same_id >= 0 and self._rows.contact(same_id).endpoint != contact.endpoint:
            return -1
        return same_id

    def _remove(self, index: int) -> None:
        self.nodes -= self._rows.state(index) & FAILURES < FAILURES_MAX
        self._rows.remove(index)


def bucket_size(bucket: int) -> int:
    """Places in the bucket of nodes that share `bucket` leading bits with us."""
    return BUCKET_SIZES[bucket] if bucket < len(BUCKET_SIZES) else K


def slot_of(node_id: bytes, bucket: int) -> int:
    """The bits that follow those of `bucket`: one value for each of its places."""
    bits = bucket_size(bucket).bit_length() - 1
    shift = max(BUCKETS - bucket - 1 - bits, 0)
    return int.from_bytes(node_id, "big") >> shift & ((1 << bits) - 1)


def row_of(contact: Contact, heard_s: int, rtt_s: float, failures: int = 0) -> Row:
    """A new row; one that has failed never answered."""
    fits = FITS if contact.fits else 0
    state = SCOPES.index(contact.scope) << SCOPE_SHIFT | fits | failures
    rtt = _units(rtt_s)
    return Row(contact, heard_s, rtt, rtt // 2, 0 if failures else 1, state)


def _units(rtt_s: float) -> int:
    return min(max(int(rtt_s / RTT_UNIT_S), 0), 65535)


def _id_in_bucket(own: int, index: int, random_20: bytes) -> bytes:
    """Shares exactly `index` leading bits with `own`."""
    below = BUCKETS - index - 1  # number of free bits
    flipped = (own ^ 1 << below) >> below << below
    free = int.from_bytes(random_20, "big") & ((1 << below) - 1)
    return (flipped | free).to_bytes(NODE_ID_BYTES, "big")


_SLOTS = tuple(
    bytes(head & size - 1 for head in range(256)) for size in BUCKET_SIZES
)  # bucket 0: the last 7 bits of the first byte; 1: the last 6; ...
