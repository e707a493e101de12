"""What a minute of talking costs: our whole box beside baresip and aiortc, in one run.

`python -m bench.voice_cpu [--peers ours,baresip,aiortc] [--rounds 3]` prints one JSON object: per
telephone and codec CPU seconds (user and system) of one end per minute of call, and resident memory
of one end, medians of the rounds; and ours divided by theirs. Ours are two whole boxes
(bench/voice/boxes.py): directory, signalling, OLED, simulated sound cards, encrypted speech. Theirs
talk through the wire of bench/voice/wire.py without loss, baresip with a sound card made of a timer
and no encryption, aiortc with no card.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench.voice.boxes import call
from bench.voice.speech import corpus
from bench.voice_matrix import Cell, recorded
from firmware.model import Codec
from tests.chips.card import build

CODECS = {"opus": Codec.OPUS, "g711": Codec.PCMA}
PEERS = ("ours", "baresip", "aiortc")
SECONDS = 20.0  # of a call of ours, from when it has settled on its path

Costs = list[tuple[float, float]]  # of each end: CPU seconds per minute, MB


async def boxes(codec: str) -> Costs:
    """Two whole boxes of ours."""
    return await call(CODECS[codec], SECONDS)


async def peers(peer: str, codec: str, library: Path) -> Costs:
    """Two of somebody else's."""
    speech = corpus()
    cell = Cell(peer, codec, "clean", 1, (speech[0], speech[1]))
    ends = [one.cost for one in await recorded(cell, library)]
    return [(end["cpu_s_per_minute"], end["rss_mb"]) for end in ends]


async def measured(names: list[str], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """One after the other, so that they do not disturb each other; the order turns."""
    costs: dict[tuple[str, str], Costs] = {(n, c): [] for n in names for c in CODECS}
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        for _ in range(rounds):
            for name, codec in costs:
                one = boxes(codec) if name == "ours" else peers(name, codec, library)
                costs[name, codec] += await one
    table: dict[str, dict[str, dict[str, float]]] = {}
    for (name, codec), ends in costs.items():
        table.setdefault(name, {})[codec] = {
            "cpu_s_per_minute": round(statistics.median(cpu_s for cpu_s, _ in ends), 2),
            "rss_mb": round(statistics.median(rss_mb for _, rss_mb in ends), 1),
        }
    return table


def main() -> int:
    """Print the costs and our share of theirs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    wished = arguments.peers.split(",")
    names = [one for one in wished if importlib.import_module(f"bench.voice.{one}").is_available()]
    table = asyncio.run(measured(names, arguments.rounds))
    ratios = {
        f"ours/{name}": {
            codec: {key: round(table["ours"][codec][key] / cost[key], 2) for key in cost}
            for codec, cost in costs.items()
        }
        for name, costs in table.items()
        if name != "ours" and "ours" in table
    }
    missing = [one for one in wished if one not in names]
    report = {"benchmark": "voice_cpu", "not_installed": missing}
    print(json.dumps({**report, "telephones": table, "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
