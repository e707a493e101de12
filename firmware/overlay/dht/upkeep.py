"""When a node cares for its table: joining, looking around, one ping at a time, saving.

Knows no message and no table: it is told what came of an attempt. Units: `_s` monotonic seconds;
`math.inf` = not planned. An idle box shall send at most 200 bit/s, answers included.
Sources: BEP 5 (buckets are refreshed); R. Jimenez et al., "Sub-second lookups on a large-scale
Kademlia-based overlay", 2011 (one maintenance ping at a time).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware.overlay.dht.bootstrap import Bootstrap, jittered

CARE_S = 20.0  # between pings, on average: 40 bit/s, and as much for the answers to others
CARE_EAGER_S = 6.0  # in the first EAGER_S, while there are nodes to try
EAGER_S = 300.0
REFRESH_FIRST_S = 3.0  # a young network grows: look around soon, then three times as long, ...
REFRESH_FIRST_IN_A_CROWD_S = 120.0  # a large network has no hurry: who comes near us asks us
REFRESH_MAX_S = 30 * 60.0
CROWD_BITS = 8  # so many bits of ours a node shares with us: there are hundreds of nodes
SAVE_S = 600.0  # between writes of the nodes file


class Upkeep:
    """Four times at which something is due."""

    __slots__ = (
        "_bootstrap",
        "_random_bytes",
        "_refresh_interval_s",
        "_started_s",
        "care_s",
        "join_s",
        "refresh_s",
        "save_s",
    )

    def __init__(self, bootstrap: Bootstrap, random_bytes: Callable[[int], bytes]) -> None:
        self.join_s = self.refresh_s = self.care_s = self.save_s = math.inf
        self._bootstrap = bootstrap
        self._random_bytes = random_bytes
        self._refresh_interval_s = REFRESH_FIRST_S
        self._started_s = -math.inf

    @property
    def is_young(self) -> bool:
        """True while we look around oftener than in the long run."""
        return self._refresh_interval_s < REFRESH_MAX_S

    def started(self, now_s: float) -> None:
        """The node begins."""
        self._started_s = now_s
        self.cared(now_s, has_more=True)

    def attempted(self, nodes: int, bits: int, now_s: float) -> None:
        """We looked around and know `nodes` nodes now, the nearest of which shares `bits` with us.

        If we know none we try again, later and later.
        """
        if nodes:
            self._bootstrap.succeeded()
            if bits >= CROWD_BITS:
                self._refresh_interval_s = max(self._refresh_interval_s, REFRESH_FIRST_IN_A_CROWD_S)
            self.refresh_s = now_s + jittered(self._refresh_interval_s, self._random_bytes)
            self._refresh_interval_s = min(3 * self._refresh_interval_s, REFRESH_MAX_S)
        elif self._bootstrap.is_possible():
            self.refresh_s, self._refresh_interval_s = math.inf, REFRESH_FIRST_S
            self.join_s = now_s + self._bootstrap.retry_delay_s()

    def cared(self, now_s: float, *, has_more: bool) -> None:
        """The next ping is due at random; soon if a young node `has_more` to try."""
        is_eager = has_more and now_s - self._started_s < EAGER_S
        mean_s = CARE_EAGER_S if is_eager else CARE_S
        self.care_s = now_s + jittered(mean_s, self._random_bytes)

    def rest(self, until_s: float) -> None:
        """Speak to nobody before, but to come back to the network."""
        self.refresh_s, self.care_s = max(self.refresh_s, until_s), max(self.care_s, until_s)

    def saved(self, now_s: float) -> None:
        """The nodes file was written."""
        self.save_s = now_s + SAVE_S

    def deadline_s(self) -> float | None:
        """The earliest."""
        due_s = min(self.join_s, self.refresh_s, self.care_s, self.save_s)
        return None if due_s == math.inf else due_s
