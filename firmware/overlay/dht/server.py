"""The answering side of a DHT node: what it says to each of the questions it knows.

Knows no socket and keeps no transaction; rate limits are the node's. Units: `_s` monotonic.
Every answer fits one datagram that no path has to fragment, and what an address without proof gets
of us at once (rate.py).
Sources: BEP 5; BEP 32 (which family of nodes is wanted); BEP 44 (get, put); BEP 51 (samples).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, may_name, owner_of, scope_of
from firmware.overlay.dht.item_store import ItemStore, Stored
from firmware.overlay.dht.items import Item
from firmware.overlay.dht.krpc import (
    ERROR_CAS_MISMATCH,
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    ERROR_SEQ_TOO_LOW,
    ERROR_SERVER,
    ERROR_SIGNATURE,
    ERROR_TEXTS,
    WANT_V4,
    WANT_V6,
    AnnouncePeer,
    Answer,
    FindNode,
    GetItem,
    GetPeers,
    PackedNodes,
    Ping,
    PutItem,
    Question,
    Refusal,
    SampleInfohashes,
    Samples,
)
from firmware.overlay.dht.routing import K
from firmware.overlay.dht.store import PeerStore, Tokens

ANSWER_BYTES_MAX = 1452  # 1500 of Ethernet less the headers of IPv6 and UDP; the limits below obey
PEERS_PER_ANSWER_MAX = 64
PEERS6_PER_ANSWER_MAX = 32
LARGE_VALUE_BYTES = 500  # beside it only half as many nodes have room, and of one family
SAMPLES_MAX = 20  # 400 bytes
SAMPLES_INTERVAL_S = 300  # the same samples for so long: asking more often tells nothing new

REFUSALS = {
    Stored.CAS_MISMATCH: Refusal(ERROR_CAS_MISMATCH, ERROR_TEXTS[ERROR_CAS_MISMATCH]),
    Stored.SEQ_TOO_LOW: Refusal(ERROR_SEQ_TOO_LOW, ERROR_TEXTS[ERROR_SEQ_TOO_LOW]),
    Stored.FULL: Refusal(ERROR_SERVER, "Store Full"),
}
BAD_TOKEN = Refusal(ERROR_PROTOCOL, "Bad Token")
Choice = TypeVar("Choice")


class Table(Protocol):
    """What the server needs of the routing table of one family."""

    is_v6: bool

    def compact(self, target: bytes, count: int, asker: Scope) -> bytes:
        """The `count` nodes closest to `target` that an asker of that scope may be told."""
        ...


class Server:
    """Answers from the routing table and from what others announced or put.

    `own_id` is kept up to date by the node.
    """

    __slots__ = (
        "_items",
        "_own_id",
        "_random_bytes",
        "_sampled_s",
        "_samples",
        "_store",
        "_tokens",
    )

    def __init__(self, own_id: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._tokens = Tokens(random_bytes)
        self._samples: tuple[bytes, ...] = ()
        self._sampled_s: float | None = None
        self._own_id = own_id
        self._store: PeerStore | None = None
        self._items: ItemStore | None = None

    def answer(
        self, question: Question, source: Endpoint, tables: Iterable[Table], now_s: float
    ) -> Answer | Refusal:
        """What `source` is told, about nodes from `tables`."""
        match question:
            case Ping():
                return Answer()
            case FindNode(target, want):
                return Answer(packed=_nodes(tables, target, want, source))
            case GetPeers(info_hash, want):
                return Answer(
                    packed=_nodes(tables, info_hash, want, source),
                    peers=self._peers(info_hash, source, now_s),
                    token=self._tokens.issue(info_hash, source.host, now_s),
                )
            case AnnouncePeer():
                return self._announce(question, source, now_s)
            case GetItem():
                return self._get(question, source, tables, now_s)
            case PutItem():
                return self._put(question, source, now_s)
            case SampleInfohashes(target, want):
                nodes = _nodes(tables, target, want, source)
                return Answer(packed=nodes, samples=self._sampled(now_s))
        return Refusal(ERROR_METHOD_UNKNOWN, ERROR_TEXTS[ERROR_METHOD_UNKNOWN])

    @property
    def own_id(self) -> bytes:
        """Ours; what is farthest from it gives way at the limits."""
        return self._own_id

    @own_id.setter
    def own_id(self, own_id: bytes) -> None:
        self._own_id = own_id
        if self._store is not None:
            self._store.own_id = own_id

    @property
    def store(self) -> PeerStore:
        """Who was announced to us; most nodes of a large network have none."""
        if self._store is None:
            self._store = PeerStore(self._own_id)
        return self._store

    @property
    def items(self) -> ItemStore:
        """What was put here; the same."""
        if self._items is None:
            self._items = ItemStore()
        return self._items

    def peers(self, info_hash: bytes, now_s: float) -> list[Endpoint]:
        """Who was announced to us there."""
        return [] if self._store is None else self._store.peers(info_hash, now_s)

    def item(self, target: bytes, now_s: float) -> Item | None:
        """What was put here under `target`."""
        return None if self._items is None else self._items.get(target, now_s)

    def expire(self, now_s: float) -> None:
        """Forget what is too old; call it every few minutes."""
        if self._store is not None:
            self._store.expire(now_s)
            if not len(self._store):
                self._store = None
        if self._items is not None:
            self._items.expire(now_s)
            if not len(self._items):
                self._items = None

    def _announce(self, query: AnnouncePeer, source: Endpoint, now_s: float) -> Answer | Refusal:
        if not self._tokens.accepts(query.token, query.info_hash, source.host, now_s):
            return BAD_TOKEN
        port = source.port if query.implied_port else query.port
        if not self.store.announce(query.info_hash, Endpoint(source.host, port), now_s):
            return REFUSALS[Stored.FULL]
        return Answer()

    def _get(
        self, query: GetItem, source: Endpoint, tables: Iterable[Table], now_s: float
    ) -> Answer:
        kept = self.item(query.target, now_s)
        is_old = (
            kept is not None
            and kept.public_key is not None
            and query.seq is not None
            and kept.seq <= query.seq
        )
        want, count = query.want, K
        if kept is not None and not is_old and len(kept.value) > LARGE_VALUE_BYTES:
            want, count = (), K // 2
        return Answer(
            packed=_nodes(tables, query.target, want, source, count),
            token=self._tokens.issue(query.target, source.host, now_s),
            item=None if is_old else kept,
            seq=kept.seq if kept is not None and is_old else None,
        )

    def _put(self, query: PutItem, source: Endpoint, now_s: float) -> Answer | Refusal:
        item = query.item
        if not self._tokens.accepts(query.token, item.target, source.host, now_s):
            return BAD_TOKEN
        if not item.is_authentic():
            return Refusal(ERROR_SIGNATURE, ERROR_TEXTS[ERROR_SIGNATURE])
        stored = self.items.put(item, query.cas, owner_of(source), self._own_id, now_s)
        return Answer() if stored is Stored.KEPT else REFUSALS[stored]

    def _peers(self, info_hash: bytes, source: Endpoint, now_s: float) -> tuple[Endpoint, ...]:
        is_v6 = ":" in source.host
        peers = [
            peer
            for peer in self.peers(info_hash, now_s)
            if (":" in peer.host) == is_v6 and may_name(peer, source)
        ]
        count = PEERS6_PER_ANSWER_MAX if is_v6 else PEERS_PER_ANSWER_MAX
        # At random, so that of a swarm with much junk each answer shows another part.
        return tuple(self._some(peers, count))

    def _sampled(self, now_s: float) -> Samples:
        if self._sampled_s is None or now_s - self._sampled_s >= SAMPLES_INTERVAL_S:
            self.expire(now_s)
            self._sampled_s = now_s
            kept = self.store.info_hashes()
            self._samples = tuple(self._some(kept, SAMPLES_MAX))
        until_s = self._sampled_s + SAMPLES_INTERVAL_S - now_s
        return Samples(self._samples, len(self.store), max(1, round(until_s)))

    def _some(self, choices: list[Choice], count: int) -> list[Choice]:
        if len(choices) <= count:
            return choices
        for index in range(count):
            span = len(choices) - index
            other = index + int.from_bytes(self._random_bytes(4), "big") % span
            choices[index], choices[other] = choices[other], choices[index]
        return choices[:count]


def _nodes(
    tables: Iterable[Table],
    target: bytes,
    want: tuple[bytes, ...],
    source: Endpoint,
    count: int = K,
) -> PackedNodes:
    families = want or (WANT_V6 if ":" in source.host else WANT_V4,)
    asker = scope_of(source.host)
    packed = dict.fromkeys(families, b"")  # of a family without a table we say: nobody
    for table in tables:
        family = WANT_V6 if table.is_v6 else WANT_V4
        if family in packed:
            packed[family] = table.compact(target, count, asker)
    return PackedNodes(packed.get(WANT_V4), packed.get(WANT_V6))
