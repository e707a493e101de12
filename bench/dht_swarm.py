"""What a swarm of DHT nodes costs: ours beside libtorrent, OpenDHT and kademlia, in one run.

`python -m bench.dht_swarm [--nodes N] [--rounds R] [--beside PEER ...]` prints one JSON object.
Each swarm runs in a process of its own, so that its CPU and memory are its own;
bench/peers/measure.py says how they are counted. All send through the same line,
bench/wire/wire.c preloaded over sendto, sendmsg and sendmmsg: it counts the datagrams and delays
them where an RTT is simulated.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PEERS = {  # the package that must be installed
    "ours": ("our_swarm", "firmware"),
    "libtorrent": ("libtorrent_swarm", "libtorrent"),
    "opendht": ("opendht_swarm", "opendht"),
    "kademlia": ("kademlia_swarm", "kademlia"),
}
OPERATIONS = ("announce", "get_peers", "put", "get")
WIRE_SOURCE = Path(__file__).parent / "wire" / "wire.c"
LIMIT_S = 300.0  # for one swarm


def main() -> int:
    """Print the figures and their ratios; 1 if our own swarm could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=200, help="of each operation")
    peers = [name for name in PEERS if name != "ours"]
    parser.add_argument("--beside", nargs="*", choices=peers, default=peers, metavar="PEER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wire = Path(folder) / "wire.so"
        subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", "-o", wire, WIRE_SOURCE, "-ldl", "-lpthread"],
            check=True,
        )
        swarms = {
            name: measured(module, package, wire, arguments.nodes, arguments.rounds)
            for name, (module, package) in PEERS.items()
            if name in ("ours", *arguments.beside)
        }
    ratios = {
        f"ours/{name}": ratios_to(swarms["ours"], swarm)
        for name, swarm in swarms.items()
        if name != "ours"
    }
    report = {
        "benchmark": "dht_swarm",
        "nodes": arguments.nodes,
        "rounds": arguments.rounds,
        "delayed_by": "bench/wire/wire.c, half the RTT on each datagram, one process per swarm",
        "swarms": swarms,
        "ratios": ratios,
    }
    print(json.dumps(report, indent=2))
    return 0 if "failed" not in swarms["ours"] else 1


def measured(module: str, package: str, wire: Path, nodes: int, rounds: int) -> dict[str, Any]:
    """What bench/peers/measure.py says of one swarm; or why it says nothing."""
    if importlib.util.find_spec(package) is None:
        return {"failed": f"{package} is not installed"}
    command = [sys.executable, "-m", "bench.peers.measure", f"bench.peers.{module}"]
    command += ["--nodes", str(nodes), "--rounds", str(rounds)]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"LD_PRELOAD": str(wire)},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {LIMIT_S:.0f} s"}
    if done.returncode != 0:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr else "crashed"}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ratios_to(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, Any] | None:
    """Ours divided by the peer's, below 1 = ours is cheaper; None where either has no figure."""
    if "failed" in ours or "failed" in peer:
        return None
    found: dict[str, Any] = {"memory": ratio(ours["kib_per_node"], peer["kib_per_node"])}
    for operation in OPERATIONS:
        mine, theirs = ours["rtt_0_ms"][operation], peer["rtt_0_ms"][operation]
        if mine is None or theirs is None:
            found[operation] = None
            continue
        found[operation] = {
            name: ratio(mine[name], theirs[name]) for name in ("cpu_ms", "datagrams")
        }
        slow, slow_theirs = ours["rtt_50_ms"][operation], peer["rtt_50_ms"][operation]
        for moment in ("first_latency_ms", "complete_latency_ms"):
            if slow[moment] is not None and slow_theirs[moment] is not None:
                found[operation][f"{moment}_at_rtt_50"] = {
                    rank: ratio(slow[moment][rank], slow_theirs[moment][rank])
                    for rank in ("p50", "p95")
                }
    return found


def ratio(ours: float, theirs: float) -> float | None:
    """With two decimals; None where there is nothing to divide by."""
    return round(ours / theirs, 2) if theirs > 0 else None


if __name__ == "__main__":
    sys.exit(main())
