"""A message that was spoken for a box that was off: how long after its return it is there.

Two telephones behind routers and three exchanges, in virtual time: 10 to 30 ms one way, 50 ms for
a hash, 20 ms for a card. Return = its program starts, with nothing but what was on its card.
"""

from __future__ import annotations

from typing import Any

from firmware.events.store import Kind
from tests.away import acquainted, fail_to_reach, return_of
from tests.world import Network

WANTED_S = 10.0
SPOKEN_S = (5.0, 20.0, 60.0)  # the last one is the longest there is
AWAY_S = 3 * 3600.0
STEP_S = 0.05
LOSS, SEEDS = 0.1, 5  # the median of so many, and the worst


def deliveries() -> dict[str, Any]:
    """One of each length, and the longest again on a line that loses every tenth datagram."""
    took = {
        f"{spoken_s:.0f}_s": round(delivered_s(seed, spoken_s, 0.0), 2)
        for seed, spoken_s in enumerate(SPOKEN_S, 1)
    }
    lossy = sorted(delivered_s(seed, SPOKEN_S[-1], LOSS) for seed in range(1, SEEDS + 1))
    name = f"{SPOKEN_S[-1]:.0f}_s_at_{LOSS:.0%}_loss".replace("%", "_percent")
    took[name] = round(lossy[SEEDS // 2], 2)
    took[f"{name}_worst_of_{SEEDS}"] = round(lossy[-1], 2)
    return {"message_delivered_after_return_s": {"wanted": WANTED_S, **took}}


def delivered_s(seed: int, spoken_s: float, loss: float) -> float:
    """From the start of the callee's box until the message is on its card."""
    world, _, anna, bert = acquainted(seed)
    fail_to_reach(world, anna, bert)
    world.dial(anna, "6")
    world.run(4.0 + spoken_s)
    world.dial(anna, "#")
    world.run(10.0)
    world.replace(anna)
    assert anna.kept.all_of(Kind.OUTGOING), world.story("nothing was spoken")
    world.run(AWAY_S)
    world.network = Network(loss=loss)
    again, back_s = return_of(world, bert), world.now_s
    while not again.kept.all_of(Kind.MESSAGE):
        world.run(STEP_S)
        assert world.now_s - back_s < 3600.0, world.story("never delivered")
    return world.now_s - back_s
