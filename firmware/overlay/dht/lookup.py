"""One iterative lookup: whom to ask next, and when the closest nodes have all answered.

Knows no message, no table and no clock of its own; the node asks, and says what came of it. A
lookup is one path of a search (search.py): of one address family, and of its own nodes where
paths are disjoint. Units: `_s` monotonic seconds.
Sources: BEP 5; P. Maymounkov, D. Mazieres, "Kademlia", 2002, section 2.3; R. Jimenez et al.,
"Sub-second lookups on a large-scale Kademlia-based overlay", 2011 (wide at first, then narrow).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from firmware.model import Endpoint
from firmware.overlay.dht.address import owner_of
from firmware.overlay.dht.contact import Contact
from firmware.overlay.dht.facts import Hop
from firmware.overlay.dht.node_id import NODE_ID_BYTES
from firmware.overlay.dht.routing import K

ALPHA = 8  # queries at a time until the first answer; a slow one no longer counts
ALPHA_LATE = 4  # after it, among the closest known: more is hardly quicker, but more messages
ALPHA_PATIENT = 3  # where nobody waits for the end
CANDIDATES_MAX = 256
CANDIDATES_PER_OWNER_MAX = 2  # one host must not fill the way to a target with its ports
CONTACTS_PER_ANSWER_MAX = 2 * K  # 8 per address family are usual
# An id can be forged as close to a target as one likes, but not one that fits an address (BEP 42).
_UNFIT = 1 << 8 * NODE_ID_BYTES


class State(Enum):
    """Of a candidate."""

    NEW = "new"
    ASKED = "asked"
    SLOW = "slow"  # not answered in its usual time: may still answer, but another is asked too
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Candidate:
    """A node that may be asked, and what came of it."""

    endpoint: Endpoint
    contact: Contact | None  # None: an address of the configuration, id not yet known
    parent: Candidate | None  # who named it; None = our own table
    hops: int
    state: State = State.NEW
    token: bytes | None = None
    asked_s: float = 0.0
    rtt_s: float | None = None
    answered_s: float = 0.0

    @property
    def node_id(self) -> bytes | None:
        """Of the contact, if it is known."""
        return None if self.contact is None else self.contact.node_id


class Lookup:
    """Towards `target`, from `contacts` of our table, until an answer comes in their order.

    `strangers` are nodes whose id is not known yet; they are asked first. `taken` holds the nodes
    that other paths of the same search have asked: they are not asked again.

    Ends when the `width` closest nodes that answer at all have answered, or nobody is left.
    """

    __slots__ = (
        "_alpha",
        "_alpha_late",
        "_by_endpoint",
        "_far",
        "_has_answers",
        "_in_flight",
        "_near",
        "_owners",
        "_preferred",
        "_strangers",
        "_taken",
        "_target",
        "_target_number",
        "_width",
    )

    def __init__(
        self,
        target: bytes,
        contacts: Iterable[Contact],
        strangers: Iterable[Endpoint] = (),
        *,
        alpha: int = ALPHA,
        alpha_late: int = ALPHA_LATE,
        width: int = K,
        taken: set[Endpoint] | None = None,
    ) -> None:
        self._target = target
        self._target_number = int.from_bytes(target, "big")
        self._alpha = alpha
        self._alpha_late = min(alpha, alpha_late)
        self._width = width
        self._taken: set[Endpoint] = set() if taken is None else taken
        self._by_endpoint: dict[Endpoint, Candidate] = {}
        self._far: list[int] = []  # distances of `_near`
        self._near: list[Candidate] = []  # those with an id, closest first
        self._strangers: list[Candidate] = []  # those without
        self._owners: dict[str, int] = {}
        self._has_answers = False
        self._in_flight = 0  # asked, and neither slow nor silent yet
        for contact in contacts:
            self._add(contact.endpoint, contact, None)
        self._preferred = list(self._by_endpoint.values())
        for endpoint in strangers:
            self._add(endpoint, None, None)

    def next_queries(self, now_s: float, most: int = ALPHA) -> list[Candidate]:
        """Whom to ask now, `most` at most; they count as asked from here on."""
        first_to_last = self._near if self._has_answers else self._preferred
        alpha = self._alpha_late if self._has_answers else self._alpha
        queries: list[Candidate] = []
        lively = in_flight = 0  # those that are no longer among the closest do not count
        for candidate in [*self._strangers, *first_to_last] if self._strangers else first_to_last:
            state = candidate.state
            if state is State.NEW:
                if in_flight >= alpha or len(queries) >= most:
                    break
                if candidate.endpoint in self._taken:
                    candidate.state = State.FAILED
                    continue
                self._taken.add(candidate.endpoint)
                self._become(candidate, State.ASKED)
                candidate.asked_s = now_s
                in_flight += 1
                queries.append(candidate)
            elif state is State.ASKED:
                in_flight += 1
            elif state is State.FAILED or state is State.SLOW:
                continue
            lively += candidate.contact is not None
            if lively >= self._width:
                break
        return queries

    def in_flight(self) -> int:
        """How many were asked, and are neither slow nor silent yet."""
        return self._in_flight

    def answered(
        self,
        endpoint: Endpoint,
        contact: Contact,
        told: Iterable[Contact],
        token: bytes | None,
        times_s: tuple[float | None, float],
    ) -> Candidate | None:
        """`endpoint` answered and told of others; `times_s` is its round trip, and now."""
        candidate = self._by_endpoint.get(endpoint)
        if candidate is None or candidate.state is State.ANSWERED:
            return None
        if candidate.contact != contact:  # was unknown, or somebody told us a wrong one
            self._leave_order(candidate)
            candidate.contact = contact
            self._enter_order(candidate)
        self._become(candidate, State.ANSWERED)
        candidate.token = token
        candidate.rtt_s, candidate.answered_s = times_s
        self._has_answers = True
        by_endpoint, is_v6, scope = self._by_endpoint, contact.is_v6, contact.scope
        for other in islice(told, CONTACTS_PER_ANSWER_MAX):
            if (
                other.endpoint not in by_endpoint
                and other.is_v6 is is_v6
                and other.may_be_told_by(scope)
            ):
                self._add(other.endpoint, other, candidate)
        return candidate

    def slow(self, endpoint: Endpoint) -> None:
        """`endpoint` takes longer than it should."""
        candidate = self._by_endpoint.get(endpoint)
        if candidate is not None and candidate.state is State.ASKED:
            self._become(candidate, State.SLOW)

    def failed(self, endpoint: Endpoint) -> None:
        """`endpoint` did not answer, or refused."""
        candidate = self._by_endpoint.get(endpoint)
        if candidate is not None and candidate.state is not State.ANSWERED:
            self._become(candidate, State.FAILED)

    def is_done(self) -> bool:
        """True once nothing that is still to come can change the result."""
        if not self._near and any(c.state is not State.FAILED for c in self._strangers):
            return False
        count = 0
        for candidate in self._near:
            if candidate.state is State.ANSWERED:
                count += 1
                if count >= self._width:
                    return True
            elif candidate.state is not State.FAILED:
                return False
        return True

    def is_wanted(self, endpoint: Endpoint) -> bool:
        """True if a late answer of `endpoint` would still be among the closest."""
        candidate = self._by_endpoint.get(endpoint)
        if candidate is None or candidate.contact is None:
            return candidate is not None
        answered = 0
        for other in self._near:
            if other is candidate:
                return True
            answered += other.state is State.ANSWERED
            if answered >= self._width:
                break
        return False

    def closest(self) -> list[Candidate]:
        """The nodes that answered, at most `width`, closest first."""
        return [c for c in self._near if c.state is State.ANSWERED][: self._width]

    def unasked(self) -> list[Contact]:
        """Nodes we were told of and had no reason to ask, closest first; at most K."""
        told = (c for c in self._near if c.state is State.NEW and c.parent is not None)
        return [c.contact for c in islice(told, K) if c.contact is not None]

    def asked_in_vain(self) -> set[Endpoint]:
        """Whom others named, who were asked and have not answered."""
        named = (c for c in self._near if c.parent is not None)
        return {c.endpoint for c in named if c.state not in (State.NEW, State.ANSWERED)}

    def silent(self) -> int:
        """How many did not answer."""
        return sum(c.state is State.FAILED for c in self._by_endpoint.values())

    def path_to(self, candidate: Candidate, started_s: float) -> tuple[Hop, ...]:
        """Who named whom, from our table to `candidate`."""
        hops: list[Hop] = []
        step: Candidate | None = candidate
        while step is not None:
            far = int.from_bytes(step.node_id or b"", "big") ^ self._target_number
            shared = 8 * len(self._target) - far.bit_length()
            hops.append(Hop(step.endpoint, shared, step.rtt_s, step.answered_s - started_s))
            step = step.parent
        return tuple(reversed(hops))

    def _become(self, candidate: Candidate, state: State) -> None:
        self._in_flight += (state is State.ASKED) - (candidate.state is State.ASKED)
        candidate.state = state

    def _add(self, endpoint: Endpoint, contact: Contact | None, parent: Candidate | None) -> None:
        by_endpoint = self._by_endpoint
        if endpoint in by_endpoint:
            return
        owner = owner_of(endpoint) if contact is None else contact.owner
        count = self._owners.get(owner, 0)
        if count >= CANDIDATES_PER_OWNER_MAX:
            return
        if len(by_endpoint) >= CANDIDATES_MAX and not self._make_room(contact):
            return
        self._owners[owner] = count + 1
        hops = 1 if parent is None else parent.hops + 1
        candidate = by_endpoint[endpoint] = Candidate(endpoint, contact, parent, hops)
        self._enter_order(candidate)

    def _make_room(self, contact: Contact | None) -> bool:
        """At the limit a closer node displaces the farthest one that was never asked."""
        if contact is None:
            return False
        far = self._far_of(contact)
        for index in range(len(self._near) - 1, -1, -1):
            if self._far[index] <= far:
                return False
            candidate = self._near[index]
            if candidate.state is State.NEW:
                del self._near[index], self._far[index]
                del self._by_endpoint[candidate.endpoint]
                self._owners[owner_of(candidate.endpoint)] -= 1
                return True
        return False

    def _enter_order(self, candidate: Candidate) -> None:
        contact = candidate.contact
        if contact is None:
            self._strangers.append(candidate)
            return
        far = self._far_of(contact)
        index = bisect.bisect(self._far, far)
        self._far.insert(index, far)
        self._near.insert(index, candidate)

    def _far_of(self, contact: Contact) -> int:
        """Distance; whoever made up his id comes after all whose id fits the address (BEP 42)."""
        far = contact.number ^ self._target_number
        return far if contact.fits else far + _UNFIT

    def _leave_order(self, candidate: Candidate) -> None:
        if candidate.contact is None:
            self._strangers.remove(candidate)
            return
        index = self._near.index(candidate)
        del self._near[index], self._far[index]
