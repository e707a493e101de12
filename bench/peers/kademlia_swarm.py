"""A swarm of the `kademlia` package: Kademlia over UDP in Python and asyncio, not the Mainline.

With k = 8, as the Mainline has, for the same number of copies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from kademlia.network import Server

from bench.peers.swarm import Timing

K = 8
BOOTSTRAP = 3


class Swarm:
    """Values under keys only; a peer is announced to no swarm."""

    def open(self, nodes: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[Server] = []
        self._run(self._join(nodes))

    def idle(self, duration_s: float) -> None:
        self._run(asyncio.sleep(duration_s))

    def announce(self, node: int, key: bytes) -> Timing:
        raise NotImplementedError("kademlia knows values only")

    def get_peers(self, node: int, key: bytes) -> Timing:
        raise NotImplementedError("kademlia knows values only")

    def put(self, node: int, key: bytes, value: bytes) -> Timing:
        start_s = time.perf_counter()
        stored = self._run(self._servers[node].set(key, value))
        assert stored
        return Timing(None, time.perf_counter() - start_s)

    def get(self, node: int, key: bytes) -> Timing:
        start_s = time.perf_counter()
        value = self._run(self._servers[node].get(key))
        assert value is not None
        took_s = time.perf_counter() - start_s
        return Timing(took_s, took_s)

    async def _join(self, nodes: int) -> None:
        known: list[tuple[str, int]] = []
        for _ in range(nodes):
            server = Server(ksize=K)
            await server.listen(0, interface="127.0.0.1")
            if known:
                await server.bootstrap(known[:BOOTSTRAP])
            known.append(server.transport.get_extra_info("sockname"))
            self._servers.append(server)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)
