"""How speech sounds over bad lines: our telephone beside baresip and aiortc, in one run.

`python -m bench.voice_matrix --json [--only 'clean;loss'] [--codec opus] [--peers ours,baresip]
[--pairs 4] [--seeds 1] [--together 2] [--minutes 18] [--keep FILE] [--plot docs/voice_quality.png]`
prints one JSON object: per telephone, codec and condition the means of PESQ (wideband for Opus,
narrowband for G.711) and ViSQOL over both directions, speakers and seeds, the delay from mouth to
ear, that without the time in the sound card (`software_ms`), CPU seconds of one end per minute of
call, and resident memory of one end. No call is begun after `--minutes`: all conditions are called
once before any is called again, and the same command goes on with the calls in `--keep`.

Everything is real: processes, sound cards (tests/chips/paced_card.c, the same for all that can use
one), UDP over loopback through the wire of bench/voice/wire.py, whose fates are those of
line.py beside it, from a seed. What virtual time can tell with more speakers: bench/voice_line.py.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.voice.card import BenchCard
from bench.voice.line import LINES
from bench.voice.results import Kept, Key, Recording, get_ready, judged, table_of
from bench.voice.speech import Speech, corpus
from bench.voice.wire import Wire
from firmware.demo.measure import Sound
from firmware.model import SAMPLE_RATE_HZ
from tests.chips.card import build

PEERS = ("ours", "baresip", "aiortc")
CODECS = ("opus", "g711")
TABLE = ("clean", "loss 5 %", "loss 10 %", "loss 20 %", "burst 10 %", "jitter 60 ms")
QUIET_S = 1.0  # before and after speech: connections stand, the last word arrives
LATE_MAX_S = 1.5
CALL_MAX_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One call to be made."""

    peer: str
    codec: str
    condition: str
    seed: int
    speech: tuple[Speech, Speech]

    @property
    def key(self) -> Key:
        """The same in every run."""
        pair = ", ".join(one.name for one in self.speech)
        return self.peer, self.codec, self.condition, self.seed, pair


async def recorded(cell: Cell, library: Path) -> list[Recording]:
    """Make the call; what was heard is judged later, as that would keep the wire waiting."""
    quiet = np.zeros(round(QUIET_S * SAMPLE_RATE_HZ), dtype=np.int16)
    mouths = [np.concatenate([quiet, one.sound, quiet]) for one in cell.speech]
    seconds = max(len(mouth) for mouth in mouths) / SAMPLE_RATE_HZ + 0.5
    rig = importlib.import_module(f"bench.voice.{cell.peer}")
    wire = Wire(LINES[cell.condition], cell.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cards = [BenchCard(folder / str(i), library) for i in (0, 1)]
        environments = [card.prepare(mouth) for card, mouth in zip(cards, mouths, strict=True)]
        try:
            async with asyncio.timeout(CALL_MAX_S):
                costs = await rig.call(wire, cell.codec, environments, folder, seconds)
        finally:
            wire.close()
        return [_recording(cell, cards, costs, i) for i in (0, 1)]


def _recording(
    cell: Cell, cards: list[BenchCard], costs: list[dict[str, Any]], i: int
) -> Recording:
    """What the other end heard of speaker `i`."""
    spoken, cost, wideband = cell.speech[i].sound, costs[1 - i], cell.codec == "opus"
    if "ear_begins_s" in cost:
        heard = np.fromfile(cards[1 - i].folder / "ear.raw", dtype="<i2").astype(np.int16)
        return Recording(wideband, spoken, heard, cost["ear_begins_s"] - QUIET_S, 0.0, cost)
    heard = _heard(cards, i, len(spoken))
    return Recording(wideband, spoken, heard, 0.0, cards[1 - i].waited_s(), cost)


def _heard(cards: list[BenchCard], i: int, samples: int) -> Sound:
    begins = cards[i].spoke_at() + round(QUIET_S * SAMPLE_RATE_HZ)
    return cards[1 - i].heard_since(begins, samples + round(LATE_MAX_S * SAMPLE_RATE_HZ))


def cells(arguments: argparse.Namespace, peers: list[str]) -> list[Cell]:
    """All calls, neighbouring speakers together; each condition once before any comes again."""
    speech = corpus()[: arguments.speakers]
    pairs = list(itertools.pairwise([*speech, speech[0]]))[: arguments.pairs]
    wanted = arguments.only.split(";") if arguments.only else []
    return [
        Cell(peer, codec, condition, 100 * seed + number, pair)
        for seed in range(arguments.seeds)
        for number, pair in enumerate(pairs)
        for condition in (LINES if wanted else TABLE)
        if not wanted or any(part in condition for part in wanted)
        for codec in CODECS
        if arguments.codec in (codec, "")
        for peer in peers
    ]


async def run(wanted: list[Cell], kept: Kept, together: int, minutes: float) -> int:
    """Make the calls that are not kept yet, `together` at a time; how many failed."""
    missing = [cell for cell in wanted if cell.key not in kept.calls]
    until_s, failed = time.monotonic() + 60 * minutes, 0
    slots, loop = asyncio.Semaphore(together), asyncio.get_running_loop()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, get_context("spawn"), get_ready) as judges,
    ):
        library = build(Path(folder))

        async def one(cell: Cell) -> None:
            nonlocal failed
            async with slots:
                if time.monotonic() > until_s:
                    return
                try:
                    recordings = await recorded(cell, library)
                except (TimeoutError, OSError, ValueError, KeyError, IndexError) as error:
                    print(f"{cell.peer}, {cell.condition}: {error!r}", file=sys.stderr)
                    failed += cell.peer == "ours"
                    return
            # in a process of its own: here it would keep the wire waiting
            found = [await loop.run_in_executor(judges, judged, each) for each in recordings]
            kept.add(cell.key, found)
            done = len(wanted) - len(missing) + sum(each.key in kept.calls for each in missing)
            print(f"{done} of {len(wanted)} calls: {', '.join(cell.key[:3])}", file=sys.stderr)

        await asyncio.gather(*(one(cell) for cell in missing))
    return failed


@contextmanager
def before_all_others() -> Iterator[None]:
    """Wire and telephones alike are real-time processes meanwhile, where we may make them so."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        print("no real-time priority: a busy machine will be heard", file=sys.stderr)
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def main() -> int:
    """Print the matrix; 1 if one of our own calls failed."""
    arguments = _arguments()
    wished = arguments.peers.split(",")
    peers = [one for one in wished if importlib.import_module(f"bench.voice.{one}").is_available()]
    wanted, kept = cells(arguments, peers), Kept(arguments.keep)
    with before_all_others():
        failed = asyncio.run(run(wanted, kept, arguments.together, arguments.minutes))
    calls = {cell.key: kept.calls[cell.key] for cell in wanted if cell.key in kept.calls}
    table = table_of(calls, itertools.product(PEERS, CODECS, LINES))
    report = {
        "benchmark": "voice_matrix",
        "speakers": sorted({one.name for cell in wanted for one in cell.speech}),
        "not_installed": [one for one in wished if one not in peers],
        "calls": len(calls),
        "calls_missing": len(wanted) - len(calls),
    }
    text = json.dumps({**report, "telephones": table}, indent=1)
    print(text.replace(",\n     ", ", ").replace("{\n     ", "{").replace("\n    }", "}"))
    if arguments.plot:
        from bench.voice.plot import draw

        draw(table, Path(arguments.plot))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    parser.add_argument("--codec", default="", choices=["", *CODECS])
    parser.add_argument("--only", default="", help="conditions whose name holds this; or that")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--speakers", type=int, default=99)
    parser.add_argument("--pairs", type=int, default=4, help="pairs of speakers in each cell")
    parser.add_argument("--together", type=int, default=2, help="calls at the same time")
    parser.add_argument("--minutes", type=float, default=18, help="after that no call is begun")
    parser.add_argument("--keep", type=Path, help="calls made so far; a run goes on with them")
    parser.add_argument("--plot", help="also draw quality over loss into this file")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
