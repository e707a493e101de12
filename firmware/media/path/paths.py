"""The path core: gathers our own addresses, and finds and keeps the best way of the present call.

Knows no codec, no key of the speech and no call state. The sound asks it where each packet goes
(`destinations`) and tells it what was heard (`heard`). Units: `_s` monotonic seconds.
Sources: RFC 8445 (ICE, whose checks these are), docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware.events import (
    AddressesChanged,
    DatagramReceived,
    Message,
    ObservedAt,
    OwnCandidatesFound,
    PathChanged,
    PortMapped,
    PreparePath,
    ProbePeer,
    StopMedia,
)
from firmware.media.path.candidates import OwnAddresses, is_probeable
from firmware.media.path.ways import Ways
from firmware.model import Endpoint


@dataclass(frozen=True, slots=True)
class PathStatus:
    """The way in use, for people and scripts."""

    remote: Endpoint
    is_relayed: bool
    rtt_s: float | None


class Paths:
    """A Core; at most one call at a time."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._own = OwnAddresses()
        self._found = OwnCandidatesFound((), ())
        self._ways: Ways | None = None
        self._told: tuple[Endpoint, ...] = ()  # the last PathChanged

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Addresses of ours, commands of the call, and STUN datagrams."""
        match fact:
            case AddressesChanged(addresses=addresses):
                has_moved = set(addresses) != set(self._own.hosts)
                self._own.set_hosts(addresses)
                if has_moved and self._ways is not None:
                    self._ways.move(now_s)
            case ObservedAt(endpoint=endpoint, observer=observer):
                self._own.observe(endpoint, observer)
            case PortMapped(endpoint=mapped):
                self._own.set_mapped(mapped)
            case PreparePath():
                self._ways, self._told = Ways(fact, self._random_bytes, now_s), fact.remotes[:1]
            case ProbePeer(candidates=candidates) if self._ways is not None:
                wanted = (candidate.endpoint for candidate in candidates)
                self._ways.try_ways(
                    (one for one in wanted if is_probeable(one, self._own.hosts)), now_s
                )
            case StopMedia():
                self._ways = None
            case DatagramReceived() if self._ways is not None:
                self._ways.receive(fact, now_s)
        return self._flush(now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Send the checks that are due."""
        if self._ways is not None:
            self._ways.on_time(now_s)
        return self._flush(now_s)

    def deadline_s(self) -> float | None:
        """The next check; None without a call."""
        return None if self._ways is None else self._ways.deadline_s()

    def destinations(self, now_s: float) -> tuple[Endpoint, ...]:
        """Where a packet for the peer goes now; empty without a call."""
        return () if self._ways is None else self._ways.destinations(now_s)

    def heard(self, source: Endpoint, now_s: float, *, is_first: bool = True) -> None:
        """An authentic packet of the peer came from `source`, for the first time or again."""
        if self._ways is not None:
            self._ways.heard(source, now_s, is_first=is_first)

    def status(self) -> PathStatus | None:
        """The way in use; None without a call."""
        if self._ways is None:
            return None
        chosen = self._ways.chosen
        return PathStatus(chosen.endpoint, chosen.is_relay, chosen.rtt_s)

    def _flush(self, now_s: float) -> list[Message]:
        messages: list[Message] = []
        found = self._own.found()
        if found != self._found:
            self._found = found
            messages.append(found)
        if self._ways is None:
            return messages
        messages += self._ways.out
        self._ways.out.clear()
        endpoints = self._ways.destinations(now_s)
        if endpoints != self._told:
            self._told = endpoints
            chosen = self._ways.chosen
            messages.append(PathChanged(endpoints, chosen.is_relay, chosen.rtt_s))
        return messages
