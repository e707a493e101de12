"""What the scenarios share: a population, who is called, who calls, and when.

Units: `_s` virtual seconds; fractions 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from firmware.sim.boxes import Box, Call, call, publish
from firmware.sim.peer import SimNode, warm_resident
from firmware.sim.population import Population, Role
from firmware.sim.world import Progress, Resident, World

PUBLISH_LIMIT_S = 60.0
CALL_LIMIT_S = 8.0  # more than a caller waits
TRIES_MAX = 10_000


class Stage:
    """A world of warm nodes that come into being when they are first spoken to."""

    def __init__(
        self,
        nodes: int,
        seed: int,
        progress: Progress | None,
        *,
        dead: float = 0.0,
        hostile: float = 0.0,
        idle: bool = False,
    ) -> None:
        self.population = Population(nodes, seed, dead=dead, hostile=hostile)
        self.world = World(self.population, seed, progress=progress)
        self.world.settle = self.settle
        self._idle = idle

    def settle(self, place: int) -> Resident | None:
        """The node at `place`, made now; nobody where there is none."""
        if self.population.roles[place] != Role.ALIVE:
            return None
        return warm_resident(place, self.world, idle=self._idle)

    def everybody(self, read_only: float) -> list[Resident]:
        """All nodes at once, so many of them behind a NAT."""
        return [
            warm_resident(place, self.world, read_only=self.world.random.random() < read_only)
            for place, role in enumerate(self.population.roles)
            if role == Role.ALIVE
        ]

    def somebody(self, *, reachable: bool = False) -> Resident:
        """As try_somebody; there must be one."""
        resident = self.try_somebody(reachable=reachable)
        assert resident is not None, "nobody is left who could call"
        return resident

    def try_somebody(self, *, reachable: bool = False) -> Resident | None:
        """A node at random that is alive, honest and ready, and has no number and no call.

        `reachable`: behind no NAT, since a box that is needs an exchange to be called.
        """
        for _ in range(TRIES_MAX):
            place = int(self.world.random.random() * self.population.size)
            if self.population.roles[place] != Role.ALIVE:
                continue
            host = self.population.endpoint(place).host
            resident = self.world.residents.get(host) or self.settle(place)
            if (
                resident is not None
                and isinstance(resident.core, SimNode)
                and resident.core.is_ready
                and resident.core.watch is None
                and not (reachable and resident.nat is not None)
            ):
                return resident
        return None

    def residents(self) -> list[Resident]:
        """All nodes that have come into being."""
        return [each for each in self.world.residents.values() if each.node is not None]

    def publish(self, count: int) -> list[Box]:
        """So many nodes get a number and announce it."""
        return self.announced(self.numbers(count))

    def numbers(self, count: int) -> list[Box]:
        """So many nodes get a number and begin to announce it."""
        return [publish(self.somebody(reachable=True), self.world) for _ in range(count)]

    def announced(self, boxes: list[Box]) -> list[Box]:
        """`boxes`, once each has been announced, or after PUBLISH_LIMIT_S."""
        self.world.run(
            self.world.now_s + PUBLISH_LIMIT_S,
            "publishing",
            until=lambda: all(box.published_s is not None for box in boxes),
        )
        self.world.run(self.world.now_s + 2.0, "publishing")  # the other announcements
        return boxes

    def call(
        self, boxes: Sequence[Box], count: int, every_s: float, doing: str = "calling"
    ) -> list[Call]:
        """So many calls, one `every_s`, each number in turn; ends when all are over."""
        made: list[Call] = []

        def dial(box: Box) -> None:
            made.append(call(self.somebody(), box, self.world))

        start_s = self.world.now_s
        for index in range(count):
            box = boxes[index % len(boxes)]
            self.world.at(start_s + index * every_s, partial(dial, box))
        self.world.run(start_s + count * every_s + CALL_LIMIT_S, doing)
        return made
