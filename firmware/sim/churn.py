"""Scenario `churn`: is a number still found half an hour after its owner announced it?

Everybody begins with a warm table; nodes leave without a word and others come, with an empty one.
The owners stay, as a telephone does, and announce again as the product would. Units: `_s` virtual
seconds.
"""

from __future__ import annotations

from functools import partial

from firmware.events import Started
from firmware.sim import report
from firmware.sim.peer import cold_resident
from firmware.sim.population import Role
from firmware.sim.report import Json
from firmware.sim.sessions import MEDIAN_S, remaining_s, session_s
from firmware.sim.stage import Stage
from firmware.sim.world import Progress, Resident

AFTER_S = 30 * 60.0  # the question of this scenario
CALLS_MAX = 2000
NUMBERS_MAX = 200
EVERY_S = 0.05
READ_ONLY = 0.3  # of the newcomers are behind a NAT
DEAD = 0.25  # of the entries in the tables at first; newcomers come to these places
WARM_UP_S = 300.0  # of churn before numbers are announced
STEP_S = 60.0
ENTRIES = 8  # addresses that a newcomer kept from its last session


class Churn:
    """Keeps the population coming and going around those who `stay`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._empty = [p for p, role in enumerate(stage.population.roles) if role == Role.DEAD]
        self._present: list[Resident] = []
        self.staying: set[str] = set()  # hosts
        self.left = self.came = 0

    def begin(self) -> None:
        """Everybody who is there has some time left."""
        world = self._stage.world
        for place, role in enumerate(self._stage.population.roles):
            if role == Role.ALIVE:
                resident = self._stage.settle(place)
                assert resident is not None
                self._present.append(resident)
                world.at(world.now_s + remaining_s(world.random), partial(self._leave, resident))

    def _leave(self, resident: Resident) -> None:
        if resident.endpoint.host in self.staying:
            return
        world, roles = self._stage.world, self._stage.population.roles
        world.remove(resident)
        roles[resident.place] = Role.DEAD
        if resident.nat is None:
            self._present.remove(resident)
        self.left += 1
        self._come()
        self._empty.append(resident.place)

    def _come(self) -> None:
        world = self._stage.world
        index = int(world.random.random() * len(self._empty))
        self._empty[index], self._empty[-1] = self._empty[-1], self._empty[index]
        place = self._empty.pop()
        self._stage.population.roles[place] = Role.ALIVE
        known = world.random.sample(self._present, min(ENTRIES, len(self._present)))
        resident = cold_resident(
            place,
            world,
            tuple(str(other.endpoint) for other in known),
            read_only=world.random.random() < READ_ONLY,
        )
        if resident.nat is None:
            self._present.append(resident)
        self.came += 1
        world.at(world.now_s + session_s(world.random), lambda: self._leave(resident))
        world.tell(resident, Started())


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Announce, wait, call."""
    stage = Stage(nodes, seed, progress, dead=DEAD)
    world, churn = stage.world, Churn(stage)
    churn.begin()
    world.run(world.now_s + WARM_UP_S, "warming up")
    boxes = stage.publish(min(NUMBERS_MAX, max(5, nodes // 20)))
    churn.staying.update(box.resident.endpoint.host for box in boxes)
    announced_s = world.now_s
    timeline = report.Timeline("datagrams_per_node_and_s", "left", "success")
    checks = min(CALLS_MAX // 20, max(4, nodes // 20))
    before = world.datagrams
    world.caption("half an hour passes", announced_s, announced_s + AFTER_S)
    while world.now_s < announced_s + AFTER_S:
        since_s = world.now_s
        made = stage.call(boxes, checks, STEP_S / (2 * checks), doing="")
        world.run(since_s + STEP_S)
        rate = (world.datagrams - before) / nodes / STEP_S
        timeline.add(world.now_s - announced_s, rate, churn.left, report.success(made))
        before = world.datagrams
    made = stage.call(boxes, min(CALLS_MAX, max(50, nodes // 2)), EVERY_S)
    residents = stage.residents()
    return {
        "model": {
            "median_session_s": MEDIAN_S,
            "dead_fraction_at_first": DEAD,
            "read_only_fraction_of_newcomers": READ_ONLY,
            "numbers": len(boxes),
        },
        "published": sum(box.published_s is not None for box in boxes),
        "left": churn.left,
        "lookups": report.calls(made),
        "curves": report.call_curves(made),
        "timeline": timeline.json(),
        "table_entries": report.table_sizes(residents),
        "network": report.network(world, residents, seed),
    }
