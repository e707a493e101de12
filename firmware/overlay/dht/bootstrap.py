"""The way into the network: the addresses of the configuration, and when to try them again.

Knows no message. Entries are `ADDRESS:PORT` or `NAME:PORT`; names are the shell's to resolve.
Units: `_s` monotonic seconds. Retries are randomised, so that a thousand boxes that lost the
network together do not come back together.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.address import is_usable
from firmware.overlay.dht.contact import shared

RETRY_S = 1.0  # doubles per failure
RETRY_MAX_S = 300.0
ENDPOINTS_PER_NAME_MAX = 8
# Somebody's servers, so only the last resort: asked when nodes of our own memory and configuration
# did not answer.
PUBLIC_ROUTERS = (
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "router.utorrent.com:6881",
    "dht.libtorrent.org:25401",
)


class Bootstrap:
    """Known entry points and the back-off between attempts; `last_resort` is tried after one."""

    __slots__ = ("_endpoints", "_failures", "_last_resort", "_names", "_random_bytes")

    def __init__(
        self,
        entries: tuple[str, ...],
        random_bytes: Callable[[int], bytes],
        last_resort: tuple[str, ...] = (),
    ) -> None:
        self._random_bytes = random_bytes
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._names: tuple[str, ...] = ()
        self._failures = 0
        self._last_resort = last_resort
        self._add(entries)

    @property
    def names(self) -> tuple[str, ...]:
        """To be resolved anew before each attempt."""
        if self._failures and self._last_resort:
            self._add(self._last_resort)
            self._last_resort = ()
        return self._names

    def resolved(self, name: str, endpoints: tuple[Endpoint, ...]) -> bool:
        """The DNS said where `name` is; True if that is news. A failure keeps the old answer."""
        usable = tuple(filter(is_usable, endpoints))[:ENDPOINTS_PER_NAME_MAX]
        if name not in self._names or not usable:
            return False
        is_news = self._endpoints.get(name) != usable
        self._endpoints[name] = usable
        return is_news

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where an attempt begins."""
        return tuple(endpoint for known in self._endpoints.values() for endpoint in known)

    def is_possible(self) -> bool:
        """False for the first node of a network: it waits for others."""
        return bool(self._endpoints or self._names or self._last_resort)

    def succeeded(self) -> None:
        """Somebody answered: the next loss of the network begins with a short wait again."""
        self._failures = 0

    def retry_delay_s(self) -> float:
        """Wait before the next attempt, after one more failure; doubling, 50 to 150 %."""
        delay_s = min(RETRY_S * 2.0**self._failures, RETRY_MAX_S)
        self._failures = min(self._failures + 1, 16)
        return jittered(delay_s, self._random_bytes)

    def _add(self, entries: tuple[str, ...]) -> None:
        for entry in entries:
            try:
                self._endpoints[entry] = (shared(Endpoint.parse(entry)),)
            except MalformedError:
                self._names += (entry,)


def jittered(delay_s: float, random_bytes: Callable[[int], bytes]) -> float:
    """`delay_s` spread evenly over 50 to 150 %."""
    return delay_s * (0.5 + int.from_bytes(random_bytes(2), "big") / 65536)
