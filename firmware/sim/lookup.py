"""Scenario `lookup`: how fast a number is found among a million nodes, a quarter of them gone.

Nodes are made when they are first spoken to, with the table that hours in the network would have
left them; nobody cares for tables meanwhile. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from firmware.sim import report
from firmware.sim.boxes import clock
from firmware.sim.cards import fetch_all
from firmware.sim.peer import SimNode
from firmware.sim.report import Json
from firmware.sim.stage import Stage
from firmware.sim.world import Progress

DEAD = 0.25  # of all entries in tables
NUMBERS_MAX = 50
CALLS_MAX = 500
EVERY_S = 0.02
CARDS_S = 40.0


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Publish numbers, call them from nodes that never heard of them, and fetch their cards."""
    stage = Stage(nodes, seed, progress, dead=DEAD, idle=True)
    boxes = stage.publish(min(NUMBERS_MAX, max(4, nodes // 50)))
    for box in boxes:  # their cards wait until they have looked at the address that others see
        assert isinstance(box.resident.node, SimNode)
        box.resident.node.wake_up(stage.world.now_s)
        stage.world.tell(box.resident, clock(stage.world))
    stage.world.run(stage.world.now_s + CARDS_S, "publishing cards")
    count = min(CALLS_MAX, max(40, nodes // 5))
    made = stage.call(boxes, count, EVERY_S)
    cards = fetch_all(stage, boxes, count, EVERY_S)
    residents = stage.residents()
    return {
        "model": {"dead_fraction": DEAD, "numbers": len(boxes)},
        "published": sum(box.published_s is not None for box in boxes),
        "lookups": report.calls(made),
        "cards": cards,
        "curves": report.call_curves(made),
        "table_entries": report.table_sizes(residents),
        "network": report.network(stage.world, residents, seed),
    }
