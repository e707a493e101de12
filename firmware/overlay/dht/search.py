"""A search for the nodes closest to a target: one lookup per address family, or disjoint ones.

IPv4 and IPv6 are two networks (BEP 32), so each has a path of its own. On disjoint paths no node
is asked twice, so who is bad on one of them cannot lead the others astray (S/Kademlia).
Knows no message and no table. Units: `_s` monotonic seconds.
Source: I. Baumgart, S. Mies, "S/Kademlia: A Practicable Approach Towards Secure Key-Based
Routing", 2007, section 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firmware.model import Endpoint
from firmware.overlay.dht.facts import Holder, LookupTrace
from firmware.overlay.dht.krpc import Answer, Contact, Search
from firmware.overlay.dht.lookup import ALPHA, ALPHA_LATE, ALPHA_PATIENT, Candidate, Lookup
from firmware.overlay.dht.messages import target_of
from firmware.overlay.dht.routing import K

PATHS_MAX = 8
PATH_WIDTH = K // 2  # nodes at the end of each of several paths; of one path it is K
PEERS_MAX = 1024
ALPHA_WITH_VALUE = 2  # at a time, of all paths together and in turn: the rest has time


class Searching:
    """All lookups with one question; `families` are the contacts each begins with.

    Nobody in `avoid` is asked.
    """

    __slots__ = (
        "_first",
        "_is_of",
        "_lookups",
        "_messages",
        "_peers",
        "_started_s",
        "_turn",
        "_value_messages",
        "is_own",
        "question",
        "tells_all",
    )

    def __init__(
        self,
        question: Search,
        families: Iterable[Sequence[Contact]],
        strangers: Sequence[Endpoint],
        now_s: float,
        *,
        paths: int = 1,
        width: int = K,
        tells_all: bool = False,
        is_own: bool = False,
        avoid: Iterable[Endpoint] = (),
    ) -> None:
        self.question = question
        self.tells_all = tells_all
        self.is_own = is_own
        self._started_s = now_s
        self._messages = self._value_messages = 0
        self._turn = 0  # path that was allowed a query last, once there is a value
        self._peers: set[Endpoint] = set()
        self._first: tuple[Lookup, Candidate] | None = None  # with a value
        self._is_of: dict[Endpoint, Lookup] = {}
        self._lookups: list[Lookup] = []
        target = target_of(question)
        starts: list[tuple[Sequence[Contact], Sequence[Endpoint]]] = [
            (contacts, _of_family(strangers, contacts)) for contacts in families if contacts
        ]
        for contacts, entries in starts or [((), strangers)]:
            count = max(1, min(paths, PATHS_MAX, len(contacts)))
            taken = set(avoid)
            alpha = max(ALPHA // count, 2)
            width = width if count == 1 else PATH_WIDTH
            for path in range(count):
                self._lookups.append(
                    Lookup(
                        target,
                        contacts[path::count],
                        entries[path::count],
                        alpha=alpha,
                        alpha_late=ALPHA_PATIENT if is_own else ALPHA_LATE,
                        width=width,
                        taken=taken,
                    )
                )

    def next_queries(self, now_s: float) -> list[Candidate]:
        """Whom to ask now; with a value in hand few of all paths together, in turn."""
        queries: list[Candidate] = []
        lookups = self._lookups
        if self._first is None:
            for lookup in lookups:
                queries += self._of(lookup, lookup.next_queries(now_s))
            return queries
        free = ALPHA_WITH_VALUE - sum(lookup.in_flight() for lookup in lookups)
        for _ in range(len(lookups)):
            if free <= 0:
                break
            self._turn = (self._turn + 1) % len(lookups)
            lookup = lookups[self._turn]
            if not lookup.is_done():
                fresh = self._of(lookup, lookup.next_queries(now_s, 1))
                free -= len(fresh)
                queries += fresh
        return queries

    def answered(self, contact: Contact, answer: Answer, rtt_s: float | None, now_s: float) -> None:
        """`contact` answered."""
        lookup = self._is_of.get(contact.endpoint)
        if lookup is None:
            return
        times_s, told = (rtt_s, now_s), answer.nodes or ()
        candidate = lookup.answered(contact.endpoint, contact, told, answer.token, times_s)
        has_value = answer.peers or answer.item is not None or answer.seq is not None
        if has_value and self._first is None and candidate is not None:
            self._first = (lookup, candidate)
            self._value_messages = self._messages

    def _of(self, lookup: Lookup, queries: list[Candidate]) -> list[Candidate]:
        for candidate in queries:
            self._is_of[candidate.endpoint] = lookup
        self._messages += len(queries)
        return queries

    def new_peers(self, peers: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        """Those of `peers` that this search had not seen, up to PEERS_MAX in all."""
        fresh = []
        for peer in peers:
            if len(self._peers) < PEERS_MAX and peer not in self._peers:
                self._peers.add(peer)
                fresh.append(peer)
        return tuple(fresh)

    def slow(self, endpoint: Endpoint) -> None:
        """`endpoint` takes longer than it should: another may be asked."""
        if (lookup := self._is_of.get(endpoint)) is not None:
            lookup.slow(endpoint)

    def wants_again(self, endpoint: Endpoint) -> bool:
        """True if `endpoint` is worth another query, which is then counted."""
        lookup = self._is_of.get(endpoint)
        is_wanted = lookup is not None and lookup.is_wanted(endpoint)
        self._messages += is_wanted
        return is_wanted

    def failed(self, endpoint: Endpoint) -> None:
        """`endpoint` did not answer, or refused."""
        if (lookup := self._is_of.get(endpoint)) is not None:
            lookup.failed(endpoint)

    def is_done(self) -> bool:
        """True once every path is."""
        return all(lookup.is_done() for lookup in self._lookups)

    def closest(self) -> tuple[Holder, ...]:
        """The nodes that answered, at most K, of several paths PATH_WIDTH each; closest first."""
        target = int.from_bytes(target_of(self.question), "big")
        found = [candidate for lookup in self._lookups for candidate in lookup.closest()]
        if len(self._lookups) > 1:
            found.sort(key=lambda each: each.contact.number ^ target if each.contact else 0)
        return tuple(Holder(c.contact, c.token) for c in found if c.contact is not None)

    def asked_in_vain(self) -> set[Endpoint]:
        """Whom others named, who were asked and have not answered."""
        return set().union(*(lookup.asked_in_vain() for lookup in self._lookups))

    def unasked(self) -> list[Contact]:
        """Nodes we were told of and did not ask."""
        return [contact for lookup in self._lookups for contact in lookup.unasked()]

    def trace(self, now_s: float) -> LookupTrace:
        """What it cost up to now."""
        answered = [(lookup, c) for lookup in self._lookups for c in lookup.closest()]
        goal = self._first or (answered[0] if answered else None)
        path = () if goal is None else goal[0].path_to(goal[1], self._started_s)
        return LookupTrace(
            hops=max((candidate.hops for _, candidate in answered), default=0),
            messages=self._messages,
            silent=sum(lookup.silent() for lookup in self._lookups),
            time_s=now_s - self._started_s,
            path=path,
            value_s=None if self._first is None else self._first[1].answered_s - self._started_s,
            value_messages=self._value_messages,
        )


def _of_family(endpoints: Sequence[Endpoint], contacts: Sequence[Contact]) -> list[Endpoint]:
    is_v6 = ":" in contacts[0].endpoint.host
    return [endpoint for endpoint in endpoints if (":" in endpoint.host) == is_v6]
