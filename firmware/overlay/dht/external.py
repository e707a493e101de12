"""Our address as others see it, by vote.

Knows no message. Each network has one vote, so one hosting customer with many addresses does not
move us; nobody on a local network can tell us a global address, nor one of the other family.
Source: BEP 42, "the `ip` key": adopt an id for an address only after several nodes agree.
"""

from __future__ import annotations

from collections import Counter

from firmware.events import Message, ObservedAt
from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, network_of, scope_of

VOTES_NEEDED = 4  # of different networks, that agree, and they must be the majority
VOTERS_MAX = 16  # the latest


class ExternalAddress:
    """Counts what nodes of one family report of us."""

    __slots__ = ("_host", "_networks", "_port", "_votes")

    def __init__(self) -> None:
        # Side by side, oldest first: a third of the size of a dict.
        self._networks: tuple[str, ...] = ()
        self._votes: tuple[Endpoint, ...] = ()
        self._host: str | None = None
        self._port: int | None = None

    def vote(self, voter: Endpoint, observed: Endpoint) -> bool:
        """`voter` sees us at `observed`; at VOTERS_MAX the oldest vote is dropped.

        True if they agree on another address now.
        """
        network = network_of(voter.host)
        at = self._networks.index(network) if network in self._networks else -1
        if at >= 0 and self._votes[at] == observed:
            return False  # most of the time
        if Scope.GLOBAL is not scope_of(voter.host) or scope_of(observed.host) is not Scope.GLOBAL:
            return False
        if (":" in voter.host) != (":" in observed.host):
            return False
        if at < 0 and len(self._votes) >= VOTERS_MAX:
            at = 0
        changed = None
        if at >= 0:
            changed = self._votes[at]
            self._networks = self._networks[:at] + self._networks[at + 1 :]
            self._votes = self._votes[:at] + self._votes[at + 1 :]
        self._networks += (network,)
        self._votes += (observed,)
        if changed == observed:
            return False
        if changed is None and observed.host == self._host and observed.port == self._port:
            return False  # one more of the same opinion as most
        former = self._host
        self._host, self._port = self._counted(), self._most_seen_port()
        return self._host != former

    def host(self) -> str | None:
        """The address most voters agree on, or None while too few do."""
        return self._host

    def only_host(self) -> str | None:
        """Our address as the first voter sees it, until a second has voted.

        To look for a random id of ours until more agree would be in vain; who is lied to looks
        again when they do.
        """
        return self._votes[0].host if len(self._votes) == 1 else None

    def _counted(self) -> str | None:
        hosts = Counter(observed.host for observed in self._votes)
        for host, votes in hosts.most_common(1):
            if votes >= VOTES_NEEDED and 2 * votes > len(self._votes):
                return host
        return None

    def by_another_port(self, voter: Endpoint, observed: Endpoint) -> list[Message]:
        """ObservedAt if it is our address, but not the port most see: a NAT has one for each."""
        if observed.host != self._host or observed.port in (0, self._port):
            return []
        return [ObservedAt(observed, voter)]

    def port(self) -> int | None:
        """The port most voters see, if any has voted; behind some NATs each sees another."""
        return self._port

    def _most_seen_port(self) -> int | None:
        ports = Counter(observed.port for observed in self._votes if observed.port)
        return ports.most_common(1)[0][0] if ports else None
