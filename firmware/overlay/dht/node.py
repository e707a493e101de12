"""A peer of the Mainline DHT: asks, answers, keeps its tables alive and finds its way in.

Knows no number and no certificate: the directory starts searches, asks questions and registers
what else is answered. Sends and receives KRPC only, over IPv4 and IPv6 alike, and is a node of
both networks. Units: `_s` monotonic seconds.
Sources: BEP 5; BEP 32 (two families); BEP 42 (id and address); BEP 43 (read-only nodes).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from firmware.demux import Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.events import (
    DatagramReceived,
    HostResolved,
    Message,
    ResolveHost,
    SendDatagram,
    Started,
    StoreState,
)
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.acquaintances import NODES_FILE, KnownNodes, encode_nodes
from firmware.overlay.dht.address import is_usable
from firmware.overlay.dht.bootstrap import Bootstrap
from firmware.overlay.dht.contact import contact_at
from firmware.overlay.dht.desk import Desk, Handler
from firmware.overlay.dht.external import ExternalAddress
from firmware.overlay.dht.facts import LookupTrace
from firmware.overlay.dht.inquiry import Inquiries
from firmware.overlay.dht.krpc import Contact, FindNode, GetPeers, Item, Question, Search
from firmware.overlay.dht.node_id import NODE_ID_BYTES, fits_address, for_address
from firmware.overlay.dht.rate import ALL_ANSWERS_PER_S
from firmware.overlay.dht.reach import Reachability
from firmware.overlay.dht.routing import RoutingTable
from firmware.overlay.dht.tables import Tables
from firmware.overlay.dht.transactions import Overdue, Transaction
from firmware.overlay.dht.upkeep import Upkeep

REFRESH_WIDTH = 4  # nodes at the end of a search that only fills a bucket
PORT_UNKNOWN = 6881  # beside implied_port, for nodes that want a port and ignore it


class Node:
    """A core; facts for the directory (facts.py) come out among its messages.

    `bootstrap` may be empty: the first node of a network waits for others. `last_resort` are entry
    points tried after that has failed. `known` is what an earlier run has written: with `saves` a
    StoreState of NODES_FILE comes after joining and then every ten minutes at most. `read_only`
    holds for ever; without it the node itself finds out whether others reach it (BEP 43).
    All askers together get `answers_per_s`.
    """

    def __init__(
        self,
        bootstrap: tuple[str, ...],
        random_bytes: Callable[[int], bytes],
        *,
        read_only: bool = False,
        last_resort: tuple[str, ...] = (),
        known: KnownNodes | None = None,
        saves: bool = False,
        answers_per_s: float = ALL_ANSWERS_PER_S,
    ) -> None:
        self.counters: Counter[str] = Counter()  # what was dropped or refused, by kind
        self._random_bytes = random_bytes
        self._saves = saves
        past = known or KnownNodes(own_id := random_bytes(NODE_ID_BYTES), own_id, ())
        self._tables = Tables(past.own_id, past.own_id6, past.contacts)
        self.desk = Desk(
            self.node_id,
            random_bytes,
            self.counters,
            read_only=read_only,
            answers_per_s=answers_per_s,
        )
        self._server = self.desk.server
        self._inquiries = Inquiries(
            self._tables, random_bytes, self._transmit, self._looked_around, self.counters
        )
        self._bootstrap = Bootstrap(bootstrap, random_bytes, last_resort)
        self._upkeep = Upkeep(self._bootstrap, random_bytes)
        self._external = (ExternalAddress(), ExternalAddress())  # IPv4, IPv6
        self.mapped: Endpoint | None = None  # what the router forwards to us, proved
        self.reach = Reachability(read_only=read_only, fixed=read_only)
        self._joining: int | None = None  # handle of the search for our own id
        self._is_member = False  # such a search has ended well
        self._has_past = known is not None  # an id of ours that others may know
        self._heard_s = -math.inf  # last answer of anybody
        self._turn = 0  # of refreshing

    @property
    def node_id(self) -> bytes:
        """Ours among IPv4 nodes, 20 bytes; changes when our address does (BEP 42)."""
        return self._tables.v4.own_id

    @property
    def nodes(self) -> int:
        """How many nodes we know that are not bad."""
        return self._tables.nodes

    @property
    def is_ready(self) -> bool:
        """True if a lookup can succeed: nodes are known, and the first look around is over."""
        return self._is_member and self._tables.nodes > 0

    @property
    def is_read_only(self) -> bool:
        """True if strangers cannot reach us, as far as we know (BEP 43)."""
        return self.reach.read_only

    @property
    def port(self) -> int:
        """Our port for announcements: mapped by the router, or as others see it."""
        if self.mapped is not None:
            return self.mapped.port
        return self._external[0].port() or self._external[1].port() or PORT_UNKNOWN

    def external_host(self, observer: Endpoint) -> str | None:
        """Our address as nodes of the family of `observer` see it; None while too few agree."""
        return self._external[":" in observer.host].host()

    def external_endpoints(self) -> tuple[Endpoint, ...]:
        """Ours on the Internet, of each family where enough nodes agree."""
        seen = [(external.host(), external.port()) for external in self._external]
        endpoints = tuple(Endpoint(host, port) for host, port in seen if host and port)
        if (mapped := self.mapped) is None:
            return endpoints
        return (mapped, *(one for one in endpoints if (":" in one.host) != (":" in mapped.host)))

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Facts: Started, DatagramReceived, HostResolved; others are ignored."""
        if isinstance(fact, DatagramReceived):
            if protocol_of(fact.data) is Protocol.KRPC:
                self._receive(fact.data, fact.source, now_s)
        elif isinstance(fact, Started):
            self._upkeep.started(now_s)
            self.join(now_s)
        elif isinstance(fact, HostResolved):
            is_news = self._bootstrap.resolved(fact.name, fact.endpoints)
            if is_news and self.nodes == 0:
                self._look_around(now_s)
        return self.drain()

    def on_time(self, now_s: float) -> list[Message]:
        """Retransmissions, time-outs, care of the tables."""
        for transaction, overdue in self._inquiries.transactions.overdue(now_s):
            if overdue is Overdue.GIVE_UP:
                self._give_up(transaction, now_s)
            else:
                self._inquiries.overdue(transaction, overdue, now_s)
        if now_s >= self._upkeep.join_s:
            self.join(now_s)
        if now_s >= self._upkeep.refresh_s:
            self._refresh(now_s)
        if now_s >= self._upkeep.care_s:
            self._care(now_s)
        if now_s >= self._upkeep.save_s:
            self._save(now_s)
        return self.drain()

    def rest(self, until_s: float) -> None:
        """Take no care of the tables before: each new destination moves a router that counts."""
        self._upkeep.rest(until_s)

    def deadline_s(self) -> float | None:
        """Of the earliest transaction or care."""
        deadlines = (self._upkeep.deadline_s(), self._inquiries.transactions.deadline_s())
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    def drain(self) -> list[Message]:
        """What the methods below have given rise to."""
        out, self._inquiries.out = self._inquiries.out, []
        return out

    def serve(self, kind: type, handler: Handler) -> None:
        """From now on questions of type `kind` are answered by `handler`, also when read-only."""
        self.desk.serve(kind, handler)

    def find_peers(self, info_hash: bytes, now_s: float, *, paths: int = 1) -> int:
        """Start a lookup; PeersSeen and at last LookupEnded carry the handle returned here.

        With `paths` > 1 that many disjoint paths lead to the target (S/Kademlia).
        """
        # We may be one of the closest nodes ourselves.
        own = self._server.peers(info_hash, now_s)
        return self._inquiries.search(GetPeers(info_hash), info_hash, now_s, paths=paths, peers=own)

    def look_up(self, question: Search, now_s: float, *, paths: int = 1) -> int:
        """Ask `question` on the way to its target: a NodeAnswered for each node that answers.

        At last LookupEnded comes, with the closest nodes and their tokens. We may be one of the
        closest nodes ourselves: `kept_item`.
        """
        target = krpc.target_of(question)
        return self._inquiries.search(question, target, now_s, paths=paths, tells_all=True)

    def kept_item(self, target: bytes, now_s: float) -> Item | None:
        """What we store for others under `target` (BEP 44)."""
        return self._server.item(target, now_s)

    def silent_since(self, before_s: float) -> list[Endpoint]:
        """As RoutingTable.silent_since, IPv4."""
        return self._tables.v4.silent_since(before_s, self.reach.has_spoken_to)

    def ask(self, question: Question, to: Endpoint, now_s: float, *, attempts_max: int = 2) -> int:
        """Ask one node; an Answered carries the handle returned here."""
        return self._inquiries.ask(question, to, now_s, attempts_max=attempts_max)

    def cancel(self, handle: int) -> None:
        """Nothing more is said about `handle`, a lookup or a question."""
        self._inquiries.cancel(handle)

    def trace(self, handle: int, now_s: float) -> LookupTrace | None:
        """What a lookup has cost so far; None once it has ended."""
        return self._inquiries.trace(handle, now_s)

    def join(self, now_s: float) -> None:
        """Try to get into the network, unless an attempt is under way."""
        is_possible = self._bootstrap.is_possible() or any(True for _ in self._tables.rows())
        if self._joining is None and is_possible:
            self._inquiries.out += [ResolveHost(name) for name in self._bootstrap.names]
            self._look_around(now_s)

    def adopt(self, table: RoutingTable) -> None:
        """Go on with a table of another making, as if we had been in the network for long."""
        if table.is_v6:
            self._tables.v6 = table
        else:
            self._tables.v4 = table
            self._server.own_id = table.own_id
        self._is_member = True

    # --- the tables --------------------------------------------------------------------------

    def _look_around(self, now_s: float, *, anew: bool = False) -> None:
        """Look for our own id, if need be `anew`: fills the table with those who must know us."""
        if self._joining is not None and not anew:
            return
        self._upkeep.join_s = math.inf
        strangers = () if self.is_ready else self._bootstrap.endpoints()
        # After an outage of ours, or a restart, those we knew are the way back.
        fallback = () if self.nodes else self._tables.contacts_by_family()
        former, self._joining = self._joining, -1  # it may end before its handle is known
        handle = self._inquiries.search(
            FindNode(self.node_id),
            self.node_id,
            now_s,
            strangers=strangers,
            fallback=fallback,
            is_own=True,
            instead_of=former,
        )
        if self._joining is not None:
            self._joining = handle

    def _looked_around(self, handle: int, now_s: float) -> None:
        if handle == self._joining or self._joining == -1:
            self._joining = None
            self._is_member = self.nodes > 0
            self._upkeep.attempted(self.nodes, self._tables.depth(), now_s)
            if self._saves and self._is_member and self._upkeep.save_s == math.inf:
                self._save(now_s)

    def _refresh(self, now_s: float) -> None:
        """Look for our own id and into a sparse bucket, in turn while we are young."""
        self._upkeep.refresh_s = math.inf
        self._turn += 1
        own_too = self._turn % 2 == 0 or not self._upkeep.is_young
        if self._turn % 2 or not self._upkeep.is_young:
            for table in self._tables.families():
                target = table.sparse_target(self._random_bytes(NODE_ID_BYTES))
                if target is not None:
                    question, width = FindNode(target), REFRESH_WIDTH
                    self._inquiries.search(question, target, now_s, width=width, is_own=True)
        if own_too:
            self._look_around(now_s)
        else:
            self._upkeep.attempted(self.nodes, self._tables.depth(), now_s)

    def _care(self, now_s: float) -> None:
        self.desk.care(now_s)
        self._tables.release(now_s)
        self.reach.consider(now_s)
        contact = self._tables.to_ping(now_s)
        if contact is not None and self.desk.may_ping(contact.endpoint, now_s):
            self._inquiries.ping(contact, now_s)
        self._upkeep.cared(now_s, has_more=contact is not None)

    def _save(self, now_s: float) -> None:
        tables = self._tables
        rows = sorted(tables.rows(), key=lambda row: (row.failures, -row.answers))
        data = encode_nodes(tables.v4.own_id, tables.own_id6, (row.contact for row in rows))
        self._inquiries.out.append(StoreState(NODES_FILE, data))
        self._upkeep.saved(now_s)

    def _guess(self, external: ExternalAddress) -> str | None:
        """Our address by one vote: good enough for our first id, on our first way in."""
        is_new = not self._has_past and not self._is_member and self._joining is not None
        return external.only_host() if is_new else None

    def _move(self, host: str, now_s: float) -> None:
        """Others see us at `host`: take an id that belongs there."""
        is_v6 = ":" in host
        if fits_address((self._tables.v6 if is_v6 else self._tables.v4).own_id, host):
            return
        own_id = for_address(host, self._random_bytes(NODE_ID_BYTES))
        self._tables.move(own_id, is_v6=is_v6)
        if not is_v6:
            self._server.own_id = own_id
        self._look_around(now_s, anew=True)  # a search for the old id is in vain

    # --- our queries -------------------------------------------------------------------------

    def _transmit(self, transaction: Transaction, now_s: float) -> None:
        to = transaction.to
        query = krpc.Query(
            transaction.transaction_id,
            self._tables.of(to).own_id,
            transaction.question,
            self.reach.read_only,
            krpc.VERSION,
        )
        self.reach.queried(to.host, now_s)
        self._inquiries.out.append(SendDatagram(krpc.encode(query), to))

    def _give_up(self, transaction: Transaction, now_s: float) -> None:
        if transaction.node_id is not None:
            silent = contact_at(transaction.node_id, transaction.to)
            is_online = self._heard_s >= transaction.sent_s
            spare = self._tables.failed(silent, now_s, is_online=is_online)
            if spare is not None and self.desk.may_ping(spare.endpoint, now_s):
                self._inquiries.ping(spare, now_s)
        self._inquiries.failed(transaction, now_s)
        if self.nodes == 0 and self._joining is None and self._upkeep.join_s == math.inf:
            self._is_member = False  # the last node is lost: begin again, after a wait
            self._upkeep.attempted(0, 0, now_s)

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
        if isinstance(packet, krpc.Response):
            self._answered(packet, source, now_s)
        elif isinstance(packet, krpc.Error):
            transaction = self._inquiries.transactions.close(packet.transaction_id, source, now_s)
            self.counters["unmatched" if transaction is None else "refused"] += 1
            if transaction is not None:
                self._inquiries.failed(transaction, now_s, packet.code)
        else:
            self._serve(packet, source, len(data), now_s)

    def _answered(self, response: krpc.Response, source: Endpoint, now_s: float) -> None:
        transaction = self._inquiries.transactions.close(response.transaction_id, source, now_s)
        if transaction is None:
            self.counters["unmatched"] += 1
            return
        self._heard_s = now_s
        self.desk.proved(source, now_s)
        contact = contact_at(response.node_id, source)
        if transaction.node_id is not None and transaction.node_id != response.node_id:
            # It is no longer that node.
            self._tables.failed(Contact(transaction.node_id, source), now_s, is_online=False)
        self._tables.answered(contact, transaction.rtt_s, now_s)
        if response.observed is not None:
            external = self._external[":" in source.host]
            is_news = external.vote(source, response.observed)
            host = external.host() if is_news else self._guess(external)
            if host is not None:
                self._move(host, now_s)
            self._inquiries.out += external.by_another_port(source, response.observed)
        self._inquiries.answered(transaction, contact, response.answer, now_s, response.observed)
        if self._upkeep.refresh_s == math.inf and self._joining is None and self.nodes:
            self._look_around(now_s)  # the first node of a network has met its second

    def _serve(
        self, query: krpc.Query | krpc.BadQuery, source: Endpoint, size_bytes: int, now_s: float
    ) -> None:
        tables = self._tables
        own_id = tables.of(source).own_id
        self.reach.asked_by(source.host, now_s)
        self.desk.read_only = self.reach.read_only
        if data := self.desk.reply(query, source, own_id, tables.all(), now_s, size_bytes):
            self._inquiries.out.append(SendDatagram(data, source))
        if isinstance(query, krpc.Query) and not query.read_only and query.node_id != own_id:
            contact = contact_at(query.node_id, source)
            if tables.of(source).queried(contact, now_s) and self.desk.may_ping(source, now_s):
                self._inquiries.ping(contact, now_s)
