"""Hostile datagrams at one DHT node: does it live, does it grow, and what can it be aimed at?

`python -m bench.dht_siege [--datagrams N] [--seed S]` prints one JSON object; the claim is about
10,000,000, which take ten minutes. They are noise, mutated, structured, with forged senders, and
from liars who answer (tests/overlay/siege.py); a thousand come in each second of virtual time.
`most_in_a_second_bytes` is the most that any address got of the node which did not prove itself;
memory is that of the process, generator included.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from tests.overlay.siege import STEP_S, VICTIMS, Siege

ROUNDS = 10


def main() -> int:
    """Print the figures; 1 if an address without proof got more than 2 kB in a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    siege = Siege(arguments.seed)
    began_s = time.process_time()
    memory_mb = []
    for _ in range(ROUNDS):
        siege.run(arguments.datagrams // ROUNDS)
        memory_mb.append(round(resident_mb(), 1))
    cpu_s = time.process_time() - began_s
    virtual_s = siege.sent * STEP_S
    report = {
        "datagrams": siege.sent,
        "seed": arguments.seed,
        "virtual_s": virtual_s,
        "cpu_us_per_datagram": round(cpu_s / siege.sent * 1e6, 1),
        "resident_mb_after_each_tenth": memory_mb,
        "most_in_a_second_bytes": siege.most_in_a_second,
        "mean_to_each_victim_bytes_per_s": round(siege.to_victims / VICTIMS / virtual_s, 1),
        "nodes": siege.node.nodes,
        "counters": dict(sorted(siege.node.counters.items())),
    }
    print(json.dumps(report, indent=1))
    return 0 if siege.most_in_a_second <= 2000 else 1


def resident_mb() -> float:
    """Memory of this process now, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    raise SystemExit(main())
