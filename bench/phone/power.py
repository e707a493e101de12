"""Power cuts at random moments: what was confirmed, and what of it is lost."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.store.power import PowerCuts

MEMORY = Path("/dev/shm")


def power_cuts(count: int, seed: int) -> dict[str, Any]:
    """Cut the power of a writing store `count` times; see tests/store/power.py."""
    began_s = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder,
        PowerCuts(Path(folder), seed) as cuts,
    ):
        for _ in range(count):
            cuts.cut()
        report = cuts.report
    return {
        "power_cuts": {
            "wanted_lost": 0,
            "lost": report.lost,
            "cuts": report.cuts,
            "confirmed": report.confirmed,
            "writes_that_a_cut_could_take_back": report.unsynced_writes,
            "took_s": round(time.monotonic() - began_s, 1),
        }
    }
