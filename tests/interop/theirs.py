"""A swarm of libtorrent nodes on loopback: the most common node of the Mainline DHT.

Each node is a whole libtorrent session with a port of its own. They are told of each other at once,
so that a swarm stands within a second. Nothing leaves the machine: no router, no local discovery.
What libtorrent relaxes here is only what counts nodes per address, since all share one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import libtorrent
from nacl.signing import SigningKey

from firmware.model import Endpoint

NODES = 50
LIMIT_S = 10.0  # for what takes milliseconds, on a machine that does other things too
_CATEGORIES: Any = libtorrent.alert.category_t
_SETTINGS: Any = {
    "alert_mask": _CATEGORIES.dht_notification
    | _CATEGORIES.dht_operation_notification
    | _CATEGORIES.stats_notification
    | _CATEGORIES.status_notification,
    "alert_queue_size": 10_000,
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_block_ratelimit": 1_000_000,
    "dht_upload_rate_limit": 10_000_000,
    "dht_max_peers_reply": 100,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What node number `node` of the swarm reported."""

    node: int


@dataclass(frozen=True, slots=True)
class Listening(Heard):
    port: int


@dataclass(frozen=True, slots=True)
class TableSize(Heard):
    nodes: int


@dataclass(frozen=True, slots=True)
class AnnounceTaken(Heard):
    info_hash: bytes
    peer: Endpoint


@dataclass(frozen=True, slots=True)
class PeersFound(Heard):
    info_hash: bytes
    peers: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class PutEnded(Heard):
    target: bytes  # of an immutable item
    public_key: bytes  # of a mutable one
    stored: int


@dataclass(frozen=True, slots=True)
class ImmutableFound(Heard):
    target: bytes
    value: Any


@dataclass(frozen=True, slots=True)
class MutableFound(Heard):
    public_key: bytes
    salt: bytes
    seq: int
    value: Any
    is_final: bool  # all the closest nodes have been asked


Kind = TypeVar("Kind", bound=Heard)


class Swarm:
    """Open while the `with` lasts; node 0, 1, ... listen at `endpoints`."""

    def __init__(self, host: str = "127.0.0.1", nodes: int = NODES) -> None:
        self.host = host
        self.heard: list[Heard] = []
        # Not a callback: a session that ends would wait for one that waits for Python's lock.
        self._news, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        address = f"[{host}]:0" if ":" in host else f"{host}:0"
        self._sessions = [
            libtorrent.session(_SETTINGS | {"listen_interfaces": address}) for _ in range(nodes)
        ]
        for session in self._sessions:
            session.set_alert_fd(self._bell)
        self._wait(lambda: len(self._said(Listening)) == 2 * nodes)  # TCP and UDP
        ports = {event.node: event.port for event in self._said(Listening)}
        self.endpoints = tuple(Endpoint(host, ports[node]) for node in range(nodes))

    def __enter__(self) -> Self:
        for endpoint, session in zip(self.endpoints, self._sessions, strict=True):
            for other in self.endpoints:
                if other != endpoint:
                    session.add_dht_node((other.host, other.port))
        for node in range(len(self._sessions)):
            self._table_size(node, at_least=len(self._sessions) * 3 // 4)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """All nodes are gone, without a word to anybody."""
        if self._sessions:
            self._sessions.clear()
            os.close(self._bell)
            os.close(self._news)

    @property
    def bootstrap(self) -> tuple[str, ...]:
        """What a newcomer is told of: three of the nodes."""
        return tuple(str(endpoint) for endpoint in self.endpoints[:3])

    def announce(self, node: int, info_hash: bytes, port: int) -> None:
        self._sessions[node].dht_announce(libtorrent.sha1_hash(info_hash), port, 0)

    def get_peers(self, node: int, info_hash: bytes) -> None:
        self._sessions[node].dht_get_peers(libtorrent.sha1_hash(info_hash))

    def put_immutable(self, node: int, value: Any) -> bytes:
        """The target under which `value` will be found."""
        target: bytes = self._sessions[node].dht_put_immutable_item(value).to_bytes()
        return target

    def get_immutable(self, node: int, target: bytes) -> None:
        self._sessions[node].dht_get_immutable_item(libtorrent.sha1_hash(target))

    def put_mutable(self, node: int, key: SigningKey, value: bytes, salt: bytes = b"") -> None:
        """libtorrent looks for the newest item and puts `value` with the next sequence number."""
        self._sessions[node].dht_put_mutable_item(
            _expanded(key), bytes(key.verify_key), value, salt
        )

    def get_mutable(self, node: int, public_key: bytes, salt: bytes = b"") -> None:
        self._sessions[node].dht_get_mutable_item(public_key, salt)

    def greet(self, endpoint: Endpoint) -> None:
        """Tell every node of `endpoint`; each will ping it."""
        for session in self._sessions:
            session.add_dht_node((endpoint.host, endpoint.port))

    async def hears(self, kind: type[Kind], *, count: int = 1, **fields: object) -> Kind:
        """The last of `count` reports of `kind` with these `fields`; TimeoutError after LIMIT_S."""

        def found() -> list[Kind]:
            return [
                event
                for event in self._said(kind)
                if all(getattr(event, name) == value for name, value in fields.items())
            ]

        await asyncio.to_thread(self._wait, lambda: len(found()) >= count)
        return found()[-1]

    async def knows(self, node: int, nodes: int) -> None:
        """Wait until `node` has so many in its table."""
        await asyncio.to_thread(self._table_size, node, nodes)

    def _table_size(self, node: int, at_least: int) -> int:
        end_s = time.monotonic() + LIMIT_S
        while True:
            before = len(self._said(TableSize))
            self._sessions[node].post_session_stats()
            self._wait(lambda: len(self._said(TableSize)) > before)  # noqa: B023 - used at once
            size = self._said(TableSize)[-1].nodes
            if size >= at_least:
                return size
            if time.monotonic() > end_s:
                raise TimeoutError(f"table of node {node} has {size} nodes, not {at_least}")

    def _said(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.heard if isinstance(event, kind)]

    def _wait(self, is_so: Callable[[], bool]) -> None:
        end_s = time.monotonic() + LIMIT_S
        self._collect()
        while not is_so():
            if not select.select([self._news], [], [], max(0.0, end_s - time.monotonic()))[0]:
                raise TimeoutError(f"last heard: {self.heard[-5:]}")
            os.read(self._news, 65536)
            self._collect()

    def _collect(self) -> None:
        for node, session in enumerate(self._sessions):
            for alert in session.pop_alerts():
                event = _event(node, alert)
                if event is not None:
                    self.heard.append(event)


def _event(node: int, alert: Any) -> Heard | None:
    match alert:
        case libtorrent.listen_succeeded_alert():
            return Listening(node, alert.port)
        case libtorrent.session_stats_alert():
            return TableSize(node, alert.values["dht.dht_nodes"])
        case libtorrent.dht_announce_alert():
            peer = Endpoint(alert.ip, alert.port)
            return AnnounceTaken(node, alert.info_hash.to_bytes(), peer)
        case libtorrent.dht_get_peers_reply_alert():
            peers = tuple(Endpoint(host, port) for host, port in alert.peers())
            return PeersFound(node, alert.info_hash.to_bytes(), peers)
        case libtorrent.dht_put_alert():
            return PutEnded(
                node, alert.target.to_bytes(), bytes(alert.public_key), alert.num_success
            )
        case libtorrent.dht_immutable_item_alert():
            return ImmutableFound(node, alert.target.to_bytes(), alert.item)
        case libtorrent.dht_mutable_item_alert():
            return MutableFound(
                node,
                bytes(alert.key),
                bytes(alert.salt),
                alert.seq,
                alert.item,
                alert.authoritative,
            )
    return None


def _expanded(key: SigningKey) -> bytes:
    """The private key as libtorrent wants it: hashed and clamped, 64 bytes (RFC 8032, 5.1.5)."""
    half = bytearray(hashlib.sha512(bytes(key)).digest())
    half[0] &= 248
    half[31] = half[31] & 63 | 64
    return bytes(half)
