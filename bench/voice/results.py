"""What the calls of the matrix gave: judged in a process of its own, kept in a file, made a table.

A line of the file is one call. A run that was broken off, or had too little time, goes on with it.
Units: quality in MOS, `_s` seconds.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.voice.speech import scored, visqol
from firmware.demo.measure import Sound

RECOGNISED_MOS = 1.8  # below it the delay cannot be told
NICENESS = 10  # of who judges: the calls go on beside it

Key = tuple[str, str, str, int, str]  # peer, codec, condition, seed, who speaks to whom


@dataclass(frozen=True, slots=True)
class Recording:
    """What one end heard, as the other end's speech began."""

    wideband: bool
    spoken: Sound
    heard: Sound
    begins_s: float  # of `heard`, after the beginning of speech
    waited_s: float  # in the sound card
    cost: dict[str, Any]  # of the end that listened


@dataclass(frozen=True, slots=True)
class Direction:
    """What came of one direction of a call."""

    mos: float
    visqol: float | None  # None: it is not installed
    mouth_to_ear_s: float | None
    software_s: float | None
    cost: dict[str, Any]


def get_ready() -> None:
    """Of the process that judges: behind those who telephone."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(NICENESS)


def judged(recording: Recording) -> Direction:
    """Quality and delay."""
    mos, late_s, aligned = scored(recording.spoken, recording.heard, wideband=recording.wideband)
    similar = visqol(recording.spoken, aligned)
    if mos < RECOGNISED_MOS:
        return Direction(mos, similar, None, None, recording.cost)
    ear_s = late_s + recording.begins_s
    return Direction(mos, similar, ear_s, ear_s - recording.waited_s, recording.cost)


class Kept:
    """The calls so far; without a file only in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.calls: dict[Key, list[Direction]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                one = json.loads(line)
                peer, codec, condition, seed, pair = one["key"]
                directions = [Direction(**direction) for direction in one["directions"]]
                self.calls[peer, codec, condition, seed, pair] = directions

    def add(self, key: Key, directions: list[Direction]) -> None:
        """At once on the disk."""
        self.calls[key] = directions
        if self._path is not None:
            with self._path.open("a") as file:
                line = {"key": key, "directions": [asdict(one) for one in directions]}
                file.write(json.dumps(line) + "\n")


def table_of(
    calls: dict[Key, list[Direction]], order: Iterable[tuple[str, str, str]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Telephone, codec, condition: the figures of all its calls."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for peer, codec, condition in order:
        found = [
            direction
            for key, directions in calls.items()
            if key[:3] == (peer, codec, condition)
            for direction in directions
        ]
        if found:
            table.setdefault(peer, {}).setdefault(codec, {})[condition] = _summary(found)
    return table


def _summary(directions: list[Direction]) -> dict[str, float | None]:
    def middle(values: Iterable[float | None], scale: float = 1.0, digits: int = 1) -> float | None:
        known = [scale * value for value in values if value is not None]
        return round(statistics.median(known), digits) if known else None

    similar = [one.visqol for one in directions if one.visqol is not None]
    return {
        "pesq": round(statistics.mean(one.mos for one in directions), 2),
        "pesq_min": round(min(one.mos for one in directions), 2),
        "visqol": round(statistics.mean(similar), 2) if similar else None,
        "mouth_to_ear_ms": middle((one.mouth_to_ear_s for one in directions), 1000),
        "software_ms": middle((one.software_s for one in directions), 1000),
        "cpu_s_per_minute": middle((one.cost["cpu_s_per_minute"] for one in directions), 1, 2),
        "rss_mb": middle(one.cost["rss_mb"] for one in directions),
        "calls": len(directions) // 2,
    }
