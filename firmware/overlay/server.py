"""The answering side of a DHT node: what it says to ping, find_node, get_peers, announce_peer.

Knows no socket and keeps no transaction; rate limits are the node's. Units: `_s` monotonic.
Source: BEP 5; BEP 32 (which family of nodes is wanted).
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.model import Endpoint
from firmware.overlay.address import may_name
from firmware.overlay.krpc import (
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    ERROR_SERVER,
    AnnouncePeer,
    Answer,
    Contact,
    FindNode,
    GetPeers,
    Ping,
    Question,
    Refusal,
)
from firmware.overlay.routing import K, RoutingTable
from firmware.overlay.store import PeerStore, Tokens

# With the nodes still one datagram that no path has to fragment: 800 and 1000 bytes.
PEERS_PER_ANSWER_MAX = 64
PEERS6_PER_ANSWER_MAX = 32


class Server:
    """Answers from the routing table and from what others announced."""

    def __init__(self, own_id: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._tokens = Tokens(random_bytes)
        self.store = PeerStore(own_id)

    def answer(
        self, question: Question, source: Endpoint, table: RoutingTable, now_s: float
    ) -> Answer | Refusal:
        """What `source` is told; `table` is the one it is told from."""
        match question:
            case Ping():
                return Answer()
            case FindNode(target, want):
                return Answer(nodes=_nodes(table, target, want, source))
            case GetPeers(info_hash, want):
                return Answer(
                    nodes=_nodes(table, info_hash, want, source),
                    peers=self._peers(info_hash, source, now_s),
                    token=self._tokens.issue(info_hash, source.host, now_s),
                )
            case AnnouncePeer():
                return self._announce(question, source, now_s)
        return Refusal(ERROR_METHOD_UNKNOWN, "Method Unknown")

    def _announce(self, query: AnnouncePeer, source: Endpoint, now_s: float) -> Answer | Refusal:
        if not self._tokens.accepts(query.token, query.info_hash, source.host, now_s):
            return Refusal(ERROR_PROTOCOL, "Bad Token")
        port = source.port if query.implied_port else query.port
        if not self.store.announce(query.info_hash, Endpoint(source.host, port), now_s):
            return Refusal(ERROR_SERVER, "Store Full")
        return Answer()

    def _peers(self, info_hash: bytes, source: Endpoint, now_s: float) -> tuple[Endpoint, ...]:
        is_v6 = ":" in source.host
        peers = [
            peer
            for peer in self.store.peers(info_hash, now_s)
            if (":" in peer.host) == is_v6 and may_name(peer, source)
        ]
        return self._sample(peers, PEERS6_PER_ANSWER_MAX if is_v6 else PEERS_PER_ANSWER_MAX)

    def _sample(self, peers: list[Endpoint], count: int) -> tuple[Endpoint, ...]:
        """At random, so that of a swarm with much junk each answer shows another part."""
        if len(peers) <= count:
            return tuple(peers)
        for index in range(count):
            span = len(peers) - index
            other = index + int.from_bytes(self._random_bytes(4), "big") % span
            peers[index], peers[other] = peers[other], peers[index]
        return tuple(peers[:count])


def _nodes(
    table: RoutingTable, target: bytes, want: tuple[bytes, ...], source: Endpoint
) -> tuple[Contact, ...]:
    def may_tell(node: Contact, is_v6: bool) -> bool:
        return (":" in node.endpoint.host) == is_v6 and may_name(node.endpoint, source)

    wants_v6 = b"n6" in want if want else ":" in source.host
    wants_v4 = b"n4" in want if want else not wants_v6
    nodes: list[Contact] = []
    if wants_v4:
        nodes += table.neighbours(target, K, lambda node: may_tell(node, is_v6=False))
    if wants_v6:
        nodes += table.neighbours(target, K, lambda node: may_tell(node, is_v6=True))
    return tuple(nodes)
