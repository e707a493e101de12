"""When a node cares for its table: joining, looking around, pinging who has been silent.

Knows no message and no table: it is told what came of an attempt. Units: `_s` monotonic seconds;
`math.inf` = not planned.
Source: BEP 5 (buckets are refreshed every 15 minutes).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware.overlay.bootstrap import Bootstrap, jittered

CARE_S = 10.0  # between pings of questionable nodes
REFRESH_FIRST_S = 3.0  # a young network grows: look around soon, then three times as long, ...
REFRESH_MAX_S = 15 * 60.0


class Upkeep:
    """Three times at which something is due."""

    def __init__(self, bootstrap: Bootstrap, random_bytes: Callable[[int], bytes]) -> None:
        self.join_s = self.refresh_s = self.care_s = math.inf
        self._bootstrap = bootstrap
        self._random_bytes = random_bytes
        self._refresh_interval_s = REFRESH_FIRST_S

    def attempted(self, nodes: int, now_s: float) -> None:
        """We looked for our own id and know `nodes` nodes now; none: try again, later and later."""
        if nodes:
            self._bootstrap.succeeded()
            self.refresh_s = now_s + jittered(self._refresh_interval_s, self._random_bytes)
            self._refresh_interval_s = min(3 * self._refresh_interval_s, REFRESH_MAX_S)
        elif self._bootstrap.is_possible():
            self.refresh_s, self._refresh_interval_s = math.inf, REFRESH_FIRST_S
            self.join_s = now_s + self._bootstrap.retry_delay_s()

    def cared(self, now_s: float) -> None:
        """The next care is due after CARE_S."""
        self.care_s = now_s + CARE_S

    def deadline_s(self) -> float | None:
        """The earliest."""
        due_s = min(self.join_s, self.refresh_s, self.care_s)
        return None if due_s == math.inf else due_s
