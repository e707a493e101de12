"""Keeps a box registered with three exchanges, of different networks where there are some.

Chooses by round-trip time and spare capacity, leaves who is silent, full, about to stop or lets no
call through, and comes back at random moments, so that a thousand boxes that lost an exchange
together do not fall on the next one together. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware.channel import Elsewhere, Kept, Refusal, target_of
from firmware.errors import MalformedError
from firmware.events import Fact, HostResolved, Message, ObservedAt, ResolveHost, StoreState
from firmware.events.network import TunnelKnown
from firmware.events.path import ExchangesChanged
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.card import Place
from firmware.overlay.dht.address import network_of
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.node import Node
from firmware.overlay.registrar.clock import CLOCK_FILE, Clocks
from firmware.overlay.registrar.finder import Finder
from firmware.overlay.registrar.link import Applicant, Link, State
from firmware.overlay.registrar.pool import EXCHANGES_FILE, Pool, encode_exchanges
from firmware.overlay.registrar.ringer import RING_S, Ringer
from firmware.overlay.swarm import CLOCK_SET_S

EXCHANGES = 3  # with which a box is registered
PROBED_MAX = 6  # asked at a time; the best of them are chosen
CHOICE_S = 0.25  # from the first offer: who is further away than that is not chosen anyway
BUSY_S = 0.3  # a full exchange is as bad as one that is so much further away
SAME_NETWORK_S = 1.0
REJOIN_S = 8.0  # the next exchange is looked for within that time, if another one still serves
STORE_S = 10.0  # a changed list is written after so long, once
REACHED_S = 2 * RING_S  # so long a self-ring that worked is believed


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """For people and scripts."""

    endpoint: Endpoint
    rtt_s: float
    load: int
    rings: bool  # the last call to ourselves came through


class Registrar:
    """Does nothing before `claim`, `set_hashes` and `set_clock`."""

    def __init__(
        self,
        node: Node,
        random_bytes: Callable[[int], bytes],
        configured: Iterable[str] = (),
        remembered: Iterable[Endpoint] = (),
    ) -> None:
        self._node = node
        self._random_bytes = random_bytes
        self._names: list[str] = []
        self._pool = Pool(random_bytes)
        self._finder = Finder(node, random_bytes)
        self._ringer = Ringer(node, random_bytes)
        self._links: dict[Endpoint, Link] = {}
        self._identity: Identity | None = None
        self._certificate = b""
        self._target = b""
        self._hashes: tuple[bytes, ...] = ()
        self._utc_less_now_s: float | None = None
        self._clocks = Clocks()
        self._next_s = -math.inf  # when exchanges may be asked again
        self._choice_s = math.inf
        self._news: list[Message] = []
        self._told: dict[Endpoint, Endpoint] = {}  # by exchange: where it sees us
        self._reached_by: frozenset[Endpoint] = frozenset()  # the last ExchangesChanged
        self._store_s = math.inf
        before = tuple(remembered)
        self._stored: frozenset[Endpoint] = frozenset(before)
        for endpoint in before:  # in their order: a set has another one in each process
            self.learn(endpoint)
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
        """There may be an exchange."""
        self._pool.learn(endpoint, self._links)

    def claim(self, identity: Identity | None, certificate: bytes) -> None:
        """Who we are; what was registered for another number is given up."""
        for link in self._links.values():
            link.end()
        self._links, self._hashes = {}, ()
        self._identity, self._certificate = identity, certificate
        self._target = b"" if identity is None else target_of(identity.public_key)

    def set_clock(self, utc_s: float, now_s: float) -> None:
        """Leases are dated, and dated anew if the clock was wrong: after a power cut, say."""
        before_s, self._utc_less_now_s = self._utc_less_now_s, utc_s - now_s
        if before_s is not None and abs(utc_s - now_s - before_s) > CLOCK_SET_S:
            self._pool.forgive()  # they took no lease of another time
            for link in self._links.values():
                link.redate(now_s)

    def set_hashes(self, hashes: tuple[bytes, ...]) -> None:
        """Under which our certificate is asked for these days."""
        self._hashes = hashes

    def registered(self) -> list[Link]:
        """Where we are registered, the best first."""
        links = [link for link in self._links.values() if link.state is State.REGISTERED]
        return sorted(links, key=lambda link: (not _counts(link), link.rtt_s))

    def link_of(self, source: Endpoint, registration_id: bytes) -> Link | None:
        """The exchange there, if that is our registration with it."""
        link = self._links.get(source)
        if link is None or link.state is not State.REGISTERED:
            return None
        return link if link.registration_id == registration_id else None

    def places(self) -> tuple[Place, ...]:
        """Where others reach us."""
        return tuple(Place(link.endpoint, link.key) for link in self.registered())

    def rings(self, now_s: float) -> bool:
        """True if a call to us came through by one of them of late."""
        return any(now_s - link.rung_s < REACHED_S for link in self.registered())

    def views(self) -> tuple[ExchangeView, ...]:
        """What `status` says of them."""
        return tuple(
            ExchangeView(link.endpoint, link.rtt_s, link.load, _rings(link))
            for link in self.registered()
        )

    def hear(self, fact: Fact, now_s: float) -> None:
        """An answer or what was found, perhaps for us."""
        for endpoint in self._finder.hear(fact):
            self.learn(endpoint)
        if not isinstance(fact, Answered):
            return
        for link in self._links.values():
            if link.hear(fact, now_s):
                if link.utc_s is not None:
                    self._clocks.hear(link.endpoint.host, link.utc_s, now_s)
                if link.state is State.OFFERED and self._choice_s == math.inf:
                    self._choice_s = now_s + CHOICE_S
                if link.state is State.REGISTERED:
                    self._pool.succeeded(link.endpoint)
                    self._note_tunnel(link)
                return

    def receive(self, frame: Kept | Refusal | Elsewhere, source: Endpoint, now_s: float) -> None:
        """What an exchange says about our registration."""
        link = self._links.get(source)
        if link is None:
            return
        was_leaving = link.is_leaving
        link.receive(frame, now_s)
        if link.is_leaving and not was_leaving:
            self._wait(now_s)
        if isinstance(frame, Elsewhere) and link.is_leaving:
            for endpoint in frame.endpoints:
                self.learn(endpoint)

    def rang(self, payload: bytes, source: Endpoint, now_s: float) -> bool:
        """True if it was our own call to ourselves that came through."""
        return self._ringer.heard(payload, source, now_s)

    def advance(self, now_s: float) -> list[Message]:
        """Leave, look for others, register, keep, ring."""
        applicant, utc_s = self._applicant(), self._utc_s(now_s)
        if applicant is None or utc_s is None:
            return []
        out = self._ringer.advance(self._ringable(), self._target, now_s)
        for link in list(self._links.values()):
            out += link.on_time(now_s)
            if link.state is State.LOST or (not self._wanted() and _is_bad(link)):
                out += link.leave()
                self._lose(link, now_s)
            elif link.state is State.REGISTERED and link.has_token:
                link.enter(applicant, utc_s, now_s)
            elif link.state is State.REGISTERED and link.is_renewal_due(now_s, self._hashes):
                link.renew(now_s)
        self._look(now_s)
        if now_s >= self._choice_s or self._is_everything_offered():
            self._choose(applicant, utc_s, now_s)
        if correction := self._clocks.correction(utc_s - now_s, now_s):
            out.append(StoreState(CLOCK_FILE, correction))
        out, self._news = out + self._news, []
        return out + self._observations() + self._exchanges() + self._memory(now_s)

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        if self._applicant() is None or self._utc_less_now_s is None:
            return None
        due = [link.deadline_s() for link in self._links.values()]
        due += [self._choice_s, self._store_s, self._ringer.deadline_s(self._ringable())]
        if self._wanted() and not self._probed():
            due.append(max(self._next_s, self._pool.next_s(self._links)))
            due.append(self._finder.deadline_s())
        return min((due_s for due_s in due if due_s is not None and due_s < math.inf), default=None)

    def _note_tunnel(self, link: Link) -> None:
        if link.tls_port is not None:
            self._news.append(TunnelKnown(Endpoint(link.endpoint.host, link.tls_port)))

    # --- which exchanges ---------------------------------------------------------------------

    def _wanted(self) -> int:
        """How many more we want."""
        return max(0, EXCHANGES - sum(map(_counts, self._links.values())))

    def _probed(self) -> list[Link]:
        probed = (State.ASKED, State.OFFERED)
        return [link for link in self._links.values() if link.state in probed]

    def _ringable(self) -> list[Link]:
        return [link for link in self._links.values() if link.state is State.REGISTERED]

    def _look(self, now_s: float) -> None:
        """Ask some whether they would take us, if we want more."""
        if not self._wanted():
            self._finder.rest()
        if not self._wanted() or now_s < self._next_s or self._probed():
            return
        for endpoint in self._pool.able(self._links, now_s)[:PROBED_MAX]:
            link = Link(endpoint, self._node, self._random_bytes)
            self._links[endpoint] = link
            link.ask(now_s)
        if not self._probed():
            self._finder.advance(now_s)

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
        self._pool.failed(link.endpoint, link.retry_s, now_s)
        self._wait(now_s)

    def _wait(self, now_s: float) -> None:
        """Who still has another exchange lets others go first."""
        if any(map(_counts, self.registered())):
            self._next_s = now_s + jittered(REJOIN_S / 2, self._random_bytes)

    # --- what others want to know ------------------------------------------------------------

    def _observations(self) -> list[Message]:
        out: list[Message] = []
        for link in self.registered():
            if link.observed is not None and self._told.get(link.endpoint) != link.observed:
                self._told[link.endpoint] = link.observed
                out.append(ObservedAt(link.observed, link.endpoint))
        if len(self._told) > len(self._links):
            self._told = {e: seen for e, seen in self._told.items() if e in self._links}
        return out

    def _exchanges(self) -> list[Message]:
        serving = tuple(link.endpoint for link in self.registered() if _counts(link))
        if frozenset(serving) == self._reached_by:
            return []
        self._reached_by = frozenset(serving)
        return [ExchangesChanged(serving)]

    def _memory(self, now_s: float) -> list[Message]:
        """What survives a restart; not written for each exchange of a start."""
        present = frozenset(link.endpoint for link in self.registered())
        if present <= self._stored:
            self._store_s = math.inf
        elif self._store_s == math.inf:
            self._store_s = now_s + STORE_S
        elif now_s >= self._store_s:
            earlier = sorted(self._stored - present)
            self._stored, self._store_s = present, math.inf
            return [StoreState(EXCHANGES_FILE, encode_exchanges([*sorted(present), *earlier]))]
        return []

    def _applicant(self) -> Applicant | None:
        if self._identity is None or not self._hashes:
            return None
        return Applicant(self._identity, self._certificate, self._hashes)

    def _utc_s(self, now_s: float) -> float | None:
        return None if self._utc_less_now_s is None else now_s + self._utc_less_now_s


def _rings(link: Link) -> bool:
    return link.rung_s > -math.inf and not link.rings_failed


def _counts(link: Link) -> bool:
    """True if it serves us, or soon will."""
    return link.state in (State.REGISTERED, State.ENTERING) and not _is_bad(link)


def _is_bad(link: Link) -> bool:
    return link.is_leaving or link.is_suspect


def _cost_s(link: Link, networks: set[str]) -> float:
    is_near_another = network_of(link.endpoint.host) in networks
    return link.rtt_s + BUSY_S * (link.load / 255) ** 2 + SAME_NETWORK_S * is_near_another
