"""Chance: how two boxes meet when nobody can tell the port of one, and the other's router wants it.

One side's router takes any port for each new destination; it opens doors, each a socket of its own
and so a port of its own, all of them towards the one place of the other side. The other tries ports
at random. With 256 doors among 64,512 ports and 1,024 tries they meet with 98 % (the bound of the
birthday paradox), half of them within 3 s. It costs hundreds of datagrams for a call that works
already: so it begins late, slowly, when both have offered it in the sealed signalling, and it aims
at nothing that was not told there. Units: `_s` monotonic seconds.
Sources: Ford, Srisuresh and Kegel 2005 section 3.4; docs/protocol.md section 9.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

OFFER_S = 5.0  # after the answer: not for a call that is over at once
DOORS_MAX = 256
TRIES_MAX = 1024  # ports of one call
ROUNDS = 2  # of the doors: what the first loses between us and our own router, the second opens
STEP_S = 0.02
TRIES_PER_STEP, DOORS_PER_STEP = 2, 1  # 100 and 50 datagrams a second, no more than speech itself
LAST_S = 2.0  # after the last door, for answers on their way
RUNS_MAX, RUNS_S = 6, 3600.0  # of one box
FIRST_PORT = 1024  # a router gives none below (RFC 4787 section 4.2.1)


def is_worth_it(own_step: int, peer_step: int) -> bool:
    """True if the ports of one side are at random and the other has one port for everybody."""
    return {own_step, peer_step} == {0, PORT_STEP_RANDOM}


class RunLimit:
    """How often a box may try its luck: RUNS_MAX in RUNS_S."""

    def __init__(self) -> None:
        self._begun_s: deque[float] = deque()

    def take(self, now_s: float) -> bool:
        """True, and counted, if there is one left."""
        while self._begun_s and now_s - self._begun_s[0] >= RUNS_S:
            self._begun_s.popleft()
        if len(self._begun_s) >= RUNS_MAX:
            return False
        self._begun_s.append(now_s)
        return True


class Chance:
    """Of one call; runs once."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._observed: Candidate | None = None  # the peer, by its own word
        self._offered: Candidate | None = None  # by the peer
        self._own: Candidate | None = None  # what we have offered
        self._offer_s: float | None = None  # when we may
        self._next_s: float | None = None  # step, while it runs
        self._steps = 0
        self._tried: set[int] = set()
        self.doors_to: Endpoint | None = None  # our doors lead there; None = none is open

    def arm(self, now_s: float) -> None:
        """The call was answered."""
        self._offer_s = now_s + OFFER_S

    def hear(self, told: Candidate, now_s: float) -> None:
        """What the peer says of itself, in sealed signalling."""
        if ":" in told.endpoint.host:
            return  # IPv6 is not translated
        if told.kind is CandidateKind.OBSERVED:
            self._observed = told
        elif told.kind is CandidateKind.CHANCE:
            self._offered = told
            self._begin(now_s)

    def is_offer_due(self, now_s: float) -> bool:
        """Once."""
        if self._offer_s is None or now_s < self._offer_s:
            return False
        self._offer_s = None
        return True

    def offer(self, own: Candidate | None, limit: RunLimit, now_s: float) -> Candidate | None:
        """What the peer should be told now; `own` is where others see us."""
        peer = self._observed
        if own is None or peer is None or not is_worth_it(own.port_step, peer.port_step):
            return None
        if not limit.take(now_s):
            return None
        self._own = replace(own, kind=CandidateKind.CHANCE)
        self._begin(now_s)
        return self._own

    def pop(self, now_s: float) -> list[tuple[Endpoint, int]]:
        """Where to send a check now, and by which door; 0 = by the socket that we always have."""
        if self._next_s is None or now_s < self._next_s or self._offered is None:
            return []
        self._next_s = now_s + STEP_S  # never more at once because we were late
        self._steps += 1
        if self.doors_to is None:
            self._next_s = None if self._steps * TRIES_PER_STEP >= TRIES_MAX else self._next_s
            return [(self._try(self._offered.endpoint.host), 0) for _ in range(TRIES_PER_STEP)]
        begin = (self._steps - 1) * DOORS_PER_STEP
        if begin >= ROUNDS * DOORS_MAX:
            self._next_s = None
            return []
        if begin + DOORS_PER_STEP >= ROUNDS * DOORS_MAX:
            self._next_s = now_s + LAST_S
        return [(self.doors_to, 1 + (begin + i) % DOORS_MAX) for i in range(DOORS_PER_STEP)]

    @property
    def is_running(self) -> bool:
        """False before, and when it is over."""
        return self._next_s is not None

    @property
    def is_over(self) -> bool:
        """True if it has run."""
        return self._next_s is None and self._steps > 0

    def end(self) -> None:
        """They have met, here or elsewhere, or the call is over."""
        self._offer_s = self._next_s = None

    def deadline_s(self) -> float | None:
        """When an offer or the next step is due."""
        return self._offer_s if self._next_s is None else self._next_s

    def _begin(self, now_s: float) -> None:
        """Only what both have offered, and what fits together."""
        own, peer = self._own, self._offered
        if own is None or peer is None or self._next_s is not None or self._steps:
            return
        if is_worth_it(own.port_step, peer.port_step):
            self._next_s = now_s
            self.doors_to = peer.endpoint if own.port_step == PORT_STEP_RANDOM else None

    def _try(self, host: str) -> Endpoint:
        """A port at random, each once."""
        while True:
            port = int.from_bytes(self._random_bytes(2), "big")
            if port >= FIRST_PORT and port not in self._tried:
                self._tried.add(port)
                return Endpoint(host, port)
