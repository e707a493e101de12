"""One swarm kept announced: hash, lookup, announcement to the closest nodes, and again in time.

Knows no certificate; the directory decides which swarms there are. Units: `_s` monotonic seconds.
Source: BEP 5 (announce_peer); announcements live 30 minutes in the store.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware.events import Argon2Computed, ComputeArgon2, Fact, Message
from firmware.overlay.bootstrap import jittered
from firmware.overlay.facts import Answered, LookupEnded
from firmware.overlay.krpc import AnnouncePeer
from firmware.overlay.node import Node
from firmware.overlay.store import PEER_LIFE_S
from firmware.overlay.swarm import info_hash_of, swarm_question

REANNOUNCE_S = 15 * 60.0
RETRY_S = 4.0  # after nobody took it; doubles, randomised
RETRY_MAX_S = 240.0
GROWTH = 2  # when the table has grown this much, others are closest: announce again


class Publication:
    """`number` on `day`; does nothing until its hash is computed and the node is ready."""

    def __init__(
        self, number: str, day: int, node: Node, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.info_hash: bytes | None = None
        self._question = swarm_question(number, day)
        self._node = node
        self._random_bytes = random_bytes
        self._lookup: int | None = None
        self._asked: set[int] = set()
        self._accepted = 0  # in this round
        self._published_s = -math.inf  # when a node took it last
        self._nodes_then = 0  # in our table, at the last round
        self._next_s = -math.inf
        self._failures = 0

    def begin(self) -> list[Message]:
        """Ask for the hash."""
        return [ComputeArgon2(*self._question)]

    def is_published(self, now_s: float) -> bool:
        """True while a node that took the announcement still keeps it."""
        return now_s - self._published_s < PEER_LIFE_S

    def hear(self, fact: Fact, now_s: float) -> None:
        """Argon2Computed, LookupEnded, Answered; those of others are ignored."""
        match fact:
            case Argon2Computed(secret, salt, digest) if (secret, salt) == self._question:
                self.info_hash = info_hash_of(digest)
            case LookupEnded(handle) if handle == self._lookup:
                self._lookup = None
                self._announce(fact, now_s)
            case Answered(handle, _, answer) if handle in self._asked:
                self._asked.remove(handle)
                if answer is not None:
                    self._accepted += 1
                    self._published_s = now_s
                if not self._asked:
                    self._finish(now_s)

    def advance(self, now_s: float) -> None:
        """Start a round when it is due."""
        if self._lookup is None and not self._asked and self.info_hash is not None:
            has_grown = self._nodes_then and self._node.nodes >= GROWTH * self._nodes_then
            if self._node.is_ready and (now_s >= self._next_s or has_grown):
                self._accepted, self._nodes_then = 0, self._node.nodes
                self._lookup = self._node.find_peers(self.info_hash, now_s)

    def deadline_s(self) -> float | None:
        """Of the next round, and of the end of what is published."""
        if self._lookup is not None or self._asked or self.info_hash is None:
            return None
        return self._next_s if self._node.is_ready else None

    def end(self) -> None:
        """This swarm is over."""
        for handle in (*self._asked, *([] if self._lookup is None else [self._lookup])):
            self._node.cancel(handle)
        self._lookup, self._asked = None, set()

    def _announce(self, ended: LookupEnded, now_s: float) -> None:
        assert self.info_hash is not None
        for holder in ended.closest:
            if holder.token is None:
                continue
            question = AnnouncePeer(
                self.info_hash, self._node.port, holder.token, implied_port=True
            )
            self._asked.add(
                self._node.ask(question, holder.contact.endpoint, now_s, attempts_max=3)
            )
        if not self._asked:
            self._finish(now_s)

    def _finish(self, now_s: float) -> None:
        if self._accepted:
            self._failures = 0
            self._next_s = now_s + REANNOUNCE_S
            return
        delay_s = min(RETRY_S * 2.0**self._failures, RETRY_MAX_S)
        self._failures = min(self._failures + 1, 16)
        self._next_s = now_s + jittered(delay_s, self._random_bytes)
