"""One virtual world in two processes: each has half of the places, and time passes for both alike.

No datagram crosses in less than SHORTEST_S, so for that long neither half can disturb the other:
they work side by side, then tell each other what they sent across. What happens depends on the seed
alone, not on which of them was quicker. Knows no node and no scenario. Units: `_s` virtual seconds.
Source: K. M. Chandy, J. Misra, "Distributed Simulation: A Case Study in Design and Verification of
Distributed Programs", 1979 (conservative lookahead).
"""

from __future__ import annotations

import marshal
import math
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

PARTS = 2
SHORTEST_S = 0.01  # one way; few pairs are nearer, and a join does not depend on them

Result = TypeVar("Result")
Crossing = tuple[float, int, bytes, int]  # due_s, place it goes to, data, place it comes from


class Link:
    """To the other half; `part` is ours, 0 or 1."""

    def __init__(self, part: int, line: Connection) -> None:
        self.part = part
        self._line = line
        self._leaving: list[Crossing] = []
        self._earliest_s = math.inf  # of those

    def is_ours(self, place: int) -> bool:
        """True if whoever is at `place` lives in this half."""
        return place % PARTS == self.part

    def send(self, due_s: float, to: int, data: bytes, source: int) -> None:
        """Into the other half, with the next `exchange`, at least SHORTEST_S ahead."""
        self._leaving.append((due_s, to, data, source))
        self._earliest_s = min(self._earliest_s, due_s)

    def exchange(self, next_s: float) -> tuple[float, list[Crossing]]:
        """When anything happens next in either half, and what comes from the other.

        `next_s` is when something happens next in ours, of what we knew before. Both halves must
        call this equally often.
        """
        ours_s = min(next_s, self._earliest_s)
        said = marshal.dumps((ours_s, self._leaving))
        self._leaving, self._earliest_s = [], math.inf
        if self.part == 0:  # in turn: if both wrote first, both could wait for ever
            self._line.send_bytes(said)
            heard = self._line.recv_bytes()
        else:
            heard = self._line.recv_bytes()
            self._line.send_bytes(said)
        theirs_s, coming = marshal.loads(heard)  # noqa: S302 - our own process at the other end
        return min(ours_s, theirs_s), coming


def together(work: Callable[[Link], Result]) -> list[Result]:
    """What `work` results in, in each half; the second is a fork of this process."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def second_half() -> None:
        here.close()
        there.send(work(Link(1, there)))

    other = context.Process(target=second_half, daemon=True)  # it must not outlive a failure here
    other.start()
    there.close()
    first = work(Link(0, here))
    second: Result = here.recv()
    other.join()
    return [first, second]
