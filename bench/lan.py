"""Two boxes with no network but their own: how long from the twelfth digit to the other bell?

`python -m bench.lan [--rounds 5]` prints one JSON object. Both boxes are real, with zeroconf, on
loopback, and have just started: nothing is known from earlier. Milliseconds until ringback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.test_box import running_box


async def ringback_ms(folder: Path) -> float:
    """One call between two new boxes."""
    async with running_box(folder, "anna") as anna, running_box(folder, "bert") as bert:
        number = (await bert.request("status"))["number"]
        await anna.request("lift")
        await anna.request("press", digits=number[:-1])
        await anna.request("wait", state="dialling", timeout_s=10)
        dialled_s = time.monotonic()
        await anna.request("press", digits=number[-1])
        await anna.request("wait", state="ringback", timeout_s=10)
        return (time.monotonic() - dialled_s) * 1000


def main() -> None:
    """Print the median and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    taken_ms = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            taken_ms.append(asyncio.run(ringback_ms(Path(folder))))
    report = {"rounds": rounds, "p50_ms": statistics.median(taken_ms), "max_ms": max(taken_ms)}
    print(json.dumps({name: round(value) for name, value in report.items()}))


if __name__ == "__main__":
    main()
