"""Which scenarios there are, and what they all begin and end with."""

from __future__ import annotations

import gc
from collections.abc import Callable

from firmware.sim import blackout, christmas, churn, flashcrowd, lookup, restart, sybil
from firmware.sim.report import Json
from firmware.sim.world import Progress

NODES_MIN = 50
NODES_MAX = 5_000_000
SCENARIOS: dict[str, Callable[[int, int, Progress | None], Json]] = {
    "lookup": lookup.run,
    "churn": churn.run,
    "flashcrowd": flashcrowd.run,
    "restart": restart.run,
    "blackout": blackout.run,
    "christmas": christmas.run,
    "sybil": sybil.run,
}


def run(scenario: str, nodes: int, seed: int, progress: Progress | None = None) -> Json:
    """The report of one simulation; the same arguments give the same one, byte for byte."""
    assert NODES_MIN <= nodes <= NODES_MAX
    # Nodes die with their world and not before: to look for dead ones again and again among
    # millions of objects would take most of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        result = SCENARIOS[scenario](nodes, seed, progress)
    finally:
        if was_enabled:
            gc.enable()
    return {"scenario": scenario, "nodes": nodes, "seed": seed} | result
