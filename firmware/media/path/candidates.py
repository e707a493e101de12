"""Candidates: where this box may be reached directly, and which of the peer's are worth a probe.

Knows no call. What interfaces, routers and observers say is gathered here; an observer may lie, so
what it says is only ever a place to be tried.
Sources: RFC 8445 section 5.1.1 (kinds), RFC 1918, RFC 4193, RFC 6598 (private addresses), RFC 4787
section 4.1 (how a NAT assigns ports).
"""

from __future__ import annotations

import ipaddress
from math import gcd

from firmware.events import OwnCandidatesFound
from firmware.media.path.guess import is_counting
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

SENT_TO_MAX = 512
HOSTS_MAX = 6  # of our interfaces
EXCHANGES_MAX = 3  # told to the peer
OBSERVERS_MAX = 8  # of one address family, the latest
SPREAD_MAX = 512  # ports seen within so many are counted, not thrown; by chance once in 60 for two

_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
        *("127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"),
    )
)


def is_private(host: str) -> bool:
    """True for an address that means something in its own network only."""
    address = ipaddress.ip_address(host)
    return any(address.version == net.version and address in net for net in _PRIVATE)


def is_probeable(endpoint: Endpoint, own_hosts: tuple[Endpoint, ...]) -> bool:
    """Whether a peer's word is enough to send a probe there.

    Only a family that we have; a private address only if we have one ourselves, loopback only if we
    live on it.
    """
    address = ipaddress.ip_address(endpoint.host)
    if address.is_multicast or address.is_unspecified or not 0 < endpoint.port < 65536:
        return False
    if endpoint.host == "255.255.255.255":
        return False
    own = [ipaddress.ip_address(host) for host, *_ in own_hosts]
    same_family = [mine for mine in own if mine.version == address.version]
    if address.is_loopback:
        return any(mine.is_loopback for mine in same_family)
    if is_private(endpoint.host):
        return any(is_private(str(mine)) for mine in same_family)
    return bool(same_family) or not own


class OwnAddresses:
    """What is known of our own addresses, by kind."""

    def __init__(self) -> None:
        self.hosts: tuple[Endpoint, ...] = ()
        self._mapped: Endpoint | None = None
        self._observed: dict[Endpoint, Endpoint] = {}  # observer: where it saw us, oldest first
        self.observers: dict[Endpoint, None] = {}  # whoever saw us of late, oldest first
        self._sent_to: dict[Endpoint, None] = {}  # directly, oldest first
        self.sounded: tuple[Candidate, ...] = ()  # measured for the present call
        self.chance: Candidate | None = None  # offered to the peer of the present call
        self._relays: tuple[Candidate, ...] = ()
        self._moved = 0  # destinations that were new since the newest observation

    def set_hosts(self, hosts: tuple[Endpoint, ...]) -> None:
        """Our interfaces have these addresses; what others saw before may be over."""
        if set(hosts) != set(self.hosts):
            self._observed.clear()
        self.hosts = hosts[:HOSTS_MAX]

    def set_exchanges(self, exchanges: tuple[Endpoint, ...]) -> None:
        """We are registered there."""
        self._relays = tuple(
            Candidate(one, CandidateKind.RELAY) for one in exchanges[:EXCHANGES_MAX]
        )

    def set_mapped(self, endpoint: Endpoint | None) -> None:
        """The router forwards this to us; None = nothing."""
        self._mapped = endpoint

    def observe_again(self, endpoint: Endpoint, observer: Endpoint) -> None:
        """As `observe`, after a doubt: if it sees us elsewhere now, what others saw is over."""
        if self._observed.get(observer) not in (None, endpoint):
            self._observed.clear()
        self.observe(endpoint, observer)

    def observe(self, endpoint: Endpoint, observer: Endpoint) -> None:
        """`observer` saw us at `endpoint`; at OBSERVERS_MAX of a family the oldest is forgotten."""
        if self._observed.get(observer) == endpoint:
            return  # no news, so not the newest either
        self._observed.pop(observer, None)
        self.observers.pop(observer, None)
        self.observers[observer] = None
        if len(self.observers) > OBSERVERS_MAX:
            del self.observers[next(iter(self.observers))]
        before = self._seen(is_ipv6=":" in endpoint.host)
        self._observed[observer] = endpoint
        if not before or newest([*before, endpoint]) == endpoint:
            self._moved = 0
        family = [
            other for other in self._observed if (":" in other.host) == (":" in observer.host)
        ]
        if len(family) > OBSERVERS_MAX:
            del self._observed[family[0]]

    def send_to(self, endpoint: Endpoint) -> None:
        """A datagram goes there directly: a NAT that counts moves on if it is a new destination."""
        self._moved += endpoint not in self._sent_to
        self._sent_to.pop(endpoint, None)
        self._sent_to[endpoint] = None
        if len(self._sent_to) > SENT_TO_MAX:
            del self._sent_to[next(iter(self._sent_to))]

    def found(self) -> OwnCandidatesFound:
        """All candidates, each endpoint once, the most direct first."""
        kinds = [(one.endpoint, one.kind, one.port_step) for one in self.sounded]
        kinds += [(host, CandidateKind.HOST, 0) for host in self.hosts]
        if self._mapped is not None:
            kinds.append((self._mapped, CandidateKind.MAPPED, 0))
        families = (self._seen(is_ipv6=False), self._seen(is_ipv6=True))
        for seen in filter(None, families):
            step = port_step(seen)
            if is_counting(step) and self.sounded:
                continue  # they say it better
            kinds.append((self._expected(newest(seen), step), CandidateKind.OBSERVED, step))
        once: dict[Endpoint, Candidate] = {}
        for endpoint, kind, step in kinds:
            once.setdefault(endpoint, Candidate(endpoint, kind, step))
        private = tuple(one for one in once.values() if is_private(one.endpoint.host))
        public = [one for one in once.values() if one not in private]
        public += [] if self.chance is None else [self.chance]
        return OwnCandidatesFound(tuple(public), private, self._relays)

    def outside(self) -> Candidate | None:
        """Where others saw us last, by IPv4, on the Internet; None = nobody did."""
        seen = self._seen(is_ipv6=False)
        if not seen or is_private(seen[-1].host):
            return None
        return Candidate(seen[-1], CandidateKind.OBSERVED, port_step(seen))

    def port_step(self, towards: Endpoint) -> int:
        """How our own router chooses ports for destinations of the family of `towards`."""
        seen = self._seen(is_ipv6=":" in towards.host)
        return port_step(seen) if seen else 0

    def newest(self) -> Endpoint | None:
        """The furthest of a router that counts, as far as anybody told; IPv4."""
        seen = self._seen(is_ipv6=False)
        return newest(seen) if seen else None

    def _expected(self, observed: Endpoint, step: int) -> Endpoint:
        """Where a NAT that counts has got to, by what we have sent since it was `observed`."""
        port = observed.port + step * self._moved if is_counting(step) else observed.port
        return Endpoint(observed.host, port) if port < 65536 else observed

    def _seen(self, *, is_ipv6: bool) -> list[Endpoint]:
        """Where others saw us, in the order in which they did."""
        return [mine for mine in self._observed.values() if (":" in mine.host) == is_ipv6]


def port_step(seen: list[Endpoint]) -> int:
    """How the NAT in front of us chooses ports, from where observers saw us.

    0 = the same port for all, 1 or 2 = that much further each time, else PORT_STEP_RANDOM. In what
    order the observers saw us is not known; between two of them there may have been others, many
    if they saw us at different times. So three of them that saw us near to each other are enough:
    by chance that is so once in a hundred.
    """
    ports = sorted(endpoint.port for endpoint in seen if endpoint.host == seen[-1].host)
    row = _densest(ports)
    if len(set(row)) == 1 and 2 * len(row) > len(ports):
        return 0
    if len(row) < min(len(ports), 3):
        return PORT_STEP_RANDOM
    return 2 if gcd(*(port - row[0] for port in row)) % 2 == 0 else 1


def _densest(ports: list[int]) -> list[int]:
    """The largest group of sorted `ports` within SPREAD_MAX."""
    groups = [
        [port for port in ports[i:] if port - first <= SPREAD_MAX] for i, first in enumerate(ports)
    ]
    return max(groups, key=len)


def newest(seen: list[Endpoint]) -> Endpoint:
    """Where a NAT that counts has got to; for others, what was seen last."""
    if port_step(seen) in (0, PORT_STEP_RANDOM):
        return seen[-1]
    return max((one for one in seen if one.host == seen[-1].host), key=lambda one: one.port)
