"""What it costs to relay speech: our exchange beside coturn, in the same run.

`python -m bench.relay [--seconds S] [--rounds R]` prints one JSON object: microseconds of CPU of
the relay's process for each packet it carries, at 20,000 and 50,000 packets a second of 172 bytes
(G.711 in RTP), over loopback, medians of the rounds. Peer: coturn with ChannelData, whose frames
carry 4 bytes of header where ours carry 10. With root the relays in the kernel are measured too, in
network namespaces, as the CPU that a packet costs more than over a cable (bench/peers/kernel.py).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from bench.peers.box import Box, open_channel, register
from bench.peers.traffic import Flow, Traffic, open_sockets
from bench.peers.turn import FIRST_CHANNEL, Coturn, allocate, bind_channel, channel_data
from bench.usage import cpu_s
from firmware.channel import Data
from firmware.model import Endpoint
from tests.shell.kernel.space import UNSHARE, why_not

PAYLOAD = bytes(172)
RATES = (20_000, 50_000)  # packets a second, in and again out
CALLERS, CALLEES = 8, 32  # sockets; each pair of them is one call, 256 in all
COTURN_PORT = 34780


class Relay(Protocol):
    """One peer of the bench."""

    pid: int
    traffic: Traffic

    def close(self) -> None: ...


class Ours:
    """`fernruf exchange` with boxes registered at it, and calls through it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._process, exchange = start_exchange(Path(self._folder.name))
        self.pid = self._process.pid
        callers, callees = open_sockets(CALLERS), open_sockets(CALLEES)
        flows = []
        for b, callee in enumerate(callees):
            box = Box()
            register(box, callee, exchange)
            for a, caller in enumerate(callers):
                legs = open_channel(caller, callee, box.target, exchange)
                flows.append(Flow(a, Data(legs[0], PAYLOAD).encode(), exchange))
                flows.append(Flow(CALLERS + b, Data(legs[1], PAYLOAD).encode(), exchange))
        self.traffic = Traffic(callers + callees, flows)

    def close(self) -> None:
        self.traffic.close()
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


class Theirs:
    """coturn: each caller has an allocation, with a channel to each callee."""

    def __init__(self) -> None:
        self._server = Coturn(COTURN_PORT)
        self.pid = self._server.pid
        callers, callees = open_sockets(CALLERS), open_sockets(CALLEES)
        flows = []
        for a, caller in enumerate(callers):
            relayed = allocate(caller, self._server.address)
            for b, callee in enumerate(callees):
                number = FIRST_CHANNEL + b
                bind_channel(caller, self._server.address, number, callee.getsockname())
                flows.append(Flow(a, channel_data(number, PAYLOAD), self._server.address))
                flows.append(Flow(CALLERS + b, PAYLOAD, relayed))
        self.traffic = Traffic(callers + callees, flows)

    def close(self) -> None:
        self.traffic.close()
        self._server.close()


def start_exchange(state: Path) -> tuple[subprocess.Popen[str], tuple[str, int]]:
    """The product, in a process of its own, on a port of loopback; and where it listens."""
    command = [sys.executable, "-m", "firmware", "exchange", "--bind", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--state", state], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    listening = Endpoint.parse(process.stdout.readline().split()[-1])
    return process, (listening.host, listening.port)


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


def in_kernel(rounds: int) -> dict[int, dict[str, float]]:
    """The same with relays in the kernel, by bench/peers/kernel.py; empty where that cannot be."""
    if why_not():
        return {}
    command = [*UNSHARE, sys.executable, "-m", "bench.peers.kernel", *map(str, RATES)]
    found = []
    for _ in range(rounds):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(f"relays in the kernel: {done.stderr.strip().splitlines()[-1:]}\n")
            return {}
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {
        rate: {
            key: round(statistics.median(each[str(rate)][key] for each in found), 4)
            for key in found[0][str(rate)]
        }
        for rate in RATES
    }


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
    kernel = in_kernel(arguments.rounds)
    report: dict[str, Any] = {
        "benchmark": "relay",
        "payload_bytes": len(PAYLOAD),
        "calls": CALLERS * CALLEES,
        "cpus": os.cpu_count(),
        "kernel_relays": "measured" if kernel else why_not() or "failed",
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
        ratios = {"ours/coturn": round(ours / coturn, 3)}
        if rate in kernel:
            figures["kernel"] = kernel[rate]
            ratios["kernel/coturn"] = round(kernel[rate]["cpu_us_per_packet"] / coturn, 3)
        report["rates"][rate] = figures | {"ratios": ratios}
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
