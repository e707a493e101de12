"""A peer gone mad: hostile RTP, RED, RTCP and codec payloads at a session in a call.

All of it is authenticated. `python -m bench.voice_siege [--datagrams N] [--seed S] [--together 2]
[--minutes 8] [--keep FILE]` prints one JSON object; the claim is about 10,000,000, which take half
an hour of CPU. No round is begun after `--minutes`; the same command goes on with the rounds in
`--keep`. Any exception ends it (tests/media/fuzz.py); `loudest_dbov` is the loudest 20 ms that came
out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.media.fuzz import attack

ROUND = 100_000  # datagrams of one session


@dataclass(frozen=True, slots=True)
class Round:
    """What one session has been through."""

    seed: int
    datagrams: int
    loudest_rms: float
    cpu_s: float


def fought(seed: int, datagrams: int, until_s: float) -> Round | None:
    """One round; None if it is too late to begin."""
    if time.monotonic() >= until_s:
        return None
    began_s = time.process_time()
    outcome = attack(datagrams, seed)
    cpu_s = round(time.process_time() - began_s, 2)
    return Round(seed, outcome.datagrams, round(outcome.loudest_rms, 1), cpu_s)


def read(keep: Path | None) -> dict[int, Round]:
    """The rounds of earlier runs, by their seed."""
    if keep is None or not keep.exists():
        return {}
    rounds = (Round(**json.loads(line)) for line in keep.read_text().splitlines())
    return {one.seed: one for one in rounds}


def main() -> int:
    """Print the figures."""
    arguments = _arguments()
    size = min(ROUND, arguments.datagrams)
    wanted = range(arguments.seed, arguments.seed + max(arguments.datagrams // ROUND, 1))
    kept = {seed: one for seed, one in read(arguments.keep).items() if one.datagrams == size}
    until_s = time.monotonic() + 60 * arguments.minutes
    with ProcessPoolExecutor(arguments.together, get_context("spawn")) as fighters:
        missing = [seed for seed in wanted if seed not in kept]
        for done in as_completed([fighters.submit(fought, one, size, until_s) for one in missing]):
            one = done.result()
            if one is None:
                continue
            kept[one.seed] = one
            print(f"seed {one.seed}: {one.cpu_s} s", file=sys.stderr)
            if arguments.keep is not None:
                with arguments.keep.open("a") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
    rounds = [kept[seed] for seed in wanted if seed in kept]
    sent = sum(one.datagrams for one in rounds)
    loudest = max((one.loudest_rms for one in rounds), default=0.0)
    report = {
        "datagrams": sent,
        "rounds_missing": len(wanted) - len(rounds),
        "exceptions": 0,
        "loudest_dbov": round(20 * math.log10(max(loudest, 1) / 32768), 1),
        "cpu_us_per_datagram": round(sum(one.cpu_s for one in rounds) / max(sent, 1) * 1e6, 1),
    }
    print(json.dumps(report, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, default=1, help="rounds at the same time")
    parser.add_argument("--minutes", type=float, default=60, help="after that no round is begun")
    parser.add_argument("--keep", type=Path, help="rounds done so far; a run goes on with them")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
