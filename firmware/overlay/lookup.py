"""One iterative lookup: whom to ask next, and when the closest nodes have all answered.

Knows no message, no table and no clock of its own; the node asks, and says what came of it.
Units: `_s` monotonic seconds. Source: BEP 5; P. Maymounkov, D. Mazieres, "Kademlia", 2002,
section 2.3.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from firmware.model import Endpoint
from firmware.overlay.address import may_name, owner_of
from firmware.overlay.facts import Holder, LookupTrace
from firmware.overlay.krpc import Answer, Contact, FindNode, GetPeers
from firmware.overlay.node_id import distance
from firmware.overlay.routing import K

ALPHA = 4  # queries at a time; a slow one no longer counts
CANDIDATES_MAX = 256
CANDIDATES_PER_OWNER_MAX = 2  # one host must not fill the way to a target with its ports
CONTACTS_PER_ANSWER_MAX = 2 * K  # 8 per address family are usual
PEERS_MAX = 1024


def screened(answer: Answer, source: Endpoint, own_id: bytes) -> Answer:
    """`answer` of `source` without addresses that could aim us at a victim, and without us."""
    return replace(
        answer,
        nodes=tuple(
            node
            for node in answer.nodes or ()
            if may_name(node.endpoint, source) and node.node_id != own_id
        ),
        peers=tuple(peer for peer in answer.peers if may_name(peer, source)),
    )


class _State(Enum):
    NEW = "new"
    ASKED = "asked"
    SLOW = "slow"  # not answered in the usual time: may still answer, but another is asked too
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(slots=True)
class _Candidate:
    endpoint: Endpoint
    node_id: bytes | None  # None: an address of the configuration, id not yet known
    hops: int
    state: _State = _State.NEW
    token: bytes | None = None


class Lookup:
    """Towards the target of `question`, from `contacts` of our table.

    `strangers` are nodes whose id is not known yet; they are asked first.

    Ends when the K closest nodes that answer at all have answered, or nobody is left.
    """

    def __init__(
        self,
        question: FindNode | GetPeers,
        contacts: Iterable[Contact],
        strangers: Iterable[Endpoint],
        now_s: float,
        alpha: int = ALPHA,
    ) -> None:
        self.question = question
        self._target = question.target if isinstance(question, FindNode) else question.info_hash
        self._alpha = alpha
        self._started_s = now_s
        self._candidates: dict[Endpoint, _Candidate] = {}
        self._order: list[tuple[int, Endpoint]] = []  # those with an id, closest first
        self._owners: Counter[str] = Counter()
        self._peers: set[Endpoint] = set()
        self._messages = 0
        self._hops = 0
        for contact in contacts:
            self._add(contact.endpoint, contact.node_id, hops=1)
        for endpoint in strangers:
            self._add(endpoint, None, hops=1)

    def next_queries(self) -> list[tuple[Endpoint, bytes | None]]:
        """Whom to ask now, with the id if it is known; they count as asked from here on."""
        in_flight = sum(c.state is _State.ASKED for c in self._candidates.values())
        queries = []
        for candidate in self._frontier():
            if in_flight >= self._alpha:
                break
            candidate.state = _State.ASKED
            in_flight += 1
            self._messages += 1
            queries.append((candidate.endpoint, candidate.node_id))
        return queries

    def answered(
        self,
        endpoint: Endpoint,
        node_id: bytes,
        contacts: Iterable[Contact],
        token: bytes | None,
    ) -> None:
        """`endpoint` answered as `node_id` and told of `contacts`."""
        candidate = self._candidates.get(endpoint)
        if candidate is None or candidate.state is _State.ANSWERED:
            return
        if candidate.node_id != node_id:  # was unknown, or somebody told us a wrong one
            self._leave_order(candidate)
            candidate.node_id = node_id
            bisect.insort(self._order, (distance(node_id, self._target), endpoint))
        candidate.state, candidate.token = _State.ANSWERED, token
        self._hops = max(self._hops, candidate.hops)
        for index, contact in enumerate(contacts):
            if index >= CONTACTS_PER_ANSWER_MAX:
                break
            self._add(contact.endpoint, contact.node_id, candidate.hops + 1)

    def new_peers(self, peers: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        """Those of `peers` that this lookup had not seen, up to PEERS_MAX in all."""
        fresh = []
        for peer in peers:
            if len(self._peers) < PEERS_MAX and peer not in self._peers:
                self._peers.add(peer)
                fresh.append(peer)
        return tuple(fresh)

    def slow(self, endpoint: Endpoint) -> None:
        """`endpoint` takes longer than usual and is asked once more."""
        self._messages += 1
        candidate = self._candidates.get(endpoint)
        if candidate is not None and candidate.state is _State.ASKED:
            candidate.state = _State.SLOW

    def failed(self, endpoint: Endpoint) -> None:
        """`endpoint` did not answer, or refused."""
        candidate = self._candidates.get(endpoint)
        if candidate is not None and candidate.state is not _State.ANSWERED:
            candidate.state = _State.FAILED

    def is_done(self) -> bool:
        """True once nothing that is still to come can change the result."""
        closest = [c for c in self._by_distance() if c.state is not _State.FAILED][:K]
        if closest:
            return all(c.state is _State.ANSWERED for c in closest)
        return all(c.state is _State.FAILED for c in self._candidates.values())

    def closest(self) -> tuple[Holder, ...]:
        """The nodes that answered, at most K, closest first."""
        answered = [c for c in self._by_distance() if c.state is _State.ANSWERED][:K]
        return tuple(Holder(Contact(c.node_id or b"", c.endpoint), c.token) for c in answered)

    def trace(self, now_s: float) -> LookupTrace:
        """What it cost up to now."""
        silent = sum(c.state is _State.FAILED for c in self._candidates.values())
        return LookupTrace(self._hops, self._messages, silent, now_s - self._started_s)

    def _frontier(self) -> Iterator[_Candidate]:
        for candidate in self._candidates.values():
            if candidate.node_id is None and candidate.state is _State.NEW:
                yield candidate
        lively = 0
        for candidate in self._by_distance():
            if candidate.state is _State.NEW:
                yield candidate
            lively += candidate.state not in (_State.FAILED, _State.SLOW)
            if lively >= K:
                return

    def _by_distance(self) -> Iterator[_Candidate]:
        return (self._candidates[endpoint] for _, endpoint in self._order)

    def _add(self, endpoint: Endpoint, node_id: bytes | None, hops: int) -> None:
        if endpoint in self._candidates:
            return
        owner = owner_of(endpoint)
        if self._owners[owner] >= CANDIDATES_PER_OWNER_MAX:
            return
        if len(self._candidates) >= CANDIDATES_MAX and not self._make_room(node_id):
            return
        self._owners[owner] += 1
        self._candidates[endpoint] = _Candidate(endpoint, node_id, hops)
        if node_id is not None:
            bisect.insort(self._order, (distance(node_id, self._target), endpoint))

    def _make_room(self, node_id: bytes | None) -> bool:
        """At the limit a closer node displaces the farthest one that was never asked."""
        for far, endpoint in reversed(self._order):
            if node_id is None or far <= distance(node_id, self._target):
                return False
            candidate = self._candidates[endpoint]
            if candidate.state is _State.NEW:
                self._leave_order(candidate)
                del self._candidates[endpoint]
                self._owners[owner_of(endpoint)] -= 1
                return True
        return False

    def _leave_order(self, candidate: _Candidate) -> None:
        if candidate.node_id is not None:
            key = (distance(candidate.node_id, self._target), candidate.endpoint)
            del self._order[bisect.bisect_left(self._order, key)]
