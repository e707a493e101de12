"""A swarm of OpenDHT nodes (C++): a DHT of its own, with signed values and listeners."""

from __future__ import annotations

import threading
import time

import opendht

from bench.peers.swarm import Timing

LIMIT_S = 60.0
BOOTSTRAP = 3


class Swarm:
    """Values under keys only; a peer is announced to no swarm."""

    def open(self, nodes: int) -> None:
        self._runners: list[opendht.DhtRunner] = []
        ports: list[int] = []
        for _ in range(nodes):
            runner = opendht.DhtRunner()
            config = opendht.DhtConfig()
            config.setRateLimit(-1, -1)
            runner.run(port=0, ipv4="127.0.0.1", ipv6="", config=config)
            for port in ports[:BOOTSTRAP]:
                runner.bootstrap("127.0.0.1", str(port))
            ports.append(runner.getBound().getPort())
            self._runners.append(runner)

    def idle(self, duration_s: float) -> None:
        time.sleep(duration_s)

    def announce(self, node: int, key: bytes) -> Timing:
        raise NotImplementedError("OpenDHT knows values only")

    def get_peers(self, node: int, key: bytes) -> Timing:
        raise NotImplementedError("OpenDHT knows values only")

    def put(self, node: int, key: bytes, value: bytes) -> Timing:
        done = threading.Event()
        outcome = []

        def ended(is_stored: bool, _nodes: object) -> None:
            outcome.append(is_stored)
            done.set()

        start_s = time.perf_counter()
        self._runners[node].put(opendht.InfoHash(key.hex().encode()), opendht.Value(value), ended)
        assert done.wait(LIMIT_S) and outcome[0]
        return Timing(None, time.perf_counter() - start_s)

    def get(self, node: int, key: bytes) -> Timing:
        done = threading.Event()
        found_s: list[float] = []

        def found(_value: object) -> bool:
            found_s.append(time.perf_counter())
            return True

        def ended(_is_complete: bool, _nodes: object) -> None:
            done.set()

        start_s = time.perf_counter()
        self._runners[node].get(opendht.InfoHash(key.hex().encode()), found, ended)
        assert done.wait(LIMIT_S) and found_s
        return Timing(found_s[0] - start_s, time.perf_counter() - start_s)
