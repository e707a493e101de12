"""Hostile datagrams at one DHT node: does it live, does it grow, and what can it be aimed at?

`python -m bench.dht_siege [--datagrams N] [--seed S]` prints one JSON object; the claim is about
10,000,000, which take ten minutes. They are noise, mutated, structured, with forged senders, and
from liars who answer (tests/overlay/siege.py); a thousand come in each second of virtual time.
`most_in_a_second_bytes` is the most that any address got of the node which did not prove itself;
memory is that of the process, generator included.
"""

from __future__ import annotations

import json

from bench.siege import arguments_of, besieged
from tests.overlay.siege import STEP_S, VICTIMS, Siege


def main() -> int:
    """Print the figures; 1 if an address without proof got more than 2 kB in a second."""
    arguments = arguments_of(__doc__)
    siege = Siege(arguments.seed)
    cost = besieged(siege, arguments.datagrams)
    virtual_s = siege.sent * STEP_S
    report = {
        "seed": arguments.seed,
        "virtual_s": virtual_s,
        **cost,
        "most_in_a_second_bytes": siege.most_in_a_second,
        "mean_to_each_victim_bytes_per_s": round(siege.to_victims / VICTIMS / virtual_s, 1),
        "nodes": siege.node.nodes,
        "counters": dict(sorted(siege.node.counters.items())),
    }
    print(json.dumps(report, indent=1))
    return 0 if siege.most_in_a_second <= 2000 else 1


if __name__ == "__main__":
    raise SystemExit(main())
