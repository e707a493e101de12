"""What it costs to relay speech: our exchange beside coturn, in the same run.

`python -m bench.relay [--seconds S] [--rounds R]` prints one JSON object: microseconds of CPU of
the relay's process for each packet it carries, at 20,000 and 50,000 packets a second of 172 bytes
(G.711 in RTP), over loopback, medians of the rounds. Peer: coturn with ChannelData, whose frames
carry 4 bytes of header where ours carry 10.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import secrets
import statistics
import sys
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any, Protocol

from bench.peers.traffic import Flow, Traffic, open_sockets
from bench.peers.turn import FIRST_CHANNEL, Coturn, allocate, bind_channel, channel_data, cpu_s
from firmware.events import DatagramReceived, Message, Started
from firmware.model import Endpoint
from firmware.network_events import OpenRelay, RelayLeg
from firmware.relays import DATA
from firmware.shell import Shell

PAYLOAD = bytes(172)
RATES = (20_000, 50_000)  # packets a second, in and again out
SOCKETS = 32  # half for callers, half for callees: 256 calls
COTURN_PORT = 34780


class Relay(Protocol):
    """One peer of the bench."""

    pid: int
    traffic: Traffic

    def close(self) -> None: ...


class Ours:
    """The shell of an exchange with its relays open, in a process of its own."""

    def __init__(self) -> None:
        sockets = open_sockets(SOCKETS)
        endpoints = [Endpoint(*each.getsockname()) for each in sockets]
        half = SOCKETS // 2
        ids = {(a, b): secrets.token_bytes(8) for a in range(SOCKETS) for b in range(SOCKETS)}
        relays = [
            OpenRelay(
                RelayLeg(ids[a, b], endpoints[a]),
                RelayLeg(ids[b, a], endpoints[b]),
                bytes_per_s=25_000,
                burst_bytes=50_000,
            )
            for a in range(half)
            for b in range(half, SOCKETS)
        ]
        here, there = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(there, relays)
        )
        self._process.start()
        to = here.recv()
        assert self._process.pid is not None
        self.pid = self._process.pid
        flows = [
            Flow(one, DATA + ids[one, other] + PAYLOAD, to)
            for a in range(half)
            for b in range(half, SOCKETS)
            for one, other in ((a, b), (b, a))
        ]
        self.traffic = Traffic(sockets, flows)

    def close(self) -> None:
        self.traffic.close()
        self._process.terminate()
        self._process.join()


class Theirs:
    """coturn: each caller has an allocation, with a channel to each callee."""

    def __init__(self) -> None:
        self._server = Coturn(COTURN_PORT)
        self.pid = self._server.pid
        sockets = open_sockets(SOCKETS)
        half = SOCKETS // 2
        flows = []
        for a in range(half):
            relayed = allocate(sockets[a], self._server.address)
            for b in range(half, SOCKETS):
                number = FIRST_CHANNEL + b
                bind_channel(sockets[a], self._server.address, number, sockets[b].getsockname())
                flows.append(Flow(a, channel_data(number, PAYLOAD), self._server.address))
                flows.append(Flow(b, PAYLOAD, relayed))
        self.traffic = Traffic(sockets, flows)

    def close(self) -> None:
        self.traffic.close()
        self._server.close()


class Switchboard:
    """The core of the exchange, as far as the data path sees it."""

    def __init__(self, relays: list[OpenRelay]) -> None:
        self._relays = relays

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        assert not isinstance(fact, DatagramReceived), "a frame has missed its relay"
        return list(self._relays) if isinstance(fact, Started) and now_s else []

    def on_time(self, now_s: float) -> list[Message]:
        raise AssertionError(f"nothing is ever due, nor at {now_s}")

    def deadline_s(self) -> float | None:
        return None


def serve(connection: Connection, relays: list[OpenRelay]) -> None:
    """In the process of the relay."""

    async def main() -> None:
        shell = Shell(Switchboard(relays))
        connection.send(tuple(await shell.open(Endpoint("127.0.0.1", 0)))[:2])
        await shell.run()

    asyncio.run(main())


def measure(open_relay: Callable[[], Relay], seconds: float) -> dict[int, dict[str, float]]:
    """Per rate: CPU of the relay for each packet it carried, and what it lost."""
    found = {}
    with closing(open_relay()) as relay:
        relay.traffic.run(RATES[0], 0.5)
        for rate in RATES:
            before_s = cpu_s(relay.pid)
            result = relay.traffic.run(rate, seconds)
            used_s = cpu_s(relay.pid) - before_s
            found[rate] = {
                "cpu_us_per_packet": used_s / result.received * 1e6,
                "loss": 1 - result.received / result.sent,
                "packets_per_s": result.sent / result.took_s,
            }
    return found


def main() -> int:
    """Print the figures and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="at each rate")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    peers: dict[str, Callable[[], Relay]] = {"ours": Ours, "coturn": Theirs}
    rounds: dict[str, list[Any]] = {name: [] for name in peers}
    for _ in range(arguments.rounds):
        for name, open_relay in peers.items():
            rounds[name].append(measure(open_relay, arguments.seconds))
    report: dict[str, Any] = {
        "benchmark": "relay",
        "payload_bytes": len(PAYLOAD),
        "calls": (SOCKETS // 2) ** 2,
        "cpus": os.cpu_count(),
        "rates": {},
    }
    for rate in RATES:
        figures = {
            name: {
                key: round(statistics.median(each[rate][key] for each in found), 4)
                for key in found[0][rate]
            }
            for name, found in rounds.items()
        }
        ours, coturn = (figures[name]["cpu_us_per_packet"] for name in ("ours", "coturn"))
        report["rates"][rate] = figures | {"ratios": {"ours/coturn": round(ours / coturn, 3)}}
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
