"""The time that exchanges agree on, for a box whose network lets no time server through.

One exchange may lie or be wrong itself, so three of different networks must say nearly the same,
and be the majority of those that said anything. Whoever sets the clock has bounds of its own.
Units: `_s` monotonic seconds, `_utc_s` Unix time. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import json

from firmware.overlay.dht.address import network_of

CLOCK_FILE = "clock.json"
WITNESSES_MIN = 3
WITNESSES_MAX = 16
NEAR_S = 30.0  # of each other: answers travel for seconds at most, and are whole seconds
WRONG_S = 60.0  # our own clock: below that nothing of ours fails


class Clocks:
    """Who said what, the last word of each network."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}  # Unix time less monotonic time
        self._told_s: float | None = None

    def hear(self, host: str, utc_s: int, now_s: float) -> None:
        """An answer of now."""
        network = network_of(host)
        if network in self._heard or len(self._heard) < WITNESSES_MAX:
            self._heard[network] = utc_s - now_s

    def correction(self, utc_less_now_s: float, now_s: float) -> bytes | None:
        """What is to be kept as CLOCK_FILE if our own clock is wrong; once for each new time."""
        middle = _median(list(self._heard.values())) if self._heard else 0.0
        near = [each for each in self._heard.values() if abs(each - middle) <= NEAR_S]
        if len(near) < WITNESSES_MIN or 2 * len(near) <= len(self._heard):
            return None
        if abs(middle - utc_less_now_s) < WRONG_S:
            return None
        if self._told_s is not None and abs(middle - self._told_s) < WRONG_S:
            return None
        self._told_s = middle
        return json.dumps({"utc_s": round(middle + now_s)}).encode()


def _median(values: list[float]) -> float:
    """As `statistics.median`, which would load fractions, decimals and dice with it."""
    ordered, middle = sorted(values), len(values) // 2
    return (ordered[middle] + ordered[~middle]) / 2
