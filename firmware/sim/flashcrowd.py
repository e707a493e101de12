"""Scenario `flashcrowd`: from a handful of nodes to all of them, each joining by itself.

Stands for 525,000 boxes within two weeks, with the time compressed: what takes a fortnight there
takes DURATION_S here, so that joins are as much denser. Nobody is warm: every table is what
joining made it. Units: `_s` virtual seconds.
"""

from __future__ import annotations

import math
from functools import partial

from firmware.events import Started
from firmware.sim import report
from firmware.sim.boxes import Box, publish
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
CALM_S = 20.0  # after the last has come
CALLS_MAX = 1000
EVERY_S = 0.02


class Crowd:
    """Comes faster and faster: the rate grows evenly from nothing."""

    def __init__(self, stage: Stage, duration_s: float, routers: int) -> None:
        self._stage = stage
        self._entries = routers
        self._places = stage.population.shuffled(stage.world.random)
        self._duration_s = duration_s
        self._routers: list[Resident] = []
        self.boxes: list[Box] = []
        self.waiting = 0
        self.ready_s: list[float] = []
        self.queries: list[int] = []

    def begin(self) -> None:
        """The routers now, everybody else in time."""
        world, places = self._stage.world, self._places
        for place in places[: self._entries]:
            known = tuple(str(router.endpoint) for router in self._routers[:1])
            router = cold_resident(place, world, known)
            self._routers.append(router)
            world.tell(router, Started())
        for index in range(self._entries, len(places)):
            due_s = self._duration_s * math.sqrt(index / len(places))
            world.at(world.now_s + due_s, partial(self._come, index))

    @property
    def came(self) -> int:
        """How many so far."""
        return len(self._routers) + self.waiting + len(self.ready_s)

    def _come(self, index: int) -> None:
        world = self._stage.world
        entries = world.random.sample(self._routers, ENTRIES)
        resident = cold_resident(
            self._places[index],
            world,
            tuple(str(router.endpoint) for router in entries),
            read_only=world.random.random() < READ_ONLY,
        )
        node, since_s = resident.node, world.now_s
        assert isinstance(node, SimNode)
        self.waiting += 1

        def watch(_: object) -> None:
            if node.is_ready:
                node.watch = None
                self.waiting -= 1
                self.ready_s.append(world.now_s - since_s)
                self.queries.append(resident.sent)

        node.watch = watch
        if index % BOX_EVERY == 0 and resident.nat is None and len(self.boxes) < BOXES_MAX:
            self.boxes.append(publish(resident, world))
        world.tell(resident, Started())


class ColdStage(Stage):
    """Nobody is there who has not come."""

    def settle(self, place: int) -> Resident | None:
        """Never."""
        del place
        return None


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Everybody joins; then numbers are called."""
    stage = ColdStage(nodes, seed, progress)
    world = stage.world
    duration_s = min(DURATION_MAX_S, max(DURATION_MIN_S, nodes / JOINS_PER_S))
    routers = max(ROUTERS_MIN, nodes // NODES_PER_ROUTER)
    crowd = Crowd(stage, duration_s, routers)
    crowd.begin()
    timeline = report.Timeline("nodes", "not_ready", "datagrams_per_node_and_s")
    start_s, before, step_s = world.now_s, 0, duration_s / 60
    while world.now_s < start_s + duration_s + CALM_S:
        world.run(world.now_s + step_s, f"{crowd.came} nodes have come")
        rate = (world.datagrams - before) / max(1, crowd.came) / step_s
        before = world.datagrams
        timeline.add(world.now_s - start_s, crowd.came, crowd.waiting, rate)
    made = stage.call(crowd.boxes, min(CALLS_MAX, max(40, nodes // 5)), EVERY_S)
    residents = stage.residents()
    return {
        "model": {
            "duration_s": duration_s,
            "compression": round(FORTNIGHT_S / duration_s * nodes / CROWD, 1),
            "routers": routers,
            "read_only_fraction": READ_ONLY,
            "numbers": len(crowd.boxes),
        },
        "joined": len(crowd.ready_s),
        "not_ready": crowd.waiting,
        "join_ms": report.milliseconds(crowd.ready_s),
        "join_messages": report.distribution(crowd.queries),
        "published": sum(box.published_s is not None for box in crowd.boxes),
        "lookups": report.calls(made),
        "curves": report.call_curves(made),
        "timeline": timeline.json(),
        "table_entries": report.table_sizes(residents),
        "network": report.network(world, residents, seed),
    }
