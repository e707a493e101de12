"""A peer gone mad: hostile RTP, RED, RTCP and codec payloads at a session in a call.

All of it is authenticated. `python -m bench.voice_siege [--datagrams N] [--seed S]` prints one JSON
object; the claim is about 10,000,000, which take half an hour. Any exception
ends it (tests/media/fuzz.py); `loudest_dbov` is the loudest 20 ms that came out.
"""

from __future__ import annotations

import argparse
import json
import math
import time

from tests.media.fuzz import attack

ROUND = 100_000  # datagrams of one session


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began_s = time.process_time()
    sent, loudest = 0, 0.0
    for seed in range(arguments.seed, arguments.seed + max(arguments.datagrams // ROUND, 1)):
        outcome = attack(min(ROUND, arguments.datagrams), seed)
        sent, loudest = sent + outcome.datagrams, max(loudest, outcome.loudest_rms)
    cpu_s = time.process_time() - began_s
    report = {
        "datagrams": sent,
        "exceptions": 0,
        "loudest_dbov": round(20 * math.log10(max(loudest, 1) / 32768), 1),
        "cpu_us_per_datagram": round(cpu_s / sent * 1e6, 1),
    }
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
