"""How speech sounds over bad lines: our telephone beside baresip and aiortc, in one run.

`python -m bench.voice_matrix [--codec opus] [--only loss] [--peers ours,baresip] [--seeds 1]
[--together 2] [--plot docs/voice_quality.png]` prints one JSON object: per telephone, codec and
condition the mean of PESQ over both directions, speakers and seeds (wideband for Opus, narrowband
for G.711), the delay from mouth to ear, that without the time in the sound card (`software_ms`),
CPU seconds of one end per minute of call, and resident memory of one end.

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
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.voice.card import BenchCard
from bench.voice.line import LINES
from bench.voice.speech import Speech, corpus, scored
from bench.voice.wire import Wire
from firmware.demo.measure import Sound
from firmware.model import SAMPLE_RATE_HZ
from tests.chips.card import build

PEERS = ("ours", "baresip", "aiortc")
CODECS = ("opus", "g711")
QUIET_S = 1.0  # before and after speech: connections stand, the last word arrives
LATE_MAX_S = 1.5
RECOGNISED_MOS = 1.8  # below it the delay cannot be told
CALL_MAX_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One call to be made."""

    peer: str
    codec: str
    condition: str
    seed: int
    speech: tuple[Speech, Speech]


@dataclass(frozen=True, slots=True)
class Recording:
    """What one end heard, as the other end's speech began."""

    cell: Cell
    spoken: Sound
    heard: Sound
    begins_s: float  # of `heard`, after the beginning of speech
    waited_s: float  # in the sound card
    cost: dict[str, Any]  # of the end that listened


@dataclass(frozen=True, slots=True)
class Direction:
    """What came of one direction of it."""

    mos: float
    mouth_to_ear_s: float | None
    software_s: float | None
    cost: dict[str, Any]


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
    spoken, cost = cell.speech[i].sound, costs[1 - i]
    if "ear_begins_s" in cost:
        heard = np.fromfile(cards[1 - i].folder / "ear.raw", dtype="<i2").astype(np.int16)
        return Recording(cell, spoken, heard, cost["ear_begins_s"] - QUIET_S, 0.0, cost)
    heard = _heard(cards, i, len(spoken))
    return Recording(cell, spoken, heard, 0.0, cards[1 - i].waited_s(), cost)


def judged(recording: Recording) -> Direction:
    """Quality and delay."""
    wideband = recording.cell.codec == "opus"
    mos, late_s = scored(recording.spoken, recording.heard, wideband=wideband)
    if mos < RECOGNISED_MOS:
        return Direction(mos, None, None, recording.cost)
    mouth_to_ear_s = late_s + recording.begins_s
    return Direction(mos, mouth_to_ear_s, mouth_to_ear_s - recording.waited_s, recording.cost)


def _heard(cards: list[BenchCard], i: int, samples: int) -> Sound:
    begins = cards[i].spoke_at() + round(QUIET_S * SAMPLE_RATE_HZ)
    return cards[1 - i].heard_since(begins, samples + round(LATE_MAX_S * SAMPLE_RATE_HZ))


def summary(directions: list[Direction]) -> dict[str, float | None]:
    """One cell of the table."""

    def median(values: list[float | None], digits: int = 1) -> float | None:
        known = [value for value in values if value is not None]
        return round(statistics.median(known), digits) if known else None

    def ms(value: float | None) -> float | None:
        return None if value is None else 1000 * value

    return {
        "pesq": round(statistics.mean(one.mos for one in directions), 2),
        "pesq_min": round(min(one.mos for one in directions), 2),
        "mouth_to_ear_ms": median([ms(one.mouth_to_ear_s) for one in directions]),
        "software_ms": median([ms(one.software_s) for one in directions]),
        "cpu_s_per_minute": median([one.cost["cpu_s_per_minute"] for one in directions], 2),
        "rss_mb": median([one.cost["rss_mb"] for one in directions]),
        "calls": len(directions) // 2,
    }


def cells(arguments: argparse.Namespace, peers: list[str]) -> list[Cell]:
    """All calls, neighbouring speakers together."""
    speech = corpus()[: arguments.speakers]
    pairs = list(itertools.pairwise([*speech, speech[0]]))[: arguments.pairs]
    return [
        Cell(peer, codec, condition, 100 * seed + number, pair)
        for condition in LINES
        if any(part in condition for part in arguments.only.split(";"))
        for codec in CODECS
        if arguments.codec in (codec, "")
        for seed in range(arguments.seeds)
        for number, pair in enumerate(pairs)
        for peer in peers
    ]


async def run(wanted: list[Cell], together: int) -> dict[Cell, list[Recording]]:
    """Make all calls, `together` at a time."""
    found: dict[Cell, list[Recording]] = {}
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        slots = asyncio.Semaphore(together)

        async def one(cell: Cell) -> None:
            async with slots:
                try:
                    found[cell] = await recorded(cell, library)
                    print(f"{len(found)} of {len(wanted)} calls", file=sys.stderr)
                except (TimeoutError, OSError, ValueError, KeyError, IndexError) as error:
                    print(f"{cell.peer}, {cell.condition}: {error!r}", file=sys.stderr)

        await asyncio.gather(*(one(cell) for cell in wanted))
    return found


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


def _order(key: tuple[str, str, str]) -> tuple[int, ...]:
    peer, codec, condition = key
    return PEERS.index(peer), CODECS.index(codec), list(LINES).index(condition)


def main() -> int:
    """Print the matrix; 1 if one of our own calls failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", default="", choices=["", *CODECS])
    parser.add_argument("--only", default="", help="conditions whose name holds this; or that")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--speakers", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=1, help="pairs of speakers in each cell")
    parser.add_argument("--together", type=int, default=2, help="calls at the same time")
    parser.add_argument("--plot", help="also draw quality over loss into this file")
    arguments = parser.parse_args()
    wished = arguments.peers.split(",")
    peers = [one for one in wished if importlib.import_module(f"bench.voice.{one}").is_available()]
    wanted = cells(arguments, peers)
    with before_all_others():
        found = asyncio.run(run(wanted, arguments.together))
    table: dict[str, dict[str, dict[str, Any]]] = {}
    results: dict[tuple[str, str, str], list[Direction]] = {}
    for cell, recordings in found.items():
        key = (cell.peer, cell.codec, cell.condition)
        results.setdefault(key, []).extend(judged(one) for one in recordings)
    for peer, codec, condition in sorted(results, key=_order):
        row = table.setdefault(peer, {}).setdefault(codec, {})
        row[condition] = summary(results[peer, codec, condition])
    missing = [one for one in wished if one not in peers]
    speakers = sorted({one.name for cell in wanted for one in cell.speech})
    report = {"benchmark": "voice_matrix", "speakers": speakers, "not_installed": missing}
    text = json.dumps({**report, "telephones": table}, indent=1)
    print(text.replace(",\n     ", ", ").replace("{\n     ", "{").replace("\n    }", "}"))
    if arguments.plot:
        from bench.voice.plot import draw

        draw(table, Path(arguments.plot))
    return 0 if all(cell in found for cell in wanted if cell.peer == "ours") else 1


if __name__ == "__main__":
    raise SystemExit(main())
