"""Candidates: where this box may be reached directly, and which of the peer's are worth a probe.

Knows no call. What interfaces, routers and observers say is gathered here; an observer may lie, so
what it says is only ever a place to be tried.
Sources: RFC 8445 section 5.1.1 (kinds), RFC 1918, RFC 4193, RFC 6598 (private addresses), RFC 4787
section 4.1 (how a NAT assigns ports).
"""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from math import gcd

from firmware.events import OwnCandidatesFound
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

HOSTS_MAX = 6  # of our interfaces
OBSERVERS_MAX = 8  # of one address family, the latest
PORT_STEP_MAX = 16  # a NAT that counts in larger steps is as good as one at random

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

    def set_hosts(self, hosts: tuple[Endpoint, ...]) -> None:
        """Our interfaces have these addresses; what others saw before may be over."""
        if set(hosts) != set(self.hosts):
            self._observed.clear()
        self.hosts = hosts[:HOSTS_MAX]

    def set_mapped(self, endpoint: Endpoint | None) -> None:
        """The router forwards this to us; None = nothing."""
        self._mapped = endpoint

    def observe(self, endpoint: Endpoint, observer: Endpoint) -> None:
        """`observer` saw us at `endpoint`; at OBSERVERS_MAX of a family the oldest is forgotten."""
        self._observed.pop(observer, None)
        self._observed[observer] = endpoint
        family = [
            other for other in self._observed if (":" in other.host) == (":" in observer.host)
        ]
        if len(family) > OBSERVERS_MAX:
            del self._observed[family[0]]

    def found(self) -> OwnCandidatesFound:
        """All candidates, each endpoint once, the most direct first."""
        kinds = [(host, CandidateKind.HOST, 0) for host in self.hosts]
        if self._mapped is not None:
            kinds.append((self._mapped, CandidateKind.MAPPED, 0))
        for is_ipv6 in (False, True):
            seen = [mine for mine in self._observed.values() if (":" in mine.host) == is_ipv6]
            if seen:
                kinds.append((seen[-1], CandidateKind.OBSERVED, port_step(seen)))
        once: dict[Endpoint, Candidate] = {}
        for endpoint, kind, step in kinds:
            once.setdefault(endpoint, Candidate(endpoint, kind, step))
        private = tuple(one for one in once.values() if is_private(one.endpoint.host))
        return OwnCandidatesFound(
            tuple(one for one in once.values() if one not in private), private
        )


def port_step(seen: list[Endpoint]) -> int:
    """How the NAT in front of us chooses ports, from what observers saw, oldest first.

    0 = the same port for all, a small number = that much further each time, else PORT_STEP_RANDOM.
    """
    ports = [endpoint.port for endpoint in seen if endpoint.host == seen[-1].host]
    distances = [later - earlier for earlier, later in pairwise(ports)]
    moves = [distance for distance in distances if distance]
    if not moves:
        return 0
    step = gcd(*moves)
    forward = sum(distance > 0 for distance in moves)
    spread = max(ports) - min(ports)
    if forward * 2 > len(moves) and step <= PORT_STEP_MAX and spread < 64 * step * len(ports):
        return step
    return PORT_STEP_RANDOM
