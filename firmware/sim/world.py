"""Virtual time: one heap of events, datagrams that take as long as the map says, or get lost.

Knows no routing and no scenario: it carries messages between cores. No thread, no clock; the same
seed gives the same run, datagram for datagram. Units: `_s` virtual seconds.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.events import (
    Argon2Computed,
    ComputeArgon2,
    Core,
    DatagramReceived,
    Message,
    SendDatagram,
)
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.sim.latency import JITTER, LatencyMap
from firmware.sim.parts import SHORTEST_S, Link
from firmware.sim.population import PORT, Population

START_S = 10_000.0  # late enough that everybody can have a past
LOSS = 0.01
HASH_S = 0.05  # what a box needs for one memory-hard hash
NAT_OPEN_S = 60.0  # after a datagram of ours the answer still comes in (RFC 4787 asks for 120)
NAT_FORGET_S = 2 * NAT_OPEN_S  # until who was written to longest ago is looked for and forgotten
UDP_IP_BYTES = 28
PROGRESS_EVENTS = 500

Progress = Callable[[str, float], None]  # what is going on, and how much of it is done, 0 to 1


def cheap_hash(secret: bytes, salt: bytes) -> bytes:
    """Stands in for Argon2id, whose cost is a parameter: 32 bytes."""
    return hashlib.sha256(salt + b"|" + secret).digest()


@dataclass(slots=True, eq=False)
class Resident:
    """A core at an address; `hear` gets what it says to nobody in the network."""

    core: Core
    endpoint: Endpoint
    place: int
    node: Node | None = None  # the node in it, also when a directory is on top
    nat: dict[str, float] | None = None  # hosts it wrote to, and when; None = no NAT
    timer_s: float = math.inf  # of the event that will wake it
    is_gone: bool = False
    sent: int = 0
    hear: Callable[[Message], None] | None = field(default=None, repr=False)


Due = Resident | Endpoint | Callable[[], None]  # who is woken, hears, or is called


class World:
    """`settle(place)` may put a resident at a place where a datagram arrives and nobody is yet."""

    def __init__(
        self,
        population: Population,
        seed: int,
        *,
        loss: float = LOSS,
        progress: Progress | None = None,
    ) -> None:
        self.now_s = START_S
        self.population = population
        self.latency = LatencyMap(population.size, seed)
        self.random = random.Random(seed)  # noqa: S311 - a simulation must repeat itself
        self.random_bytes = self.random.randbytes  # one object for all
        self.residents: dict[str, Resident] = {}
        self.settle: Callable[[int], Resident | None] = lambda _: None
        self.events = self.datagrams = self.bytes = self.lost = self.unheard = 0
        self._loss = loss
        self._progress = progress
        self._doing = ("", 0.0, 0.0)  # what goes on, since when and until when
        self._link: Link | None = None
        self._heap: list[tuple[float, int, Due, bytes | None, Endpoint | None]] = []
        self._order = 0

    def divide(self, link: Link) -> None:
        """From now on this is one half of the world; its dice are its own."""
        self._link = link
        self.random.seed(self.random.random() + link.part)
        if link.part != 0:
            self._progress = None

    def put(self, resident: Resident) -> Resident:
        """From now on `resident` is at its address."""
        self.residents[_key(resident.endpoint)] = resident
        return resident

    def remove(self, resident: Resident) -> None:
        """It falls silent, without a word to anybody."""
        resident.is_gone = True
        if self.residents.get(_key(resident.endpoint)) is resident:
            del self.residents[_key(resident.endpoint)]

    def tell(self, resident: Resident, fact: Message) -> None:
        """Give it a fact and do what it says."""
        self.carry_out(resident, resident.core.handle(fact, self.now_s))

    def at(self, due_s: float, action: Callable[[], None]) -> None:
        """Call `action` at that time."""
        self._push(due_s, action, None, None)

    def caption(self, doing: str, since_s: float, until_s: float) -> None:
        """What the next runs are parts of, for who watches; the last may end a little later."""
        self._doing = doing, since_s, until_s

    def run(self, until_s: float, doing: str = "", until: Callable[[], bool] | None = None) -> None:
        """Let time pass, until `until()` holds, looked at after each event.

        `doing` is a caption for this run alone. The halves of a divided world run until the same
        time, one call for one call.
        """
        link = self._link
        if doing:
            self.caption(doing, self.now_s, until_s)
        if link is None:
            if self._pass(until_s, until):
                return
        else:
            assert until is None, "each half would see another half of the truth"
            while (next_s := self._meet(link)) <= until_s:
                # Whatever the other half sends from now on arrives after this.
                self._pass(min(until_s, math.nextafter(next_s + SHORTEST_S, 0.0)))
        self.now_s = until_s

    def _pass(self, last_s: float, until: Callable[[], bool] | None = None) -> bool:
        """All events up to `last_s`; True if `until()` held before."""
        heap = self._heap
        while heap and heap[0][0] <= last_s:
            self.now_s, _, who, data, source = heapq.heappop(heap)
            self.events += 1
            if data is not None and source is not None:
                self._deliver(who, data, source)
            elif isinstance(who, Resident):
                self._wake(who)
            elif callable(who):
                who()
            if self.events % PROGRESS_EVENTS == 0:
                self._show()
            if until is not None and until():
                return True
        return False

    def _show(self) -> None:
        doing, since_s, until_s = self._doing
        if self._progress is not None and doing:
            self._progress(doing, min(1.0, (self.now_s - since_s) / (until_s - since_s)))

    def _meet(self, link: Link) -> float:
        """Take what comes from the other half; when something happens next in either."""
        next_s, coming = link.exchange(self._heap[0][0] if self._heap else math.inf)
        endpoint = self.population.endpoint
        for due_s, place, data, source in coming:
            self._push(due_s, endpoint(place), data, endpoint(source))
        return next_s

    def carry_out(self, resident: Resident, messages: list[Message]) -> None:
        """Send, hash, and see when it wants to be woken."""
        for message in messages:
            if isinstance(message, SendDatagram):
                self._send(resident, message.data, message.to)
            elif isinstance(message, ComputeArgon2):
                self._hash(resident, message)
            elif resident.hear is not None:
                resident.hear(message)
        due_s = resident.core.deadline_s()
        if due_s is not None and due_s < resident.timer_s:
            resident.timer_s = due_s
            self._push(due_s, resident, None, None)

    def _send(self, resident: Resident, data: bytes, to: Endpoint) -> None:
        self.datagrams += 1
        self.bytes += len(data) + UDP_IP_BYTES
        resident.sent += 1
        if resident.nat is not None:
            resident.nat = _opened(resident.nat, to.host, self.now_s)
        place = self.population.place_at(to.host)
        dice = self.random.random
        if place is None or dice() < self._loss:
            self.lost += 1
            return
        rtt_s = self.latency.rtt_s(resident.place, place)
        delay_s = rtt_s * (0.5 + JITTER * (dice() - 0.5))
        if self._link is None or self._link.is_ours(place):
            self._push(self.now_s + delay_s, to, data, resident.endpoint)
        elif to.port == PORT:
            due_s = self.now_s + max(delay_s, SHORTEST_S)
            self._link.send(due_s, place, data, resident.place)

    def _deliver(self, to: Due, data: bytes, source: Endpoint) -> None:
        assert isinstance(to, Endpoint)
        resident = self.residents.get(_key(to))
        if resident is None:
            place = self.population.place_at(to.host)
            resident = None if place is None or to.port != PORT else self.settle(place)
            if resident is None:
                self.unheard += 1
                return
        nat = resident.nat
        if nat is not None and self.now_s - nat.get(source.host, -math.inf) > NAT_OPEN_S:
            self.unheard += 1
            return
        fact = DatagramReceived(data, source)
        self.carry_out(resident, resident.core.handle(fact, self.now_s))

    def _wake(self, resident: Resident) -> None:
        if resident.is_gone or resident.timer_s != self.now_s:
            return  # this timer has been overtaken by an earlier one
        resident.timer_s = math.inf
        due_s = resident.core.deadline_s()
        if due_s is not None and due_s <= self.now_s:
            self.carry_out(resident, resident.core.on_time(self.now_s))
            assert resident.timer_s > self.now_s, "busy loop"
        elif due_s is not None:
            resident.timer_s = due_s
            self._push(due_s, resident, None, None)

    def _hash(self, resident: Resident, command: ComputeArgon2) -> None:
        digest = cheap_hash(command.secret, command.salt)
        fact = Argon2Computed(command.secret, command.salt, digest)

        def computed() -> None:
            if not resident.is_gone:
                self.tell(resident, fact)

        self.at(self.now_s + HASH_S, computed)

    def _push(self, due_s: float, who: Due, data: bytes | None, source: Endpoint | None) -> None:
        self._order += 1
        heapq.heappush(self._heap, (due_s, self._order, who, data, source))


def _key(endpoint: Endpoint) -> str:
    return endpoint.host if endpoint.port == PORT else str(endpoint)


def _opened(nat: dict[str, float], host: str, now_s: float) -> dict[str, float]:
    """`nat` with `host` as the last it wrote to; anew, if enough of it is closed by now."""
    nat.pop(host, None)
    nat[host] = now_s
    if now_s - next(iter(nat.values())) <= NAT_FORGET_S:
        return nat
    return {known: since_s for known, since_s in nat.items() if now_s - since_s <= NAT_OPEN_S}
