"""What a box at rest sends: outgoing bits a second, by role and by kind of message, hour by hour.

`python -m bench.dht_idle [--nodes N] [--hours H] [--seed S]` prints one JSON object. The network is
simulated (firmware/sim): N nodes that have been there for hours, 30 % of them behind a NAT, eight
that are exchanges, and boxes with numbers, reachable and behind a NAT. Nobody calls. Counted are
all datagrams with their headers of IP and UDP; `answers` are those to questions of others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from firmware.errors import MalformedError
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.sim.boxes import clock, publish
from firmware.sim.peer import warm_resident
from firmware.sim.population import Population
from firmware.sim.world import UDP_IP_BYTES, Resident, World

EXCHANGES = 8
OF_EACH_ROLE = 5
BEHIND_NAT_OF_TEN = 3
SETTLE_S = 120.0  # exchanges are there before the boxes
HOUR_S = 3600.0


class MeteredWorld(World):
    """Counts what those send whose role is known."""

    def __init__(self, nodes: int, seed: int) -> None:
        super().__init__(Population(nodes, seed), seed)
        self.roles: dict[int, str] = {}  # by place
        self.bytes_of: Counter[tuple[str, str]] = Counter()  # by role and kind

    def _send(self, resident: Resident, data: bytes, to: Endpoint) -> None:
        role = self.roles.get(resident.place)
        if role is not None:
            self.bytes_of[role, kind_of(data)] += len(data) + UDP_IP_BYTES
        super()._send(resident, data, to)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1500)
    parser.add_argument("--hours", type=int, default=3)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    world = MeteredWorld(arguments.nodes, arguments.seed)
    begin(world)
    hours = []
    for _ in range(arguments.hours):
        world.bytes_of.clear()
        world.run(world.now_s + HOUR_S)
        hours.append(bits_per_s(world))
    report = {
        "benchmark": "dht_idle",
        "nodes": arguments.nodes,
        "seed": arguments.seed,
        "bit_per_s_by_hour": hours,
    }
    print(json.dumps(report, indent=2))
    return 0


def begin(world: MeteredWorld) -> None:
    """Everybody is there: first the exchanges, then the boxes."""
    everybody = [
        warm_resident(place, world, read_only=place % 10 < BEHIND_NAT_OF_TEN)
        for place in range(world.population.size)
    ]
    for resident in everybody:
        world.carry_out(resident, [])
    reachable = iter([resident for resident in everybody if resident.nat is None])
    behind = iter([resident for resident in everybody if resident.nat is not None])
    for _ in range(EXCHANGES):
        become_exchange(next(reachable), world)
    world.run(world.now_s + SETTLE_S)
    for _ in range(OF_EACH_ROLE):
        for role, places in (("box that others reach", reachable), ("box behind a NAT", behind)):
            resident = next(places)
            world.roles[resident.place] = role
            publish(resident, world)
        world.roles[next(reachable).place] = "node without a number"


def become_exchange(resident: Resident, world: MeteredWorld) -> None:
    """It takes over switching for others from now on."""
    assert resident.node is not None
    identity = Identity.generate(world.random.randbytes(64))
    exchange = Exchange(identity, resident.node, world.random_bytes, Limits())
    exchange.publish(world.now_s)
    resident.core = Directory(resident.node, world.random_bytes, exchange=exchange)
    world.tell(resident, clock(world))


def kind_of(data: bytes) -> str:
    """The question's name, `answers`, or `channel` for frames of the exchanges."""
    try:
        packet = krpc.decode(data)
    except MalformedError:
        return "channel"
    return type(packet.question).__name__ if isinstance(packet, krpc.Query) else "answers"


def bits_per_s(world: MeteredWorld) -> dict[str, dict[str, float]]:
    """Of this hour: each kind by role, all of its own, and with answers."""
    found: dict[str, dict[str, float]] = {}
    for (role, kind), size in sorted(world.bytes_of.items()):
        found.setdefault(role, {})[kind] = 8 * size / HOUR_S / OF_EACH_ROLE
    return {
        role: {
            "own": round(sum(kinds.values()) - kinds.get("answers", 0.0), 1),
            "with_answers": round(sum(kinds.values()), 1),
            **{kind: round(value, 1) for kind, value in kinds.items()},
        }
        for role, kinds in found.items()
    }


if __name__ == "__main__":
    sys.exit(main())
