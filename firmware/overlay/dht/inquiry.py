"""The asking side of a DHT node: searches and single questions, from the first query to the end.

Knows the routing tables, no server and no socket: the node sends what `transmit` is given and
reports what came back. Units: `_s` monotonic seconds. Source: BEP 5.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from firmware.events import Message
from firmware.model import Endpoint
from firmware.overlay.dht.address import may_name
from firmware.overlay.dht.facts import Answered, LookupEnded, LookupTrace, NodeAnswered, PeersSeen
from firmware.overlay.dht.krpc import Answer, Contact, Ping, Question, Search
from firmware.overlay.dht.lookup import Candidate
from firmware.overlay.dht.routing import K, RoutingTable
from firmware.overlay.dht.search import Searching
from firmware.overlay.dht.tables import Tables
from firmware.overlay.dht.transactions import Overdue, Transaction, Transactions

SEARCHES_MAX = 64
BIT_S = 0.02  # a node that is half as far from the target may take so much longer to answer
NEAR_S = 0.02  # below that round-trip times are noise, and only the distance counts
PINGS_MAX = 16  # outstanding, of nodes that asked us and may be new


def screened(answer: Answer, source: Endpoint) -> Answer:
    """`answer` of `source` without peers whose addresses could aim us at a victim.

    The nodes in it are looked at one by one before they are asked (lookup.py).
    """
    if not answer.peers:
        return answer
    return answer._replace(peers=tuple(peer for peer in answer.peers if may_name(peer, source)))


class Inquiries:
    """`out` collects the facts for the directory; `search_ended` hears of the node's own."""

    __slots__ = (
        "_asked",
        "_last_handle",
        "_pinged",
        "_search_ended",
        "_searches",
        "_tables",
        "_transmit",
        "counters",
        "out",
        "transactions",
    )

    def __init__(
        self,
        tables: Tables,
        random_bytes: Callable[[int], bytes],
        transmit: Callable[[Transaction, float], None],
        search_ended: Callable[[int, float], None],
        counters: Counter[str],
    ) -> None:
        self.out: list[Message] = []
        self.counters = counters
        self.transactions = Transactions(random_bytes)
        self._tables = tables
        self._transmit = transmit
        self._search_ended = search_ended
        self._searches: dict[int, Searching] = {}
        self._asked: dict[int, None] = {}  # handles of open questions of the directory
        self._pinged: dict[Endpoint, None] = {}  # an empty dict is smaller than a set
        self._last_handle = 0

    def search(
        self,
        question: Search,
        target: bytes,
        now_s: float,
        *,
        paths: int = 1,
        width: int = K,
        tells_all: bool = False,
        strangers: Sequence[Endpoint] = (),
        fallback: Sequence[Sequence[Contact]] = (),
        is_own: bool = False,
        peers: Iterable[Endpoint] = (),
        instead_of: int | None = None,
    ) -> int:
        """Start a search that ends at the `width` closest nodes.

        `fallback` are the contacts to begin with if the tables are empty. The directory does not
        know those that are the node's `is_own`. Nothing more is said about `instead_of`, and whom
        it has asked in vain is not asked again: others named them, who may have lied.
        """
        self._last_handle += 1
        handle = self._last_handle
        former = None if instead_of is None else self._searches.pop(instead_of, None)
        families = [_start(table, target, K * paths) for table in self._tables.families()]
        search = Searching(
            question,
            families or fallback,
            strangers,
            now_s,
            paths=paths,
            width=width,
            tells_all=tells_all,
            is_own=is_own,
            avoid=() if former is None else former.asked_in_vain(),
        )
        self._tell_peers(handle, search, peers)
        if len(self._searches) >= SEARCHES_MAX:
            self.counters["lookups_at_limit"] += 1
            self._end(handle, search, now_s)
        else:
            self._searches[handle] = search
            self._advance(handle, search, now_s)
        return handle

    def ask(self, question: Question, to: Endpoint, now_s: float, *, attempts_max: int) -> int:
        """Ask one node; an Answered will carry the handle."""
        self._last_handle += 1
        handle = self._last_handle
        transaction = self._open(question, to, now_s, handle=handle, attempts_max=attempts_max)
        if transaction is None:
            self.out.append(Answered(handle, to, None))
        else:
            self._asked[handle] = None
        return handle

    def ping(self, contact: Contact, now_s: float) -> None:
        """See whether `contact` is there; at PINGS_MAX outstanding ones nothing is sent."""
        if contact.endpoint in self._pinged or len(self._pinged) >= PINGS_MAX:
            return
        if self._open(Ping(), contact.endpoint, now_s, node_id=contact.node_id) is not None:
            self._pinged[contact.endpoint] = None

    def cancel(self, handle: int) -> None:
        """Nothing more is said about `handle`."""
        self._forget(handle)
        if handle in self._asked:
            del self._asked[handle]
            self.transactions.forget(handle)

    def trace(self, handle: int, now_s: float) -> LookupTrace | None:
        """What a search has cost so far; None once it has ended."""
        search = self._searches.get(handle)
        return None if search is None else search.trace(now_s)

    def answered(
        self,
        transaction: Transaction,
        contact: Contact,
        answer: Answer,
        now_s: float,
        observed: Endpoint | None = None,
    ) -> None:
        """`contact` answered `transaction`, which is closed; it says that it sees us there."""
        handle = transaction.handle
        self._ping_over(contact.endpoint)
        if not handle:
            return
        screen = screened(answer, contact.endpoint)
        if len(screen.peers) < len(answer.peers):
            self.counters["foreign_peers"] += 1
        search = self._searches.get(handle)
        if search is not None:
            search.answered(contact, screen, transaction.rtt_s, now_s)
            if search.tells_all:
                self.out.append(NodeAnswered(handle, contact, screen))
            if screen.peers:
                self._tell_peers(handle, search, screen.peers)
            self._advance(handle, search, now_s)
        elif handle in self._asked:
            del self._asked[handle]
            self.out.append(Answered(handle, contact.endpoint, screen, None, observed))

    def failed(self, transaction: Transaction, now_s: float, refused: int | None = None) -> None:
        """No answer, or an error with the code `refused`; `transaction` is closed."""
        handle = transaction.handle
        self._ping_over(transaction.to)
        search = self._searches.get(handle)
        if search is not None:
            search.failed(transaction.to)
            self._advance(handle, search, now_s)
        elif handle in self._asked:
            del self._asked[handle]
            self.out.append(Answered(handle, transaction.to, None, refused))

    def overdue(self, transaction: Transaction, overdue: Overdue, now_s: float) -> None:
        """Do what an unanswered query needs; who gave up still calls `failed`."""
        search = self._searches.get(transaction.handle)
        if overdue is Overdue.SLOW:
            if search is not None:
                search.slow(transaction.to)
                self._advance(transaction.handle, search, now_s)
        elif overdue is Overdue.RESEND and (
            not transaction.is_patient
            or (search is not None and search.wants_again(transaction.to))
        ):
            self._transmit(transaction, now_s)

    def _ping_over(self, pinged: Endpoint) -> None:
        """`pinged` answered, or did not: it may be pinged again."""
        if pinged in self._pinged:
            del self._pinged[pinged]
            if not self._pinged:
                self._pinged = {}  # an emptied dict keeps its size

    def _forget(self, handle: int) -> None:
        self._searches.pop(handle, None)
        if not self._searches:
            self._searches = {}

    # --- the course of a search --------------------------------------------------------------

    def _advance(self, handle: int, search: Searching, now_s: float) -> None:
        while not search.is_done():
            queries = search.next_queries(now_s)
            unsent = [one for one in queries if not self._query(handle, search, one, now_s)]
            if not unsent and (queries or not search.is_done()):
                return  # those on their way have the next word
        self._forget(handle)
        self._end(handle, search, now_s)

    def _query(self, handle: int, search: Searching, candidate: Candidate, now_s: float) -> bool:
        """Ask `candidate`; False if it failed at once."""
        endpoint, contact = candidate.endpoint, candidate.contact
        if not self._tables.is_quarantined(endpoint, now_s):
            table = self._tables.of(endpoint)
            known = None if contact is None else table.round_trip_s(contact)
            soft_s = self.transactions.soft_s(known)
            node_id = None if contact is None else contact.node_id
            if self._open(
                search.question, endpoint, now_s, handle=handle, node_id=node_id, soft_s=soft_s
            ):
                return True
        search.failed(endpoint)
        return False

    def _end(self, handle: int, search: Searching, now_s: float) -> None:
        for contact in search.unasked():
            self._tables.of(contact.endpoint).told(contact)
        if search.is_own:
            self._search_ended(handle, now_s)
        else:
            self.out.append(LookupEnded(handle, search.closest(), search.trace(now_s)))

    def _tell_peers(self, handle: int, search: Searching, peers: Iterable[Endpoint]) -> None:
        fresh = search.new_peers(peers)
        if fresh:
            self.out.append(PeersSeen(handle, fresh))

    def _open(
        self,
        question: Question,
        to: Endpoint,
        now_s: float,
        *,
        handle: int = 0,
        node_id: bytes | None = None,
        attempts_max: int = 2,
        soft_s: float | None = None,
    ) -> Transaction | None:
        transaction = self.transactions.open(
            question,
            to,
            now_s,
            handle=handle,
            node_id=node_id,
            attempts_max=attempts_max,
            soft_s=soft_s,
        )
        if transaction is None:
            self.counters["transactions_at_limit"] += 1
            return None
        self._transmit(transaction, now_s)
        return transaction


def _start(table: RoutingTable, target: bytes, count: int) -> list[Contact]:
    """Where a search begins: near nodes first, as far as that is worth a detour."""
    number = int.from_bytes(target, "big")

    def cost_s(known: tuple[Contact, float]) -> float:
        return max(known[1], NEAR_S) + BIT_S * math.log2((known[0].number ^ number) or 1)

    return [contact for contact, _ in sorted(table.near(target, 2 * count), key=cost_s)]
