"""Measures one swarm in a process of its own and prints what it cost as one JSON object.

`python -m bench.peers.measure MODULE --nodes N --rounds R`, with the line of bench/wire preloaded.
CPU and datagrams are of the whole swarm and per operation, less what the swarm does anyway in the
same time; each is the median of BATCHES. Units: `_ms` milliseconds, `_s` seconds.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import itertools
import json
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.peers.swarm import Swarm, Timing
from bench.usage import resident_mib

BATCHES = 5
SETTLE_S = 5.0  # after joining, and again after warming up: tables fill
SETTLE_MAX_S = 20
WARM_UP_ROUNDS = 5
IDLE_S = 3.0
QUIET_S = 0.002  # for a library that does not say when it has announced
QUIET_MAX_S = 0.25
DELAYED_RTT_MS = 50
DELAYED_SHARE = 4  # one round in so many is measured with a delay too


class Wire:
    """The line between the nodes; without it nothing can be counted or delayed."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.wire_datagrams.restype = ctypes.c_ulong

    @property
    def datagrams(self) -> int:
        """Sent by all nodes so far."""
        return int(self._library.wire_datagrams())

    def delay(self, rtt_ms: float) -> None:
        """From now on each datagram takes half of `rtt_ms`."""
        self._library.wire_delay(ctypes.c_long(int(rtt_ms * 1000 / 2)))


def main() -> None:
    """Print the figures of one swarm."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    arguments = parser.parse_args()
    swarm: Swarm = importlib.import_module(arguments.module).Swarm()
    print(json.dumps(measure(swarm, Wire(), arguments.nodes, arguments.rounds)), flush=True)
    os._exit(0)  # closing a hundred nodes of a foreign library is not what is measured


def measure(swarm: Swarm, wire: Wire, nodes: int, rounds: int) -> dict[str, Any]:
    """Open the swarm; each operation at no delay, then at DELAYED_RTT_MS."""
    before_mib = resident_mib(os.getpid())
    swarm.open(nodes)
    swarm.idle(SETTLE_S)
    found: dict[str, Any] = {}
    warm_up(swarm, nodes)
    settle(swarm, wire, nodes)
    found["kib_per_node"] = round((resident_mib(os.getpid()) - before_mib) * 1024 / nodes, 1)
    bench = Bench(swarm, wire, nodes)
    found["idle_cpu_ms_per_s"] = round(bench.idle_cpu * 1000, 2)
    found["idle_datagrams_per_s"] = round(bench.idle_datagrams, 1)
    found["rtt_0_ms"] = bench.run(rounds)
    wire.delay(DELAYED_RTT_MS)
    found[f"rtt_{DELAYED_RTT_MS}_ms"] = {
        operation: figures and {name: figures[name] for name in figures if "latency" in name}
        for operation, figures in bench.run(max(BATCHES, rounds // DELAYED_SHARE)).items()
    }
    return found


def warm_up(swarm: Swarm, nodes: int) -> None:
    """Each node stores a few values, so that it knows the others and they know it."""
    keys = random.Random(4)
    for _ in range(WARM_UP_ROUNDS):
        for node in range(nodes):
            swarm.put(node, keys.randbytes(20), b"warm")


def settle(swarm: Swarm, wire: Wire, nodes: int) -> None:
    """Wait until what warming up has given rise to is over: fewer datagrams a second than nodes."""
    swarm.idle(SETTLE_S)
    for _ in range(SETTLE_MAX_S):
        sent = wire.datagrams
        swarm.idle(1.0)
        if wire.datagrams - sent < nodes:
            return


class Bench:
    """Runs the operations one after the other, each from another node."""

    def __init__(self, swarm: Swarm, wire: Wire, nodes: int) -> None:
        self._swarm, self._wire, self._nodes = swarm, wire, nodes
        self._random = random.Random(3)  # the same keys for everybody
        self.idle_cpu = self.idle_datagrams = 0.0  # per second
        cpu_s, datagrams, took_s = self._cost(lambda: swarm.idle(IDLE_S))
        self.idle_cpu, self.idle_datagrams = cpu_s / took_s, datagrams / took_s

    def run(self, rounds: int) -> dict[str, Any]:
        """Figures of all operations; None for those that the swarm does not offer."""
        keys = {
            kind: [self._random.randbytes(20) for _ in range(rounds)] for kind in ("peer", "value")
        }
        nodes = itertools.cycle(self._random.sample(range(self._nodes), self._nodes))
        swarm = self._swarm
        return {
            "announce": self._operation(swarm.announce, nodes, keys["peer"]),
            "get_peers": self._operation(swarm.get_peers, nodes, keys["peer"]),
            "put": self._operation(_put(swarm), nodes, keys["value"]),
            "get": self._operation(swarm.get, nodes, keys["value"]),
        }

    def _operation(
        self, operate: Callable[[int, bytes], Timing], nodes: Iterator[int], keys: list[bytes]
    ) -> dict[str, Any] | None:
        timings: list[Timing] = []
        cpu_ms, datagrams = [], []

        def batch(part: list[bytes]) -> None:
            for key in part:
                timings.append(operate(next(nodes), key))
                if timings[-1].complete_s is None:
                    self._until_quiet()

        size = math.ceil(len(keys) / BATCHES)
        for start in range(0, len(keys), size):
            part = keys[start : start + size]
            try:
                cpu_s, sent, _ = self._cost(partial(batch, part))
            except NotImplementedError:
                return None
            cpu_ms.append(cpu_s * 1000 / len(part))
            datagrams.append(sent / len(part))
        return {
            "cpu_ms": round(statistics.median(cpu_ms), 2),
            "datagrams": round(statistics.median(datagrams), 1),
            "first_latency_ms": _percentiles([t.first_s for t in timings]),
            "complete_latency_ms": _percentiles([t.complete_s for t in timings]),
        }

    def _cost(self, work: Callable[[], None]) -> tuple[float, float, float]:
        """CPU seconds and datagrams of `work`, less what idling would have cost; and its time."""
        start_s, cpu_s, sent = time.perf_counter(), time.process_time(), self._wire.datagrams
        work()
        took_s = time.perf_counter() - start_s
        return (
            time.process_time() - cpu_s - self.idle_cpu * took_s,
            self._wire.datagrams - sent - self.idle_datagrams * took_s,
            took_s,
        )

    def _until_quiet(self) -> None:
        end_s = time.perf_counter() + QUIET_MAX_S
        sent = -1
        while sent != self._wire.datagrams and time.perf_counter() < end_s:
            sent = self._wire.datagrams
            self._swarm.idle(QUIET_S)


def _put(swarm: Swarm) -> Callable[[int, bytes], Timing]:
    return lambda node, key: swarm.put(node, key, b"value of " + key)


def _percentiles(values: list[float | None]) -> dict[str, float] | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return {
        "p50": round(statistics.median(known) * 1000, 2),
        "p95": round(known[min(len(known) - 1, int(len(known) * 0.95))] * 1000, 2),
    }


if __name__ == "__main__":
    main()
