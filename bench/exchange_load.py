"""What it costs one exchange to hold 20,000 registrations: memory, and CPU with all refreshes.

`python -m bench.exchange_load [--boxes N] [--seconds S]` prints one JSON object. The exchange is
the product in a process of its own, in a directory of some nodes; each box has an address, a key
and a lease of its own, keeps its registration every 20 s and renews its lease every hour, as boxes
do.
To announce the boxes in the directory is counted at the pace that is due, every 15 minutes, from
what the first announcements have cost with everything around them; here the directory is small, a
lookup in the Mainline asks some three times as many nodes.
Peer: none is known that keeps signed registrations; the figures stand beside their limits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from typing import Any

from bench.peers.crowd import Crowd
from bench.usage import cpu_s, resident_mib
from firmware.model import Endpoint
from firmware.overlay.exchange.announcer import REANNOUNCE_S
from firmware.overlay.lease import LEASE_S
from firmware.overlay.registrar.link import KEEP_S

BOXES = 20_000
RSS_MIB_MAX = 200
CPU_FRACTION_MAX = 0.30
NODES = 20
FILL_MAX_S = 400.0
SETTLE_MAX_S = 300.0
QUIET_CPU = 0.05  # of a core, without refreshes: the first announcements are over


def main() -> int:
    """Fill, measure, print; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=BOXES)
    parser.add_argument("--seconds", type=float, default=60.0, help="of refreshing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        network, bootstrap = started(["bench.peers.nodes", str(NODES)])
        command = ["firmware", "exchange", "--bind", "127.0.0.1:0", "--state", folder]
        exchange, at = started([*command, "--bootstrap", bootstrap])
        try:
            address = Endpoint.parse(at)
            with closing(Crowd(arguments.boxes, (address.host, address.port))) as crowd:
                report = measured(exchange.pid, crowd, arguments.seconds)
        finally:
            for process in (exchange, network):
                process.kill()
                process.wait()
    print(json.dumps({"benchmark": "exchange_load", "boxes": arguments.boxes} | report, indent=2))
    return 0 if report["within_limits"] else 1


def started(module: list[str]) -> tuple[subprocess.Popen[str], str]:
    """`python -m MODULE`, and the last word of its first line: where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def measured(pid: int, crowd: Crowd, seconds: float) -> dict[str, Any]:
    """The figures of one exchange."""
    empty_mib = resident_mib(pid)
    before_s = cpu_s(pid)
    fill_s = crowd.register(FILL_MAX_S)
    settle(pid, crowd)
    entered_cpu_s = cpu_s(pid) - before_s
    before_s, start_s = cpu_s(pid), time.monotonic()
    crowd.asked = crowd.kept = 0
    crowd.refresh(seconds, KEEP_S, LEASE_S / 2)
    cpu_fraction = (cpu_s(pid) - before_s) / (time.monotonic() - start_s)
    announcing = entered_cpu_s / REANNOUNCE_S
    total = cpu_fraction + announcing
    rss = resident_mib(pid)
    return {
        "enter": {
            "seconds": round(fill_s, 1),
            "cpu_ms_each_with_announcing": per(entered_cpu_s, len(crowd.boxes)),
        },
        "rss_mib": {"empty": round(empty_mib, 1), "full": round(rss, 1), "limit": RSS_MIB_MAX},
        "refresh": {
            "keeps_per_s": round(crowd.asked / seconds, 1),
            "keeps_answered": round(crowd.kept / crowd.asked, 5),
            "leases_renewed": crowd.renewed,
            "cpu_fraction": round(cpu_fraction, 4),
            "cpu_fraction_of_announcing_at_most": round(announcing, 4),
            "cpu_fraction_in_all": round(total, 4),
            "limit": CPU_FRACTION_MAX,
        },
        "ratios": {
            "rss/limit": round(rss / RSS_MIB_MAX, 3),
            "cpu/limit": round(total / CPU_FRACTION_MAX, 3),
        },
        "within_limits": rss <= RSS_MIB_MAX and total <= CPU_FRACTION_MAX,
    }


def settle(pid: int, crowd: Crowd) -> None:
    """Until the first announcements are over; the boxes keep their registrations meanwhile."""
    end_s = time.monotonic() + SETTLE_MAX_S
    while time.monotonic() < end_s:
        before_s, crowd.asked = cpu_s(pid), 0
        crowd.refresh(KEEP_S, KEEP_S, LEASE_S / 2)
        before_s, start_s = cpu_s(pid), time.monotonic()
        time.sleep(3.0)
        if cpu_s(pid) - before_s < QUIET_CPU * (time.monotonic() - start_s):
            return


def per(total_s: float, count: int) -> float:
    """Milliseconds each."""
    return round(total_s * 1000 / count, 3)


if __name__ == "__main__":
    sys.exit(main())
