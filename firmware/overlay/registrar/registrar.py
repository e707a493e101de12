"""Keeps a box registered with three exchanges, of different networks where there are some.

Chooses by round-trip time and spare capacity, leaves who is silent, full or about to stop, and
comes back at random moments, so that a thousand boxes that lost an exchange together do not fall on
the next one together. Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware.channel import Kept, Refusal
from firmware.errors import MalformedError
from firmware.events import HostResolved, Message, ObservedAt, ResolveHost
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.address import is_usable, network_of
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.node import Node
from firmware.overlay.registrar.link import Applicant, Link, State

EXCHANGES = 3  # with which a box is registered
PROBED_MAX = 6  # asked at a time; the best of them are chosen
CHOICE_S = 0.25  # from the first offer: who is further away than that is not chosen anyway
POOL_MAX = 64  # exchanges we know of
RETRY_S = 2.0  # with one that failed; doubles, randomised
RETRY_MAX_S = 600.0
BUSY_S = 0.3  # a full exchange is as bad as one that is so much further away
SAME_NETWORK_S = 1.0
REJOIN_S = 8.0  # the next exchange is looked for within that time, if another one still serves


@dataclass(slots=True)
class Known:
    """An exchange in the pool."""

    endpoint: Endpoint
    retry_s: float = -math.inf  # not to be asked before
    failures: int = 0


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """For people and scripts."""

    endpoint: Endpoint
    rtt_s: float
    load: int
    registered_s: float


class Registrar:
    """Does nothing before `claim`, `set_hashes` and `set_clock`."""

    def __init__(
        self, node: Node, random_bytes: Callable[[int], bytes], configured: Iterable[str] = ()
    ) -> None:
        self._node = node
        self._random_bytes = random_bytes
        self._names: list[str] = []
        self._pool: dict[Endpoint, Known] = {}
        self._links: dict[Endpoint, Link] = {}
        self._identity: Identity | None = None
        self._certificate = b""
        self._hashes: tuple[bytes, ...] = ()
        self._utc_less_now_s: float | None = None
        self._next_s = -math.inf  # when exchanges may be asked again
        self._choice_s = math.inf
        self._told: dict[Endpoint, Endpoint] = {}  # by exchange: where it sees us
        for entry in configured:
            try:
                self.learn(Endpoint.parse(entry))
            except MalformedError:
                self._names.append(entry)

    def start(self) -> list[Message]:
        """Ask for the names of the configuration."""
        return [ResolveHost(name) for name in self._names]

    def resolved(self, fact: HostResolved) -> None:
        """Perhaps one of ours."""
        if fact.name in self._names:
            for endpoint in fact.endpoints:
                self.learn(endpoint)

    def learn(self, endpoint: Endpoint) -> None:
        """There may be an exchange; at POOL_MAX who failed most often is forgotten."""
        if not is_usable(endpoint) or endpoint in self._pool:
            return
        if len(self._pool) >= POOL_MAX:
            idle = [known for known in self._pool.values() if known.endpoint not in self._links]
            if not idle:
                return
            del self._pool[max(idle, key=lambda known: known.failures).endpoint]
        self._pool[endpoint] = Known(endpoint)

    def claim(self, identity: Identity | None, certificate: bytes) -> None:
        """Who we are; what was registered for another number is given up."""
        for link in self._links.values():
            link.end()
        self._links, self._hashes = {}, ()
        self._identity, self._certificate = identity, certificate

    def set_clock(self, utc_s: float, now_s: float) -> None:
        """Leases are dated."""
        self._utc_less_now_s = utc_s - now_s

    def set_hashes(self, hashes: tuple[bytes, ...]) -> None:
        """Under which our certificate is asked for these days."""
        self._hashes = hashes

    def registered(self) -> list[Link]:
        """Where we are registered, the best first."""
        links = [link for link in self._links.values() if link.state is State.REGISTERED]
        return sorted(links, key=lambda link: (link.is_leaving, link.rtt_s))

    def views(self) -> tuple[ExchangeView, ...]:
        """What `status` says of them."""
        return tuple(
            ExchangeView(link.endpoint, link.rtt_s, link.load, link.registered_s)
            for link in self.registered()
        )

    def hear(self, fact: Answered, now_s: float) -> None:
        """An answer, perhaps to us."""
        for link in self._links.values():
            if link.hear(fact, now_s):
                if link.state is State.OFFERED and self._choice_s == math.inf:
                    self._choice_s = now_s + CHOICE_S
                return

    def receive(self, frame: Kept | Refusal, source: Endpoint, now_s: float) -> None:
        """What an exchange says about our registration."""
        link = self._links.get(source)
        if link is not None:
            link.receive(frame, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Leave, look for others, register, keep."""
        applicant, utc_s = self._applicant(), self._utc_s(now_s)
        if applicant is None or utc_s is None:
            return []
        out: list[Message] = []
        for link in list(self._links.values()):
            out += link.on_time(now_s)
            if link.state is State.LOST:
                self._lose(link, now_s)
            elif link.state is State.REGISTERED and link.has_token:
                link.enter(applicant, utc_s, now_s)
            elif link.state is State.REGISTERED and link.is_renewal_due(now_s, self._hashes):
                link.renew(now_s)
        self._look(now_s)
        if now_s >= self._choice_s or self._is_everything_offered():
            self._choose(applicant, utc_s, now_s)
        return out + self._observations()

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        if self._applicant() is None or self._utc_less_now_s is None:
            return None
        due = [link.deadline_s() for link in self._links.values()]
        due.append(self._choice_s)
        if self._wanted() and not self._probed():
            waiting = [k.retry_s for e, k in self._pool.items() if e not in self._links]
            due.append(max(self._next_s, min(waiting, default=math.inf)))
        return min((due_s for due_s in due if due_s is not None and due_s < math.inf), default=None)

    # --- which exchanges ---------------------------------------------------------------------

    def _wanted(self) -> int:
        """How many more we want."""
        good = [link for link in self._links.values() if _counts(link)]
        return max(0, EXCHANGES - len(good))

    def _probed(self) -> list[Link]:
        probed = (State.ASKED, State.OFFERED)
        return [link for link in self._links.values() if link.state in probed]

    def _look(self, now_s: float) -> None:
        """Ask some whether they would take us, if we want more."""
        if now_s < self._next_s or not self._wanted() or self._probed():
            return
        able = [k for e, k in self._pool.items() if e not in self._links and k.retry_s <= now_s]
        able.sort(key=lambda known: (known.failures, self._random_bytes(2)))
        for known in able[:PROBED_MAX]:
            link = Link(known.endpoint, self._node, self._random_bytes)
            self._links[known.endpoint] = link
            link.ask(now_s)

    def _is_everything_offered(self) -> bool:
        return self._choice_s < math.inf and all(
            link.state is State.OFFERED for link in self._probed()
        )

    def _choose(self, applicant: Applicant, utc_s: float, now_s: float) -> None:
        """The best of those who offered, the others are let go."""
        self._choice_s = math.inf
        offers = [link for link in self._links.values() if link.state is State.OFFERED]
        for _ in range(self._wanted()):
            if not offers:
                break
            networks = {network_of(e.host) for e, link in self._links.items() if _counts(link)}
            best = min(offers, key=lambda link: _cost_s(link, networks))
            offers.remove(best)
            best.enter(applicant, utc_s, now_s)
        if not self._wanted():
            for link in self._probed():
                link.end()
                del self._links[link.endpoint]

    def _lose(self, link: Link, now_s: float) -> None:
        del self._links[link.endpoint]
        link.end()
        known = self._pool.get(link.endpoint)
        if known is not None:
            delay_s = max(link.retry_s, min(RETRY_S * 2.0**known.failures, RETRY_MAX_S))
            known.failures = min(known.failures + 1, 16)
            known.retry_s = now_s + jittered(delay_s, self._random_bytes)
        if self.registered():
            self._next_s = now_s + jittered(REJOIN_S / 2, self._random_bytes)

    def _observations(self) -> list[Message]:
        out: list[Message] = []
        for link in self.registered():
            if link.observed is not None and self._told.get(link.endpoint) != link.observed:
                self._told[link.endpoint] = link.observed
                out.append(ObservedAt(link.observed, link.endpoint))
        return out

    def _applicant(self) -> Applicant | None:
        if self._identity is None or not self._hashes:
            return None
        return Applicant(self._identity, self._certificate, self._hashes)

    def _utc_s(self, now_s: float) -> float | None:
        return None if self._utc_less_now_s is None else now_s + self._utc_less_now_s


def _counts(link: Link) -> bool:
    """True if it serves us, or soon will."""
    return link.state in (State.REGISTERED, State.ENTERING) and not link.is_leaving


def _cost_s(link: Link, networks: set[str]) -> float:
    is_near_another = network_of(link.endpoint.host) in networks
    return link.rtt_s + BUSY_S * (link.load / 255) ** 2 + SAME_NETWORK_S * is_near_another
