"""Guesses: at which ports a peer will appear whose router takes another for each destination.

Such a router is understood if it counts: what it will take next follows from what observers saw.
We send one check to each port where the peer may come from; that opens our own router for it. If
both routers count, each check of ours also moves our own port. Then the callee aims at the first,
second, third port after the one that was observed, and the caller at the first, third, fifth:
whatever other traffic had moved both counters before by, say, n in all, at the caller's check n + 1
both meet, since there each aims at the port from which the other's check comes.
Units: `_s` monotonic seconds.
Sources: RFC 5128 section 3.6 (port prediction), Guha and Francis 2005 (which routers count).
"""

from __future__ import annotations

from collections import deque

from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

GUESSES_MAX = 64  # ports of one candidate
# If both routers count and have been measured. What is aimed at in one call must not be in the row
# of the next, as long as the routers remember the first: no side may aim further than the other
# side's row goes on with each call, by its guesses and three more.
SOUNDED_GUESSES_CALLER, SOUNDED_GUESSES_CALLEE = 7, 10
GUESSES_BACK = 16  # of them before the expected one: the peer has sent something to us earlier
AGAIN_S = 0.1  # all of them a second time, for loss between us and our own router
BURST = 8
BURST_S = 0.005  # between bursts


def is_counting(port_step: int) -> bool:
    """True if the next port of a router can be told."""
    return 0 < port_step < PORT_STEP_RANDOM


def guesses(candidate: Candidate, *, own_step: int, is_caller: bool) -> list[Endpoint]:
    """Where the peer of `candidate` may come from, likeliest first; empty if nobody can tell."""
    if not is_counting(candidate.port_step) or own_step == PORT_STEP_RANDOM:
        return []
    host, port, _ = candidate.endpoint
    if is_counting(own_step):
        stride = 2 if is_caller else 1
        most = SOUNDED_GUESSES_CALLER if is_caller else SOUNDED_GUESSES_CALLEE
        if candidate.kind is not CandidateKind.SOUNDED:
            most = GUESSES_MAX
        steps = [*range(1, 1 + stride * most, stride)]
    else:
        steps = [*range(1, 1 + GUESSES_MAX - GUESSES_BACK), *range(-1, -1 - GUESSES_BACK, -1)]
    ports = (port + step * candidate.port_step for step in steps)
    return [Endpoint(host, one) for one in ports if 0 < one < 65536]


class GuessQueue:
    """Guesses that wait to be sent, in bursts."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Endpoint]] = deque()

    def add(self, endpoints: list[Endpoint], now_s: float) -> None:
        """Replaces what was waiting: newer knowledge is better."""
        self._waiting.clear()
        for begin_s in (now_s, now_s + AGAIN_S):
            for i, endpoint in enumerate(endpoints):
                self._waiting.append((begin_s + i // BURST * BURST_S, endpoint))

    def clear(self) -> None:
        """A way was found."""
        self._waiting.clear()

    def pop(self, now_s: float) -> list[Endpoint]:
        """Those that are due."""
        due = []
        while self._waiting and self._waiting[0][0] <= now_s:
            due.append(self._waiting.popleft()[1])
        return due

    def deadline_s(self) -> float | None:
        """When the next burst is due."""
        return self._waiting[0][0] if self._waiting else None
