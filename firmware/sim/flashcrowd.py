"""Scenario `flashcrowd`: from a handful of nodes to all of them, each joining by itself.

Stands for 525,000 boxes within two weeks, with the time compressed: what takes a fortnight there
takes DURATION_S here, so that joins are as much denser. Nobody is warm: every table is what
joining made it. A large crowd is simulated in two halves, side by side (parts.py).
Units: `_s` virtual seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from firmware.events import Started
from firmware.sim import parts, report
from firmware.sim.boxes import Box, Call, publish
from firmware.sim.parts import PARTS, Link
from firmware.sim.peer import SimNode, cold_resident
from firmware.sim.report import Json
from firmware.sim.stage import Stage
from firmware.sim.world import Progress, Resident

ROUTERS_MIN = 8  # known to everybody by configuration
NODES_PER_ROUTER = 2000
ENTRIES = 2  # of them each box knows
READ_ONLY = 0.3
BOX_EVERY = 20  # one of so many has a number and announces it
BOXES_MAX = 500  # but no more: it is the joining of all that is looked at here
DURATION_MAX_S = 600.0
DURATION_MIN_S = 30.0
JOINS_PER_S = 1000.0
FORTNIGHT_S = 14 * 86_400.0
CROWD = 525_000
STEPS = 60  # of the timeline, until the last has come
CALM_S = 20.0  # after the last has come
CALLS_MAX = 1000
EVERY_S = 0.02
DIVIDED_MIN = 20_000  # nodes; fewer are as quick in one process


class Crowd:
    """Comes faster and faster: the rate grows evenly from nothing."""

    def __init__(self, stage: Stage, duration_s: float, link: Link | None) -> None:
        self._stage = stage
        self._link = link
        self._places = stage.population.shuffled(stage.world.random)
        self._routers = max(ROUTERS_MIN, len(self._places) // NODES_PER_ROUTER)
        self._boxes_max = BOXES_MAX // (PARTS if link else 1)
        self._duration_s = duration_s
        self.boxes: list[Box] = []
        self.came = 0  # how many so far
        self.waiting = 0
        self.ready_s: list[float] = []
        self.queries: list[int] = []

    def begin(self) -> None:
        """The routers now, everybody else in time."""
        world, places = self._stage.world, self._places
        if self._link is not None:
            world.divide(self._link)
        first = (self._address(0),)
        for index, place in enumerate(places):
            if self._link is not None and not self._link.is_ours(place):
                continue
            if index < self._routers:
                router = cold_resident(place, world, first if index else ())
                self.came += 1
                world.tell(router, Started())
            else:
                due_s = self._duration_s * math.sqrt(index / len(places))
                world.at(world.now_s + due_s, partial(self._come, index))

    def _address(self, index: int) -> str:
        return str(self._stage.population.endpoint(self._places[index]))

    def _come(self, index: int) -> None:
        world = self._stage.world
        entries = world.random.sample(range(self._routers), ENTRIES)
        resident = cold_resident(
            self._places[index],
            world,
            tuple(map(self._address, entries)),
            read_only=world.random.random() < READ_ONLY,
        )
        node, since_s = resident.node, world.now_s
        assert isinstance(node, SimNode)
        self.came += 1
        self.waiting += 1

        def watch(_: object) -> None:
            if node.is_ready:
                node.watch = None
                self.waiting -= 1
                self.ready_s.append(world.now_s - since_s)
                self.queries.append(resident.sent)

        node.watch = watch
        if index % BOX_EVERY == 0 and resident.nat is None and len(self.boxes) < self._boxes_max:
            self.boxes.append(publish(resident, world))
        world.tell(resident, Started())


class ColdStage(Stage):
    """Nobody is there who has not come."""

    def settle(self, place: int) -> Resident | None:
        """Never."""
        del place
        return None


@dataclass(frozen=True, slots=True)
class Share:
    """What one part of the world has seen."""

    ready_s: list[float]
    waiting: int
    queries: list[int]
    numbers: int
    published: int
    made: list[Call]
    rows: list[tuple[float, int, int, int]]  # time, came, waiting, datagrams since the last
    tables: list[int]
    traffic: report.Traffic


def run(nodes: int, seed: int, progress: Progress | None, divided_min: int = DIVIDED_MIN) -> Json:
    """Everybody joins; then numbers are called."""
    stage = ColdStage(nodes, seed, progress)
    duration_s = min(DURATION_MAX_S, max(DURATION_MIN_S, nodes / JOINS_PER_S))
    calls = min(CALLS_MAX, max(40, nodes // 5))
    if nodes < divided_min:
        shares = [_experienced(stage, duration_s, calls, None)]
    else:
        shares = parts.together(partial(_experienced, stage, duration_s, calls))
    made = [call for share in shares for call in share.made]
    ready_s = [each for share in shares for each in share.ready_s]
    return {
        "model": {
            "duration_s": duration_s,
            "compression": round(FORTNIGHT_S / duration_s * nodes / CROWD, 1),
            "routers": max(ROUTERS_MIN, nodes // NODES_PER_ROUTER),
            "read_only_fraction": READ_ONLY,
            "numbers": sum(share.numbers for share in shares),
        },
        "joined": len(ready_s),
        "not_ready": sum(share.waiting for share in shares),
        "join_ms": report.milliseconds(ready_s),
        "join_messages": report.distribution(one for share in shares for one in share.queries),
        "published": sum(share.published for share in shares),
        "lookups": report.calls(made),
        "curves": report.call_curves(made),
        "timeline": _timeline(shares),
        "table_entries": report.distribution(one for share in shares for one in share.tables),
        "network": report.network_of(
            stage.world.latency, [share.traffic for share in shares], seed
        ),
    }


def _experienced(stage: Stage, duration_s: float, calls: int, link: Link | None) -> Share:
    """All joins and calls, or those of one part."""
    world, crowd = stage.world, Crowd(stage, duration_s, link)
    crowd.begin()
    start_s, before, step_s = world.now_s, 0, duration_s / STEPS
    end_s, rows = start_s + duration_s + CALM_S, []
    while world.now_s < end_s:
        came = crowd.came * (PARTS if link else 1)
        world.caption(f"{came} nodes have come", start_s, end_s)
        world.run(world.now_s + step_s)
        rows.append((world.now_s - start_s, crowd.came, crowd.waiting, world.datagrams - before))
        before = world.datagrams
    share = PARTS if link else 1
    made = stage.call(crowd.boxes, calls // share, EVERY_S * share)
    residents = stage.residents()
    return Share(
        crowd.ready_s,
        crowd.waiting,
        crowd.queries,
        len(crowd.boxes),
        sum(box.published_s is not None for box in crowd.boxes),
        made,
        rows,
        report.table_counts(residents),
        report.traffic(world, residents),
    )


def _timeline(shares: Sequence[Share]) -> Json:
    timeline = report.Timeline("nodes", "not_ready", "datagrams_per_node_and_s")
    passed_s = 0.0
    for rows in zip(*(share.rows for share in shares), strict=True):
        t_s = rows[0][0]
        came, waiting, datagrams = (sum(row[column] for row in rows) for column in (1, 2, 3))
        timeline.add(t_s, came, waiting, datagrams / max(1, came) / (t_s - passed_s))
        passed_s = t_s
    return timeline.json()
