"""A peer of the Mainline DHT: asks, answers, keeps its table alive and finds its way in.

Knows no number and no certificate: the directory starts lookups, asks questions and registers
what else is answered. Sends and receives KRPC only. Units: `_s` monotonic seconds.
Sources: BEP 5; BEP 42 (id and address); BEP 43 (read-only nodes).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable

from firmware.demux import Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.events import (
    DatagramReceived,
    HostResolved,
    Message,
    ResolveHost,
    SendDatagram,
    Started,
)
from firmware.model import Endpoint
from firmware.overlay import krpc
from firmware.overlay.address import is_usable, owner_of
from firmware.overlay.bootstrap import Bootstrap
from firmware.overlay.external import ExternalAddress
from firmware.overlay.facts import Answered, LookupEnded, LookupTrace, PeersSeen
from firmware.overlay.krpc import Answer, Contact, FindNode, GetPeers, Question, Refusal
from firmware.overlay.lookup import Lookup, screened
from firmware.overlay.node_id import NODE_ID_BYTES, fits_address, for_address
from firmware.overlay.rate import RateLimit
from firmware.overlay.routing import K, RoutingTable
from firmware.overlay.server import Server
from firmware.overlay.transactions import Overdue, Transaction, Transactions
from firmware.overlay.upkeep import Upkeep

LOOKUPS_MAX = 64
PINGS_MAX = 16  # outstanding, of nodes that asked us and may be new
PORT_UNKNOWN = 6881  # beside implied_port, for nodes that want a port and ignore it

Handler = Callable[[Question, Endpoint], Answer | Refusal]


class Node:
    """A core; facts for the directory (facts.py) come out among its messages.

    `bootstrap` may be empty: the first node of a network waits for others.
    """

    def __init__(
        self,
        bootstrap: tuple[str, ...],
        random_bytes: Callable[[int], bytes],
        *,
        read_only: bool = False,
    ) -> None:
        self._random_bytes = random_bytes
        self._read_only = read_only
        self._table = RoutingTable(random_bytes(NODE_ID_BYTES))
        self._server = Server(self.node_id, random_bytes)
        self._transactions = Transactions(random_bytes)
        self._bootstrap = Bootstrap(bootstrap, random_bytes)
        self._upkeep = Upkeep(self._bootstrap, random_bytes)
        self._external = ExternalAddress()
        self._rate = RateLimit()
        self._handlers: dict[type, Handler] = {}
        self._lookups: dict[int, Lookup] = {}
        self._last_handle = 0
        self._joining: int | None = None  # handle of the lookup that looks for our own id
        self._is_member = False  # such a lookup has ended well
        self._asked: set[int] = set()  # handles of open questions of the directory
        self._pinged: set[Endpoint] = set()
        self._out: list[Message] = []
        self.counters: Counter[str] = Counter()  # what was dropped or refused, by kind

    @property
    def node_id(self) -> bytes:
        """Ours, 20 bytes; changes when our address does (BEP 42)."""
        return self._table.own_id

    @property
    def nodes(self) -> int:
        """How many nodes we know that are not bad."""
        return self._table.nodes

    @property
    def is_ready(self) -> bool:
        """True if a lookup can succeed: nodes are known, and the first look around is over."""
        return self._is_member and self._table.nodes > 0

    @property
    def port(self) -> int:
        """Our port for announcements, as others see it if they have told us."""
        return self._external.port() or PORT_UNKNOWN

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Facts: Started, DatagramReceived, HostResolved; others are ignored."""
        match fact:
            case Started():
                self._upkeep.cared(now_s)
                self.join(now_s)
            case DatagramReceived(data, source) if protocol_of(data) is Protocol.KRPC:
                self._receive(data, source, now_s)
            case HostResolved(name, endpoints):
                if self._bootstrap.resolved(name, endpoints) and self.nodes == 0:
                    self._look_around(now_s)
        return self.drain()

    def on_time(self, now_s: float) -> list[Message]:
        """Retransmissions, time-outs, care of the table."""
        for transaction, overdue in self._transactions.overdue(now_s):
            if overdue is Overdue.RESEND:
                self._resend(transaction, now_s)
            else:
                self._give_up(transaction, now_s)
        if now_s >= self._upkeep.join_s:
            self.join(now_s)
        if now_s >= self._upkeep.refresh_s:
            self._refresh(now_s)
        if now_s >= self._upkeep.care_s:
            self._upkeep.cared(now_s)
            self._server.store.expire(now_s)
            questionable = self._table.questionable(now_s)
            if questionable is not None:
                self._ping(questionable, now_s)
        return self.drain()

    def deadline_s(self) -> float | None:
        """Of the earliest transaction or care."""
        deadlines = (self._upkeep.deadline_s(), self._transactions.deadline_s())
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    def drain(self) -> list[Message]:
        """What the methods below have given rise to."""
        out, self._out = self._out, []
        return out

    def serve(self, kind: type, handler: Handler) -> None:
        """From now on questions of type `kind` are answered by `handler`, also when read-only."""
        self._handlers[kind] = handler

    def find_peers(self, info_hash: bytes, now_s: float) -> int:
        """Start a lookup; PeersSeen and at last LookupEnded carry the handle returned here."""
        lookup = Lookup(GetPeers(info_hash), self._table.neighbours(info_hash, K), (), now_s)
        handle = self._next_handle()
        # We may be one of the closest nodes ourselves.
        self._tell_peers(handle, lookup, self._server.store.peers(info_hash, now_s))
        self._start(handle, lookup, now_s)
        return handle

    def ask(self, question: Question, to: Endpoint, now_s: float, *, attempts_max: int = 2) -> int:
        """Ask one node; an Answered carries the handle returned here."""
        handle = self._next_handle()
        self._asked.add(handle)
        if not self._send(question, to, now_s, handle=handle, attempts_max=attempts_max):
            self._settle(handle, to, None)
        return handle

    def cancel(self, handle: int) -> None:
        """Nothing more is said about `handle`, a lookup or a question."""
        self._lookups.pop(handle, None)
        if handle in self._asked:
            self._asked.remove(handle)
            self._transactions.forget(handle)

    def trace(self, handle: int, now_s: float) -> LookupTrace | None:
        """What a lookup has cost so far; None once it has ended."""
        lookup = self._lookups.get(handle)
        return None if lookup is None else lookup.trace(now_s)

    def join(self, now_s: float) -> None:
        """Try to get into the network, unless an attempt is under way."""
        if self._joining is None and self._bootstrap.is_possible():
            self._out += [ResolveHost(name) for name in self._bootstrap.names]
            self._look_around(now_s)

    # --- the table ---------------------------------------------------------------------------

    def _look_around(self, now_s: float) -> None:
        """Look for our own id: fills the table with those who must know us."""
        if self._joining is not None:
            return
        self._upkeep.join_s = math.inf
        strangers = () if self.nodes else self._bootstrap.endpoints()
        contacts = self._table.neighbours(self.node_id, K) or self._table.all_contacts()
        self._joining = self._next_handle()
        lookup = Lookup(FindNode(self.node_id), contacts, strangers, now_s)
        self._start(self._joining, lookup, now_s)

    def _joined(self, now_s: float) -> None:
        self._joining = None
        self._is_member = self.nodes > 0
        self._upkeep.attempted(self.nodes, now_s)

    def _refresh(self, now_s: float) -> None:
        self._upkeep.refresh_s = math.inf
        target = self._table.stale_target(self._random_bytes(NODE_ID_BYTES), now_s)
        if target is not None:
            lookup = Lookup(FindNode(target), self._table.neighbours(target, K), (), now_s)
            self._start(self._next_handle(), lookup, now_s)
        self._look_around(now_s)

    def _move(self, host: str, now_s: float) -> None:
        """Others see us at `host`: take an id that belongs there."""
        if fits_address(self.node_id, host):
            return
        own_id = for_address(host, self._random_bytes(NODE_ID_BYTES))
        self._table = self._table.moved_to(own_id)
        self._server.store.own_id = own_id
        if self._joining is not None:
            del self._lookups[self._joining]  # it looks for the old id
            self._joining = None
        self._look_around(now_s)

    def _ping(self, contact: Contact, now_s: float) -> None:
        if contact.endpoint in self._pinged or len(self._pinged) >= PINGS_MAX:
            return
        if self._send(krpc.Ping(), contact.endpoint, now_s, node_id=contact.node_id):
            self._pinged.add(contact.endpoint)

    # --- our queries -------------------------------------------------------------------------

    def _next_handle(self) -> int:
        self._last_handle += 1
        return self._last_handle

    def _start(self, handle: int, lookup: Lookup, now_s: float) -> None:
        if len(self._lookups) >= LOOKUPS_MAX:
            self.counters["lookups_at_limit"] += 1
            self._end(handle, lookup, now_s)
            return
        self._lookups[handle] = lookup
        self._advance(handle, now_s)

    def _advance(self, handle: int, now_s: float) -> None:
        lookup = self._lookups[handle]
        while not lookup.is_done() and (queries := lookup.next_queries()):
            for endpoint, node_id in queries:
                if not self._send(lookup.question, endpoint, now_s, handle=handle, node_id=node_id):
                    lookup.failed(endpoint)
        if lookup.is_done():
            del self._lookups[handle]
            self._end(handle, lookup, now_s)

    def _end(self, handle: int, lookup: Lookup, now_s: float) -> None:
        if handle == self._joining:
            self._joined(now_s)
        elif isinstance(lookup.question, GetPeers):
            self._out.append(LookupEnded(handle, lookup.closest(), lookup.trace(now_s)))

    def _tell_peers(self, handle: int, lookup: Lookup, peers: Iterable[Endpoint]) -> None:
        fresh = lookup.new_peers(peers)
        if fresh:
            self._out.append(PeersSeen(handle, fresh))

    def _settle(self, handle: int, source: Endpoint, answer: Answer | None) -> None:
        if handle in self._asked:
            self._asked.remove(handle)
            self._out.append(Answered(handle, source, answer))

    def _send(
        self,
        question: Question,
        to: Endpoint,
        now_s: float,
        *,
        handle: int = 0,
        node_id: bytes | None = None,
        attempts_max: int = 2,
    ) -> bool:
        transaction = self._transactions.open(
            question, to, now_s, handle=handle, node_id=node_id, attempts_max=attempts_max
        )
        if transaction is None:
            self.counters["transactions_at_limit"] += 1
            return False
        self._transmit(transaction)
        return True

    def _transmit(self, transaction: Transaction) -> None:
        query = krpc.Query(
            transaction.transaction_id,
            self.node_id,
            transaction.question,
            self._read_only,
            krpc.VERSION,
        )
        self._out.append(SendDatagram(krpc.encode(query), transaction.to))

    def _resend(self, transaction: Transaction, now_s: float) -> None:
        self._transmit(transaction)
        lookup = self._lookups.get(transaction.handle)
        if lookup is not None:
            lookup.slow(transaction.to)
            self._advance(transaction.handle, now_s)

    def _fail(self, transaction: Transaction, now_s: float) -> None:
        """No answer, or none that helps."""
        lookup = self._lookups.get(transaction.handle)
        if lookup is not None:
            lookup.failed(transaction.to)
            self._advance(transaction.handle, now_s)
        self._settle(transaction.handle, transaction.to, None)

    def _give_up(self, transaction: Transaction, now_s: float) -> None:
        self._pinged.discard(transaction.to)
        if transaction.node_id is not None:
            self._table.failed(Contact(transaction.node_id, transaction.to))
        self._fail(transaction, now_s)
        if self.nodes == 0 and self._joining is None and self._upkeep.join_s == math.inf:
            self._joined(now_s)  # the last node is lost: begin again, after a wait

    # --- datagrams ---------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Endpoint, now_s: float) -> None:
        if not is_usable(source):
            self.counters["source_unusable"] += 1
            return
        try:
            packet = krpc.decode(data)
        except MalformedError:
            self.counters["malformed"] += 1
            return
        match packet:
            case krpc.Query() | krpc.BadQuery():
                self._serve(packet, source, now_s)
            case krpc.Response():
                self._answered(packet, source, now_s)
            case krpc.Error():
                transaction = self._transactions.close(packet.transaction_id, source, now_s)
                self.counters["unmatched" if transaction is None else "refused"] += 1
                if transaction is not None:
                    self._pinged.discard(source)
                    self._fail(transaction, now_s)

    def _answered(self, response: krpc.Response, source: Endpoint, now_s: float) -> None:
        transaction = self._transactions.close(response.transaction_id, source, now_s)
        if transaction is None:
            self.counters["unmatched"] += 1
            return
        self._pinged.discard(source)
        answer = screened(response.answer, source, self.node_id)
        if len(answer.peers) < len(response.answer.peers):
            self.counters["foreign_peers"] += 1
        contact = Contact(response.node_id, source)
        if transaction.node_id is not None and transaction.node_id != response.node_id:
            self._table.failed(Contact(transaction.node_id, source))  # it is no longer that node
        self._table.answered(contact, now_s - transaction.sent_s, now_s)
        if response.observed is not None:
            self._external.vote(source, response.observed)
            if (host := self._external.host()) is not None:
                self._move(host, now_s)
        lookup = self._lookups.get(transaction.handle)
        if lookup is not None:
            lookup.answered(source, response.node_id, answer.nodes or (), answer.token)
            if isinstance(lookup.question, GetPeers):
                self._tell_peers(transaction.handle, lookup, answer.peers)
            self._advance(transaction.handle, now_s)
        self._settle(transaction.handle, source, answer)
        if self._upkeep.refresh_s == math.inf and self._joining is None and self.nodes:
            self._look_around(now_s)  # the first node of a network has met its second

    def _serve(self, query: krpc.Query | krpc.BadQuery, source: Endpoint, now_s: float) -> None:
        if not self._rate.allows(owner_of(source), now_s):
            self.counters["rate_limited"] += 1
            return
        outcome: Answer | Refusal | None
        if isinstance(query, krpc.BadQuery):
            self.counters["bad_queries"] += 1
            text = krpc.ERROR_TEXTS[query.code]
            outcome = None if self._read_only else Refusal(query.code, text)
        elif query.node_id == self.node_id:
            return
        elif handler := self._handlers.get(type(query.question)):
            outcome = handler(query.question, source)
        elif self._read_only:
            outcome = None
        else:
            outcome = self._server.answer(query.question, source, self._table, now_s)
        if outcome is not None:
            self._reply(query.transaction_id, outcome, source)
        if isinstance(query, krpc.Query) and not query.read_only:
            contact = Contact(query.node_id, source)
            if self._table.queried(contact, now_s):
                self._ping(contact, now_s)

    def _reply(self, transaction_id: bytes, outcome: Answer | Refusal, to: Endpoint) -> None:
        packet: krpc.Response | krpc.Error
        if isinstance(outcome, Refusal):
            packet = krpc.Error(transaction_id, outcome.code, outcome.text, krpc.VERSION)
        else:
            packet = krpc.Response(transaction_id, self.node_id, outcome, to, krpc.VERSION)
        self._out.append(SendDatagram(krpc.encode(packet), to))
