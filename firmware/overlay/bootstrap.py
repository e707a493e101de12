"""The way into the network: the addresses of the configuration, and when to try them again.

Knows no message. Entries are `ADDRESS:PORT` or `NAME:PORT`; names are the shell's to resolve.
Units: `_s` monotonic seconds. Retries are randomised, so that a thousand boxes that lost the
network together do not come back together.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.address import is_usable

RETRY_S = 1.0  # doubles per failure
RETRY_MAX_S = 300.0
ENDPOINTS_PER_NAME_MAX = 8


class Bootstrap:
    """Known entry points and the back-off between attempts."""

    def __init__(self, entries: tuple[str, ...], random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self.names: tuple[str, ...] = ()  # to be resolved anew before each attempt
        self._failures = 0
        for entry in entries:
            try:
                self._endpoints[entry] = (Endpoint.parse(entry),)
            except MalformedError:
                self.names += (entry,)

    def resolved(self, name: str, endpoints: tuple[Endpoint, ...]) -> bool:
        """The DNS said where `name` is; True if that is news. A failure keeps the old answer."""
        usable = tuple(filter(is_usable, endpoints))[:ENDPOINTS_PER_NAME_MAX]
        if name not in self.names or not usable:
            return False
        is_news = self._endpoints.get(name) != usable
        self._endpoints[name] = usable
        return is_news

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where an attempt begins."""
        return tuple(endpoint for known in self._endpoints.values() for endpoint in known)

    def is_possible(self) -> bool:
        """False for the first node of a network: it waits for others."""
        return bool(self._endpoints or self.names)

    def succeeded(self) -> None:
        """Somebody answered: the next loss of the network begins with a short wait again."""
        self._failures = 0

    def retry_delay_s(self) -> float:
        """Wait before the next attempt, after one more failure; doubling, 50 to 150 %."""
        delay_s = min(RETRY_S * 2.0**self._failures, RETRY_MAX_S)
        self._failures = min(self._failures + 1, 16)
        return jittered(delay_s, self._random_bytes)


def jittered(delay_s: float, random_bytes: Callable[[int], bytes]) -> float:
    """`delay_s` spread evenly over 50 to 150 %."""
    return delay_s * (0.5 + int.from_bytes(random_bytes(2), "big") / 65536)
