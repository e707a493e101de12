"""Looks for exchanges in the swarms where they announce themselves, when the box knows too few.

What it finds is not proved: the registrar asks. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware.events import Fact
from firmware.model import Endpoint
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.facts import LookupEnded, PeersSeen
from firmware.overlay.dht.node import Node
from firmware.overlay.shards import SHARDS, shard_hash

AT_ONCE = 4
PAUSE_S = 20.0  # after all swarms; doubles, randomised
PAUSE_MAX_S = 600.0


class Finder:
    """Each search goes through all swarms, in an order of its own, until enough is found."""

    def __init__(self, node: Node, random_bytes: Callable[[int], bytes]) -> None:
        self._node = node
        self._random_bytes = random_bytes
        self._left: list[int] = []  # swarms of this search that were not asked yet
        self._lookups: set[int] = set()
        self._next_s = -math.inf
        self._failures = 0

    def hear(self, fact: Fact) -> tuple[Endpoint, ...]:
        """What was found."""
        match fact:
            case PeersSeen(handle, peers) if handle in self._lookups:
                return peers
            case LookupEnded(handle) if handle in self._lookups:
                self._lookups.remove(handle)
        return ()

    def rest(self) -> None:
        """There are enough."""
        self._left, self._failures, self._next_s = [], 0, -math.inf

    def advance(self, now_s: float) -> None:
        """More are wanted."""
        if not self._node.is_ready or now_s < self._next_s:
            return
        if not self._left and not self._lookups:
            self._left = sorted(range(SHARDS), key=lambda _: self._random_bytes(2))
        while self._left and len(self._lookups) < AT_ONCE:
            target = shard_hash(self._left.pop())
            self._lookups.add(self._node.find_peers(target, now_s))
            if not self._left:
                pause_s = min(PAUSE_S * 2.0**self._failures, PAUSE_MAX_S)
                self._failures = min(self._failures + 1, 16)
                self._next_s = now_s + jittered(pause_s, self._random_bytes)

    def deadline_s(self) -> float | None:
        """When the next search begins; None while one is under way, or none is possible."""
        is_idle = not self._lookups and self._node.is_ready and self._next_s != -math.inf
        return self._next_s if is_idle else None
