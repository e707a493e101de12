"""What relays in the kernel cost: `unshare --net --mount python -m bench.peers.kernel RATE...`.

The work is done while the sender's system call lasts, so it is in the CPU time of this process: the
same traffic is sent over a cable from box to box, and through the exchange; the difference for each
packet is what the machine of the exchange would have to do. A part of that is what any router does
with a packet, here a second cable and its way through the IP stack: that is measured too, with the
exchange as a mere router between the boxes. The rest is our rules. Prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import time
from statistics import median

from bench.peers.traffic import Flow, Traffic
from firmware.events.network import OpenRelay, RelayLeg
from firmware.model import Endpoint
from firmware.shell.kernel.client import KernelRelays
from firmware.shell.relays import DATA
from tests.shell.kernel.space import ANNA, BERT, EXCHANGE, PORT, helper, socket_in

PAYLOAD = bytes(172)
CALLERS, CALLEES = 8, 32
SLICES, SLICE_S = 9, 0.7  # in turn through the exchange and over the cable
OPEN_S = 3.0  # for the helper to put all relays into the kernel
_CABLE = """
ip link add cable netns anna type veth peer name cable netns bert
ip -n anna addr add 10.91.2.2/24 dev cable; ip -n anna link set cable up
ip -n bert addr add 10.91.2.3/24 dev cable; ip -n bert link set cable up
"""
Pairs = list[tuple[int, int]]


def main(rates: list[int]) -> None:
    """Print microseconds for each packet at each rate."""
    with helper() as path:
        subprocess.run(["sh", "-e", "-c", _CABLE], check=True)
        pairs = [(a, b) for a in range(CALLERS) for b in range(CALLEES)]
        relays = KernelRelays(path)
        relayed, direct = through_exchange(relays, pairs), between("10.91.2.2", "10.91.2.3", pairs)
        routed = between(ANNA, BERT, pairs)
        found = {}
        for rate in rates:
            slices = []
            for _ in range(SLICES):
                relays.poll(time.monotonic())  # who does not listen is given up by the helper
                slices.append([cost(traffic, rate) for traffic in (relayed, routed, direct)])
            del slices[0]
            found[rate] = {
                "cpu_us_per_packet": median(
                    [relay["us"] - cable["us"] for relay, _, cable in slices]
                ),
                "of_it_any_router_us": median(
                    [hop["us"] - cable["us"] for _, hop, cable in slices]
                ),
                "of_it_our_rules_us": median([relay["us"] - hop["us"] for relay, hop, _ in slices]),
                "loss": median([relay["loss"] for relay, _, _ in slices]),
                "packets_per_s": median([relay["per_s"] for relay, _, _ in slices]),
            }
        print(json.dumps(found))


def through_exchange(relays: KernelRelays, pairs: Pairs) -> Traffic:
    """All frames by relays in the kernel."""
    sockets = sockets_at(ANNA, BERT)
    ends = [Endpoint(*each.getsockname()) for each in sockets]
    relays.poll(time.monotonic())
    flows = []
    for a, b in pairs:
        ids = (bytes((1, a, b)) + bytes(5), bytes((2, a, b)) + bytes(5))
        legs = (RelayLeg(ids[0], ends[a]), RelayLeg(ids[1], ends[CALLERS + b]))
        relays.open(OpenRelay(*legs, 25_000, 50_000))
        flows.append(Flow(a, DATA + ids[0] + PAYLOAD, (EXCHANGE, PORT)))
        flows.append(Flow(CALLERS + b, DATA + ids[1] + PAYLOAD, (EXCHANGE, PORT)))
    for _ in range(int(OPEN_S / 0.1)):
        time.sleep(0.1)
        relays.poll(time.monotonic())
    return Traffic(sockets, flows)


def between(anna: str, bert: str, pairs: Pairs) -> Traffic:
    """From box to box, over the cable or the router that these addresses are at."""
    sockets = sockets_at(anna, bert)
    flows = []
    frame = DATA + bytes(8) + PAYLOAD
    for a, b in pairs:
        flows.append(Flow(a, frame, sockets[CALLERS + b].getsockname()))
        flows.append(Flow(CALLERS + b, frame, sockets[a].getsockname()))
    return Traffic(sockets, flows)


def sockets_at(anna: str, bert: str) -> list[socket.socket]:
    """Of callers, then of callees."""
    return [socket_in("anna", anna) for _ in range(CALLERS)] + [
        socket_in("bert", bert) for _ in range(CALLEES)
    ]


def cost(traffic: Traffic, rate: int) -> dict[str, float]:
    """CPU of this process in the kernel, for each packet that arrived."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = traffic.run(rate, SLICE_S)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "us": (after.ru_stime - before.ru_stime) / result.received * 1e6,
        "loss": 1 - result.received / result.sent,
        "per_s": result.sent / result.took_s,
    }


if __name__ == "__main__":
    main([int(rate) for rate in sys.argv[1:]])
