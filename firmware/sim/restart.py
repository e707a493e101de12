"""Scenario `restart`: everybody restarts within ten minutes, as the users of Skype did in 2007.

A box comes back with its identifier, the nodes it remembers and its number to announce; those it
remembers may be restarting too. Units: `_s` virtual seconds.
Source: Skype's account of the outage of 16 August 2007 (a round of restarts after updates).
"""

from __future__ import annotations

from functools import partial

from firmware.events import Started
from firmware.overlay.dht.acquaintances import KnownNodes
from firmware.sim import aggregate, report
from firmware.sim.boxes import Box, Call, call, republish
from firmware.sim.peer import SimNode, cold_resident
from firmware.sim.population import Role
from firmware.sim.report import Json
from firmware.sim.stage import Stage
from firmware.sim.world import Progress, Resident

WITHIN_S = 600.0
DOWN_MIN_S, DOWN_MAX_S = 30.0, 120.0
WATCHED_S = 1200.0  # from the first restart
STEP_S = 10.0
BEFORE_S = 60.0  # of ordinary life, to compare with
READ_ONLY = 0.3
DEAD = 0.1
NUMBERS_MAX = 100
CALLS_PER_STEP = 10
CALLS_AFTER_MAX = 1000
EVERY_S = 0.05
EXACT_MAX = 2_000_000


class Restart:
    """Everybody's turn, once."""

    def __init__(self, stage: Stage, boxes: list[Box]) -> None:
        self._stage = stage
        self._boxes = {box.resident.endpoint.host: box for box in boxes}
        self.down = 0
        self.back_s: dict[str, float] = {}  # when a node was started again, until it is ready
        self.ready_s: list[float] = []  # how long that took

    def plan(self, residents: list[Resident]) -> None:
        """Each goes down at some time within WITHIN_S."""
        world = self._stage.world
        for resident in residents:
            world.at(world.now_s + world.random.random() * WITHIN_S, partial(self._stop, resident))

    def _stop(self, resident: Resident) -> None:
        world, node = self._stage.world, resident.node
        assert isinstance(node, SimNode)
        known = node.remembered()
        world.remove(resident)
        self._stage.population.roles[resident.place] = Role.DEAD
        self.down += 1
        down_s = DOWN_MIN_S + world.random.random() * (DOWN_MAX_S - DOWN_MIN_S)
        world.at(world.now_s + down_s, partial(self._start, resident, known))

    def _start(self, former: Resident, known: KnownNodes) -> None:
        world = self._stage.world
        self._stage.population.roles[former.place] = Role.ALIVE
        self.down -= 1
        resident = cold_resident(former.place, world, known=known, read_only=former.nat is not None)
        host, node, since_s = resident.endpoint.host, resident.node, world.now_s
        assert isinstance(node, SimNode)
        self.back_s[host] = since_s

        def watch(_: object) -> None:
            if node.is_ready:
                node.watch = None
                self.ready_s.append(world.now_s - since_s)
                del self.back_s[host]

        node.watch = watch
        if host in self._boxes:
            republish(self._boxes[host], resident, world)
        world.tell(resident, Started())


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Ordinary life, ten minutes of restarts, and until all is well again.

    More than EXACT_MAX boxes are simulated in aggregate: their exchanges, without the directory.
    """
    if nodes > EXACT_MAX:
        return aggregate.restart(nodes, seed, progress, WITHIN_S)
    stage = Stage(nodes, seed, progress, dead=DEAD)
    world, residents = stage.world, stage.everybody(READ_ONLY)
    boxes = stage.publish(min(NUMBERS_MAX, max(5, nodes // 20)))
    before, since_s = world.datagrams, world.now_s
    world.run(since_s + BEFORE_S, "ordinary life")
    ordinary = (world.datagrams - before) / BEFORE_S
    restart = Restart(stage, boxes)
    restart.plan(residents)
    timeline = report.Timeline("datagrams_per_node_and_s", "down", "not_ready", "success")
    start_s, before, everything = world.now_s, world.datagrams, []
    world.caption("restarting", start_s, start_s + WATCHED_S)
    while world.now_s < start_s + WATCHED_S:
        made = _calls_of_a_step(stage, boxes)
        world.run(world.now_s + STEP_S)
        rate = (world.datagrams - before) / nodes / STEP_S
        before = world.datagrams
        timeline.add(
            world.now_s - start_s,
            rate,
            restart.down / nodes,
            len(restart.back_s) / nodes,
            report.success(made),
        )
        everything += made
    after = stage.call(boxes, min(CALLS_AFTER_MAX, max(50, nodes // 2)), EVERY_S)
    residents = stage.residents()
    return {
        "model": {"within_s": WITHIN_S, "read_only_fraction": READ_ONLY, "numbers": len(boxes)},
        "ready_again_ms": report.milliseconds(restart.ready_s),
        "never_ready": len(restart.back_s),
        "datagrams_per_node_and_s": {
            "before": round(ordinary / nodes, 4),
            "peak": max(row[1] for row in timeline.rows),
        },
        "lookups_meanwhile": report.calls(everything),
        "lookups": report.calls(after),
        "curves": report.call_curves(after),
        "timeline": timeline.json(),
        "network": report.network(world, residents, seed),
    }


def _calls_of_a_step(stage: Stage, boxes: list[Box]) -> list[Call]:
    """Only numbers of boxes that are up: the others cannot be called in any case."""
    world = stage.world
    up = [box for box in boxes if not box.resident.is_gone]
    made: list[Call] = []

    def dial() -> None:
        resident, box = stage.try_somebody(), up[int(world.random.random() * len(up))]
        if resident is not None:
            made.append(call(resident, box, world))

    for index in range(CALLS_PER_STEP if up else 0):
        world.at(world.now_s + index * STEP_S / 40, dial)
    return made
