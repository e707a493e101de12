"""A swarm of libtorrent sessions (C++): the most common node of the Mainline DHT."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import libtorrent
from nacl.signing import SigningKey

from bench.peers.swarm import Timing

LIMIT_S = 20.0
TRIES = 4  # within it
TABLE_SHARE = 0.6  # of all nodes, before the swarm counts as standing
_CATEGORIES: Any = libtorrent.alert.category_t
_MASK = (
    _CATEGORIES.dht_operation_notification
    | _CATEGORIES.stats_notification
    | _CATEGORIES.status_notification
)
_SETTINGS: Any = {
    "alert_mask": _MASK,
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_restrict_routing_ips": False,  # all share one address
    "dht_restrict_search_ips": False,
    "dht_block_ratelimit": 1_000_000,
    "dht_upload_rate_limit": 100_000_000,
}
_NODES_METRIC = "dht.dht_nodes"


class Swarm:
    """Each node is told of every other at once."""

    def open(self, nodes: int) -> None:
        self._hears_puts = False
        settings = _SETTINGS | {"listen_interfaces": "127.0.0.1:0"}
        self._sessions = [libtorrent.session(settings) for _ in range(nodes)]
        ports = [_alert(session, _is_listening).port for session in self._sessions]
        for port, session in zip(ports, self._sessions, strict=True):
            for other in ports:
                if other != port:
                    session.add_dht_node(("127.0.0.1", other))
        for session in self._sessions:
            _wait_for_table(session, at_least=int(nodes * TABLE_SHARE))

    def idle(self, duration_s: float) -> None:
        time.sleep(duration_s)

    def announce(self, node: int, key: bytes) -> Timing:
        self._sessions[node].dht_announce(libtorrent.sha1_hash(key), 4711, 0)
        return Timing(None, None)

    def get_peers(self, node: int, key: bytes) -> Timing:
        # Of a swarm in which nobody is yet libtorrent says nothing: on a machine that does much
        # else the announcement may still be under way.
        for _ in range(TRIES):
            session, start_s = self._sessions[node], time.perf_counter()
            session.dht_get_peers(libtorrent.sha1_hash(key))
            try:
                _alert(session, _is_peers, LIMIT_S / TRIES)
            except TimeoutError:
                continue
            return Timing(time.perf_counter() - start_s, None)
        raise TimeoutError("nobody keeps what was announced")

    def put(self, node: int, key: bytes, value: bytes) -> Timing:
        self._hear_puts()
        session, start_s = self._sessions[node], time.perf_counter()
        signer = SigningKey(hashlib.sha256(key).digest())
        session.dht_put_mutable_item(_expanded(signer), bytes(signer.verify_key), value, b"")
        ended = _alert(session, lambda a: isinstance(a, libtorrent.dht_put_alert))
        assert ended.num_success > 0
        return Timing(None, time.perf_counter() - start_s)

    def _hear_puts(self) -> None:
        """Not before, since this category brings an alert for each query about peers too."""
        if not self._hears_puts:
            self._hears_puts = True
            for session in self._sessions:
                session.apply_settings({"alert_mask": _MASK | _CATEGORIES.dht_notification})

    def get(self, node: int, key: bytes) -> Timing:
        session = self._sessions[node]
        public_key = bytes(SigningKey(hashlib.sha256(key).digest()).verify_key)
        start_s = time.perf_counter()
        found_s: list[float] = []

        def is_last(alert: Any) -> bool:
            if not isinstance(alert, libtorrent.dht_mutable_item_alert):
                return False
            found_s.append(time.perf_counter() - start_s)
            return bool(alert.authoritative)

        session.dht_get_mutable_item(public_key, b"")
        _alert(session, is_last)
        return Timing(found_s[0], time.perf_counter() - start_s)


def _alert(session: Any, is_it: Callable[[Any], bool], limit_s: float = LIMIT_S) -> Any:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        found = [alert for alert in session.pop_alerts() if is_it(alert)]
        if found:
            return found[0]
        session.wait_for_alert(1000)
    raise TimeoutError("libtorrent said nothing")


def _is_peers(alert: Any) -> bool:
    return isinstance(alert, libtorrent.dht_get_peers_reply_alert)


def _is_listening(alert: Any) -> bool:
    return isinstance(alert, libtorrent.listen_succeeded_alert)


def _wait_for_table(session: Any, at_least: int) -> None:
    end_s = time.monotonic() + LIMIT_S
    nodes = -1
    while nodes < at_least:
        if time.monotonic() > end_s:
            raise TimeoutError(f"a table has {nodes} nodes, not {at_least}")
        session.post_session_stats()
        stats = _alert(session, lambda a: isinstance(a, libtorrent.session_stats_alert))
        nodes = stats.values[_NODES_METRIC]


def _expanded(signer: SigningKey) -> bytes:
    """The private key as libtorrent wants it: hashed and clamped (RFC 8032, 5.1.5)."""
    half = bytearray(hashlib.sha512(bytes(signer)).digest())
    half[0] &= 248
    half[31] = half[31] & 63 | 64
    return bytes(half)
