"""The exchanges that a box knows of, and when each may be asked (again).

Knows no network. Some are remembered across restarts: `encode_exchanges` and `decode_exchanges` are
the content of a file. Units: `_s` monotonic seconds. Source: ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.address import is_usable
from firmware.overlay.dht.bootstrap import jittered

EXCHANGES_FILE = "exchanges.json"
REMEMBERED_MAX = 16
POOL_MAX = 64
RETRY_S = 2.0  # with one that failed; doubles, randomised
RETRY_MAX_S = 600.0
_VERSION = 1


@dataclass(slots=True)
class Known:
    """An exchange, perhaps."""

    endpoint: Endpoint
    retry_s: float = -math.inf  # not to be asked before
    failures: int = 0  # in a row


class Pool:
    """At most POOL_MAX; who failed most often is forgotten for a newcomer, and nobody else."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._known: dict[Endpoint, Known] = {}

    def learn(self, endpoint: Endpoint, busy: Container[Endpoint]) -> None:
        """There may be an exchange; those `busy` are not forgotten for it."""
        if not is_usable(endpoint) or endpoint in self._known:
            return
        if len(self._known) >= POOL_MAX:
            idle = (known for known in self._known.values() if known.endpoint not in busy)
            worst = max(idle, key=lambda known: known.failures, default=None)
            if worst is None or not worst.failures:
                return  # what anybody may have named drives out nobody who was not tried in vain
            del self._known[worst.endpoint]
        self._known[endpoint] = Known(endpoint)

    def able(self, busy: Container[Endpoint], now_s: float) -> list[Endpoint]:
        """Who may be asked, who failed least first, otherwise in any order."""
        able = [k for k in self._known.values() if k.endpoint not in busy and k.retry_s <= now_s]
        able.sort(key=lambda known: (known.failures, self._random_bytes(2)))
        return [known.endpoint for known in able]

    def succeeded(self, endpoint: Endpoint) -> None:
        """It serves us."""
        if endpoint in self._known:
            self._known[endpoint] = Known(endpoint)

    def failed(self, endpoint: Endpoint, at_least_s: float, now_s: float) -> None:
        """It does not; it is asked again after a while."""
        known = self._known.get(endpoint)
        if known is not None:
            delay_s = max(at_least_s, min(RETRY_S * 2.0**known.failures, RETRY_MAX_S))
            known.failures = min(known.failures + 1, 16)
            known.retry_s = now_s + jittered(delay_s, self._random_bytes)

    def forgive(self) -> None:
        """It was our own fault: each may be asked at once."""
        for known in self._known.values():
            known.retry_s, known.failures = -math.inf, 0

    def next_s(self, busy: Container[Endpoint]) -> float:
        """When somebody may be asked."""
        waiting = (k.retry_s for k in self._known.values() if k.endpoint not in busy)
        return min(waiting, default=math.inf)


def encode_exchanges(endpoints: Iterable[Endpoint]) -> bytes:
    """JSON; at most REMEMBERED_MAX, the first ones."""
    exchanges = [str(endpoint) for endpoint in endpoints][:REMEMBERED_MAX]
    return json.dumps({"version": _VERSION, "exchanges": exchanges}, indent=1).encode() + b"\n"


def decode_exchanges(data: bytes) -> tuple[Endpoint, ...]:
    """Raises MalformedError: the file is then set aside, and the exchanges are looked for."""
    try:
        content = json.loads(data)
        if content["version"] != _VERSION:
            raise MalformedError("exchanges of unknown version")
        texts = content["exchanges"][:REMEMBERED_MAX]
        return tuple(Endpoint.parse(text) for text in texts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError(f"not a file of exchanges ({error})") from None
