"""Scenario `blackout`: 30 % of the exchanges die at once, as the supernodes of Skype in 2010.

Up to EXACT_MAX boxes each runs the code of the product (town.py); more are simulated in aggregate
(aggregate.py), with the same constants. Units: `_s` virtual seconds.
Source: Skype's account of the outage of 22 December 2010 (25 to 30 % of the supernodes).
"""

from __future__ import annotations

from firmware.sim import aggregate, report
from firmware.sim.report import Json
from firmware.sim.town import BOXES_PER_EXCHANGE, Town
from firmware.sim.world import START_S, Progress

DYING = 0.3
BEFORE_S = 120.0
AFTER_S = 150.0
EXACT_MAX = 5_000


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Everybody registers, the exchanges die, and who rings again when."""
    if nodes > EXACT_MAX:
        return aggregate.blackout(nodes, seed, progress, DYING, BEFORE_S, AFTER_S)
    town = Town(nodes, seed, progress)
    world = town.world
    timeline = report.Timeline("reachable", "load", "questions_per_s")
    dead = 0
    world.caption("blackout", START_S, START_S + BEFORE_S + AFTER_S)
    while world.now_s < START_S + BEFORE_S + AFTER_S:
        if not dead and world.now_s >= START_S + BEFORE_S:
            dead = town.kill(DYING)
        world.run(world.now_s + 1.0)
        loads = town.registrations()
        asked = max(town.take_questions())
        at_s = world.now_s - START_S - BEFORE_S
        timeline.add(at_s, town.reachable(), max(loads) / town.limits.registrations, asked)
    return aggregate.healing(timeline, town.limits.registrations) | {
        "model": {
            "form": "exact",
            "exchanges": len(town.exchanges),
            "dead": dead,
            "boxes_per_exchange": BOXES_PER_EXCHANGE,
        },
        "network": {
            "events": world.events,
            "datagrams": world.datagrams,
            "bytes": world.bytes,
        },
    }
