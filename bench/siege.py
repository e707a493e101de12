"""What every siege of one core is asked: how many datagrams, and what did they cost?

The sieges themselves are in tests/overlay; a thousand datagrams come in a second of virtual time.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any, Protocol

from bench.usage import resident_mib

ROUNDS = 10  # memory is read after each


class Assault(Protocol):
    """A core, and who sends hostile datagrams to it."""

    sent: int

    def run(self, datagrams: int) -> None:
        """So many more."""


def arguments_of(description: str | None) -> argparse.Namespace:
    """`datagrams` and `seed`, as the caller wants them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def besieged(siege: Assault, datagrams: int) -> dict[str, Any]:
    """Send them; what they cost this process, generator included."""
    began_s = time.process_time()
    memory_mb = []
    for _ in range(ROUNDS):
        siege.run(datagrams // ROUNDS)
        memory_mb.append(round(resident_mib(os.getpid()), 1))
    cpu_s = time.process_time() - began_s
    return {
        "datagrams": siege.sent,
        "cpu_us_per_datagram": round(cpu_s / siege.sent * 1e6, 1),
        "resident_mb_after_each_tenth": memory_mb,
    }
