"""One leg of the lab's Internet: what the way between one site and the middle does to packets.

Knows no socket, clock or namespace: the caller passes `now_s`, and the dice are seeded.
Units: `_s` seconds; `loss`, `reorder`, `duplicate` are probabilities, 0 to 1.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

WAITING_MAX = 20_000  # packets on their way in one leg; what comes on top is lost, as in a router


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a leg does to each packet, each way by itself."""

    delay_s: float = 0.0
    jitter_s: float = 0.0  # up to so much more, evenly spread, never so that it reorders
    loss: float = 0.0
    reorder: float = 0.0  # so many packets skip the queue: no delay at all
    duplicate: float = 0.0
    is_down: bool = False  # an outage: nothing passes


class Leg:
    """One direction of a leg; the same seed and packets give the same fate of each packet."""

    def __init__(self, seed: str, conditions: Conditions) -> None:
        self.conditions = conditions
        self.waiting = 0
        self._dice = random.Random(seed)
        self._last_s = 0.0  # no packet that is not reordered overtakes another

    def delays_s(self, now_s: float) -> list[float]:
        """For each copy of a packet that enters now, how long it takes; empty = it is lost."""
        conditions = self.conditions
        # Always the same number of dice, so that a change of one condition moves no other fate.
        lost, swapped, doubled, late = (self._dice.random() for _ in range(4))
        if conditions.is_down or lost < conditions.loss or self.waiting >= WAITING_MAX:
            return []
        if swapped < conditions.reorder:
            return [0.0]
        due_s = max(now_s + conditions.delay_s + late * conditions.jitter_s, self._last_s)
        self._last_s = due_s
        return [due_s - now_s] * (2 if doubled < conditions.duplicate else 1)
