"""Cards of contacts fetched in the simulation: when the first that its owner signed is in hand.

Who knows a key needs no certificate and no hash: the value itself is the proof, so it is verified
as it arrives. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from firmware.events import Message
from firmware.overlay.blind import blinded_public_key
from firmware.overlay.card import period_of
from firmware.overlay.dht.facts import LookupEnded, NodeAnswered
from firmware.overlay.dht.items import target_of_key, verified
from firmware.overlay.dht.krpc import GetItem
from firmware.sim import report
from firmware.sim.boxes import Box, today
from firmware.sim.peer import SimNode
from firmware.sim.report import Json
from firmware.sim.stage import CALL_LIMIT_S, Stage
from firmware.sim.world import Resident, World


@dataclass(slots=True)
class Fetch:
    """One card fetched by one contact."""

    verified_s: float | None = None  # the first signed by its owner
    queries_then: int = 0
    queries: int | None = None  # in all; None while it goes on


def fetch(resident: Resident, box: Box, world: World) -> Fetch:
    """Look for the card of `box` from the node of `resident`, which is idle."""
    node, started_s = resident.core, world.now_s
    assert isinstance(node, SimNode)
    target = target_of_key(blinded_public_key(box.identity.public_key, period_of(today(world))))
    result = Fetch()
    handle = node.look_up(GetItem(target, seq=0), started_s)

    def watch(messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, NodeAnswered) and message.handle == handle:
                if result.verified_s is None and verified(message.answer.item, target) is not None:
                    result.verified_s = world.now_s - started_s
            elif isinstance(message, LookupEnded) and message.handle == handle:
                result.queries = message.trace.messages
                result.queries_then = message.trace.value_messages
                node.watch = None

    node.watch = watch
    world.carry_out(resident, node.drain())
    return result


def fetch_all(stage: Stage, boxes: Sequence[Box], count: int, every_s: float) -> Json:
    """So many cards, one `every_s`, each box in turn; the report of it."""
    made: list[Fetch] = []

    def begin(box: Box) -> None:
        made.append(fetch(stage.somebody(), box, stage.world))

    start_s = stage.world.now_s
    for index in range(count):
        stage.world.at(start_s + index * every_s, partial(begin, boxes[index % len(boxes)]))
    stage.world.run(start_s + count * every_s + CALL_LIMIT_S, "fetching cards")
    found = [each for each in made if each.verified_s is not None]
    return {
        "asked": len(made),
        "found": len(found),
        "verified_item_ms": report.milliseconds(each.verified_s for each in found),
        "queries_to_verified_item": report.distribution(each.queries_then for each in found),
        "queries": report.distribution(e.queries for e in made if e.queries is not None),
    }
