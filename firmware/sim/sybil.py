"""Scenario `sybil`: is a number found when a fifth of all nodes does not want it to be?

The attackers are spread over the identifiers, because BEP 42 ties identifiers to addresses; who
forges one all the same must get past those who check it. They attack announcing and calling
alike. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from firmware.sim import report
from firmware.sim.boxes import swarm_of
from firmware.sim.hostile import Attack, conspire, hostile_resident
from firmware.sim.population import Role
from firmware.sim.report import Json
from firmware.sim.stage import Stage
from firmware.sim.world import Progress, Resident

HOSTILE = 0.2
DEAD = 0.1
NUMBERS_MAX = 20  # per attack
CALLS_MAX = 200  # per attack
EVERY_S = 0.02
UNDISTURBED = "none"


class SybilStage(Stage):
    """Hostile nodes too come into being when they are first spoken to."""

    def __init__(self, nodes: int, seed: int, progress: Progress | None) -> None:
        super().__init__(nodes, seed, progress, dead=DEAD, hostile=HOSTILE, idle=True)
        self.conspiracy = conspire(self.world)

    def settle(self, place: int) -> Resident | None:
        """Honest or hostile."""
        if self.population.roles[place] == Role.HOSTILE:
            return hostile_resident(place, self.world, self.conspiracy)
        return super().settle(place)


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Each attack on numbers of its own, and some numbers that nobody attacks, to compare."""
    stage = SybilStage(nodes, seed, progress)
    numbers = min(NUMBERS_MAX, max(3, nodes // 50))
    by_attack: Json = {}
    curves: Json = {}
    attacked = []
    for attack in (None, *Attack):
        boxes = stage.numbers(numbers)
        if attack is not None:
            for box in boxes:
                stage.conspiracy.targets[swarm_of(box.number, stage.world)] = attack
        stage.announced(boxes)
        made = stage.call(boxes, min(CALLS_MAX, max(20, nodes // 10)), EVERY_S)
        name = UNDISTURBED if attack is None else attack.value
        by_attack[name] = report.calls(made)
        curves[name] = report.call_curves(made)["verified_ms"]
        attacked += made if attack is not None else []
    residents = stage.residents()
    return {
        "model": {
            "hostile_fraction": HOSTILE,
            "dead_fraction": DEAD,
            "numbers_per_attack": numbers,
        },
        "lookups": report.calls(attacked),
        "by_attack": by_attack,
        "curves": curves,
        "network": report.network(stage.world, residents, seed),
    }
