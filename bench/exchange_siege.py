"""Hostile datagrams at one exchange: does it live, does it grow, does a call through it go on?

`python -m bench.exchange_siege [--datagrams N] [--seed S]` prints one JSON object; the claim is
about 10,000,000. They are noise, mutated and well-formed frames, forged registrations, calls and
questions (tests/overlay/exchange/siege.py), 30 % with the addresses of 16 victims; a thousand come
in each second of virtual time. `bytes_to_victims_per_byte_from_them` is the amplification; memory
is that of the process, generator included.
"""

from __future__ import annotations

import argparse
import json
import time

from bench.dht_siege import resident_mb
from tests.overlay.exchange.siege import Siege

ROUNDS = 10


def main() -> int:
    """Print the figures; 1 if the call was cut, or victims got more than came from them."""
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
    amplification = siege.to_victims.total() / siege.from_victims.total()
    helping = siege.exchange.helping()
    report = {
        "datagrams": siege.sent,
        "seed": arguments.seed,
        "cpu_us_per_datagram": round(cpu_s / siege.sent * 1e6, 1),
        "resident_mb_after_each_tenth": memory_mb,
        "bytes_to_victims_per_byte_from_them": round(amplification, 3),
        "call_datagrams_said": siege.said,
        "call_datagrams_heard": siege.heard,
        "registrations": helping.registrations,
        "channels": helping.channels,
        "counters": dict(
            sorted((siege.exchange.counters + siege.exchange.channels.counters).items())
        ),
    }
    print(json.dumps(report, indent=1))
    return 0 if siege.heard == siege.said and amplification <= 1.0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
