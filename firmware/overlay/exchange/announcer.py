"""Announces in the DHT, for boxes that are registered here and for the exchange itself.

Each info-hash is announced when it is wanted, and again in time; a few at a time, so that an
exchange with twenty thousand boxes is no burden to the Mainline. Who has just started knows few
nodes, and those it takes for the closest are not: when its table has grown, all is announced again.
Units: `_s` monotonic seconds.
Source: BEP 5 (announce_peer; kept 30 minutes).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.events import Fact
from firmware.model import Endpoint
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.facts import Answered, Holder, LookupEnded, PeersSeen
from firmware.overlay.dht.krpc import AnnouncePeer
from firmware.overlay.dht.node import Node
from firmware.overlay.publish import GROWTH

REANNOUNCE_S = 15 * 60.0
RETRY_S = 20.0  # after nobody took it; randomised
AT_ONCE_MAX = 8  # or as many as it takes to announce all in time
LOOKUP_S = 3.0  # that an announcement takes in the Mainline, with room
WAIT_READY_S = 1.0
LOOK_S = 10.0  # how often we see whether the table has grown
ATTEMPTS = 3
OTHERS_MAX = 32
STALE_MAX = 1_000  # entries of the agenda that nobody wants any more, above as many as are wanted


@dataclass(slots=True, eq=False)
class _Job:
    info_hash: bytes
    lookup: int | None
    nodes: int  # in our table when it began
    asked: set[int] = field(default_factory=set)
    accepted: int = 0


class Announcer:
    """Of one node."""

    def __init__(self, node: Node, random_bytes: Callable[[int], bytes]) -> None:
        self.others: deque[Endpoint] = deque(maxlen=OTHERS_MAX)  # the latest last
        self._shared: set[bytes] = set()
        self._node = node
        self._random_bytes = random_bytes
        self._wanted: dict[bytes, float] = {}  # info-hash: when it is due
        self._due: list[tuple[float, bytes]] = []  # heap; what is not in _wanted so is stale
        self._announced: set[bytes] = set()
        self._jobs: dict[bytes, _Job] = {}
        self._by_handle: dict[int, _Job] = {}
        self._nodes_then = 0  # in our table, when all that is wanted was announced anew
        self._look_s = 0.0  # when we look again whether it has grown
        self._ready_s = 0.0  # when we look again whether the node can search

    def __len__(self) -> int:
        """How long the agenda is, with what nobody wants any more."""
        return len(self._due)

    @property
    def announced(self) -> int:
        """How many of them somebody keeps."""
        return len(self._announced)

    def want(self, info_hash: bytes, now_s: float, *, others: bool = False) -> None:
        """Announce it, soon and from now on; with `others` who else did is remembered."""
        if others:
            self._shared.add(info_hash)
        if info_hash not in self._wanted:
            self._schedule(info_hash, now_s)

    def leave(self, info_hash: bytes, *, others: bool = False) -> None:
        """Announce it no longer; what is announced is forgotten by itself.

        What was wanted with `others` is left with `others` only: a box that registers under the
        exchange's own hash, and goes, takes the exchange out of no swarm.
        """
        if info_hash in self._shared and not others:
            return
        self._wanted.pop(info_hash, None)
        self._announced.discard(info_hash)
        self._shared.discard(info_hash)

    def hear(self, fact: Fact, now_s: float) -> None:
        """LookupEnded, Answered; those of others are ignored."""
        match fact:
            case PeersSeen(handle, peers) if handle in self._by_handle:
                if self._by_handle[handle].info_hash in self._shared:
                    self.others.extend(peer for peer in peers if peer not in self.others)
            case LookupEnded(handle, closest) if handle in self._by_handle:
                job = self._by_handle.pop(handle)
                self._ask(job, closest, now_s)
            case Answered(handle, _, answer) if handle in self._by_handle:
                job = self._by_handle.pop(handle)
                job.asked.remove(handle)
                job.accepted += answer is not None
                if not job.asked:
                    self._finish(job, now_s)

    def advance(self, now_s: float) -> None:
        """Begin with what is due."""
        if not self._node.is_ready:
            self._ready_s = now_s + jittered(WAIT_READY_S, self._random_bytes)
            return
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._renew_if_grown(now_s)
        while self._due and self._due[0][0] <= now_s and len(self._jobs) < self._at_once():
            due_s, info_hash = heapq.heappop(self._due)
            if self._wanted.get(info_hash) != due_s or info_hash in self._jobs:
                continue
            job = self._jobs[info_hash] = _Job(info_hash, None, self._node.nodes)
            job.lookup = self._node.find_peers(info_hash, now_s)
            self._by_handle[job.lookup] = job

    def deadline_s(self) -> float | None:
        """When the next is due; None while as many as may be are under way."""
        if len(self._jobs) >= self._at_once() or not self._due:
            return None
        return max(min(self._due[0][0], self._look_s), self._ready_s)

    def _renew_if_grown(self, now_s: float) -> None:
        """What is announced where the closest nodes seemed to be is brought to those that are."""
        if self._has_grown(self._nodes_then):
            self._nodes_then = self._node.nodes
            for info_hash in self._wanted:
                if info_hash not in self._jobs:
                    self._schedule(info_hash, now_s)

    def _has_grown(self, nodes: int) -> bool:
        return self._node.nodes >= max(GROWTH * nodes, 1)

    def _at_once(self) -> int:
        return max(AT_ONCE_MAX, int(len(self._wanted) * LOOKUP_S / REANNOUNCE_S))

    def _ask(self, job: _Job, closest: tuple[Holder, ...], now_s: float) -> None:
        for holder in closest:
            if holder.token is None:
                continue
            question = AnnouncePeer(job.info_hash, self._node.port, holder.token, implied_port=True)
            endpoint = holder.contact.endpoint
            handle = self._node.ask(question, endpoint, now_s, attempts_max=ATTEMPTS)
            job.asked.add(handle)
            self._by_handle[handle] = job
        if not job.asked:
            self._finish(job, now_s)

    def _finish(self, job: _Job, now_s: float) -> None:
        del self._jobs[job.info_hash]
        if job.info_hash in self._wanted:
            if job.accepted:
                self._announced.add(job.info_hash)
                wait_s = 0.0 if self._has_grown(job.nodes) else REANNOUNCE_S
            else:
                self._announced.discard(job.info_hash)
                wait_s = jittered(RETRY_S, self._random_bytes)
            self._schedule(job.info_hash, now_s + wait_s)

    def _schedule(self, info_hash: bytes, due_s: float) -> None:
        self._wanted[info_hash] = due_s
        heapq.heappush(self._due, (due_s, info_hash))
        if len(self._due) > 2 * len(self._wanted) + STALE_MAX:  # boxes that change their hashes
            self._due = [(wanted_s, wanted) for wanted, wanted_s in self._wanted.items()]
            heapq.heapify(self._due)
