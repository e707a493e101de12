"""Routers for the deterministic world: each kind of NAT, as RFC 4787 tells them apart.

A telephone behind one has an address of its own that nobody else can send to. Ports are not kept,
as behind a router that many share; the worst case for finding a way.
Sources: RFC 4787 sections 4 and 5; RFC 3489 section 5 for the names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from firmware import events
from firmware.core import Message
from firmware.demux import Protocol, protocol_of
from firmware.events.path import KeepDoor, SendByDoor
from firmware.model import Endpoint
from tests.world import Actor, Network, PhoneActor, World

MAPPING_S = 30.0  # without a packet from inside
FIRST_PORT, PORT_STEP = 20_000, 2
PORT = 6881  # of every telephone
DOOR_PORT = 40_000  # inside, of door 0


class Kind(StrEnum):
    """What a router does; in brackets what it maps by, and what it lets in."""

    PUBLIC = "public"  # there is none
    FULL_CONE = "full cone"  # (endpoint independent, all)
    ADDRESS = "address restricted"  # (endpoint independent, addresses sent to)
    PORT = "port restricted"  # (endpoint independent, endpoints sent to)
    SYMMETRIC = "symmetric"  # (by endpoint, the endpoint sent to), ports at random
    INCREMENTING = "incrementing"  # the same, each port the next but one


CONES = (Kind.FULL_CONE, Kind.ADDRESS, Kind.PORT)


@dataclass(slots=True, eq=False)
class Nat:
    """One router with one public address."""

    kind: Kind
    host: str
    dice: random.Random
    ports: dict[tuple[Endpoint, Endpoint | None], int] = field(default_factory=dict)
    inside: dict[int, Endpoint] = field(default_factory=dict)
    sent: dict[tuple[int, Endpoint], float] = field(default_factory=dict)
    used: int = 0  # ports so far
    used_s: dict[tuple[Endpoint, Endpoint | None], float] = field(default_factory=dict)

    def outbound(self, source: Endpoint, to: Endpoint, now_s: float) -> Endpoint:
        """How a datagram from inside looks outside."""
        key = (source, None if self.kind in CONES else to)
        used_s, self.used_s[key] = self.used_s.get(key, 0.0), now_s
        if key not in self.ports or now_s - used_s >= MAPPING_S:
            self.ports[key] = self._new_port()
            self.inside[self.ports[key]] = source
        port = self.ports[key]
        self.sent[port, to] = now_s
        return Endpoint(self.host, port)

    def inbound(self, port: int, source: Endpoint, now_s: float) -> Endpoint | None:
        """Who inside gets a datagram that came to `port`; None = nobody."""
        allowed = (
            self.kind is Kind.FULL_CONE
            or (self.kind is Kind.ADDRESS and to.host == source.host)
            or to == source
            for (own, to), at_s in self.sent.items()
            if own == port and now_s - at_s < MAPPING_S
        )
        return self.inside.get(port) if any(allowed) else None

    def forget(self) -> None:
        """As after a restart: new ports for everybody."""
        self.ports.clear()
        self.inside.clear()
        self.sent.clear()

    def _new_port(self) -> int:
        self.used += 1
        if self.kind is Kind.INCREMENTING:
            return FIRST_PORT + PORT_STEP * self.used
        while (port := self.dice.randrange(1024, 65536)) in self.inside:
            pass
        return port


class NatWorld(World):
    """A world in which a telephone may stand behind a router; all other addresses are public."""

    def __init__(self, seed: int, network: Network | None = None) -> None:
        super().__init__(seed, network)
        self.nats: dict[str, Nat] = {}  # by public address
        self.nat_of: dict[str, Nat] = {}  # by name of the telephone
        self.home_of: dict[Endpoint, Endpoint] = {}  # where a telephone that moved is now
        self.said: set[tuple[str, Protocol, str]] = set()  # who, what, to which host
        self.cut: set[frozenset[str]] = set()  # pairs of hosts with no way between them
        self.doors: dict[tuple[Endpoint, Endpoint], int] = {}  # of whom, towards whom: kept
        self.doors_sent = 0  # datagrams by doors that are only tried
        self.middle: set[str] = set()  # hosts without a leg: half as far from everybody else

    def place(self, i: int) -> Endpoint:
        """Public addresses, each in a network of its own."""
        return Endpoint(f"{20 + i // 200}.{i % 200}.7.1", PORT)

    def add_behind(self, name: str, kind: Kind, exchanges: Iterable[Actor]) -> PhoneActor:
        """A telephone behind a router of its own."""
        place = self.place(len(self.actors) + 1)
        if kind is not Kind.PUBLIC:
            self.put_behind(name, kind)
            self.home_of[place] = Endpoint(f"192.168.{len(self.nats)}.2", place.port)
        who = self.add_phone(name, exchanges=exchanges, direct=kind is Kind.PUBLIC)
        self.tell(who, events.AddressesChanged((self.home_of.get(place, place),)))
        return who

    def put_behind(self, name: str, kind: Kind) -> Nat:
        """From now on the telephone is behind a new router of this kind."""
        host = f"198.51.100.{len(self.nats) + 1}"
        nat = self.nats[host] = Nat(kind, host, random.Random(f"{self.seed}/{host}"))
        self.nat_of[name] = nat
        return nat

    def move(self, who: PhoneActor, host: str) -> None:
        """Another address, known at once, and none of the old one's datagrams arrive any more."""
        home = Endpoint(host, who.endpoint.port)
        self.home_of[who.endpoint] = home
        self.tell(who, events.AddressesChanged((home,)))

    def _perform_one(self, actor: Actor, message: Message) -> None:
        match message:
            case SendByDoor(data=data, to=to, door=door):
                self.doors_sent += 1
                self._send(actor.endpoint, data, to, door)
            case KeepDoor(to=to, door=door):
                self.doors[actor.endpoint, to] = door
            case _:
                super()._perform_one(actor, message)

    def _send(self, source: Endpoint, data: bytes, to: Endpoint, door: int = 0) -> None:
        self.datagrams += 1
        assert not to.channel, self.story("a channel is no address")
        actor = self.actors[source]
        self.said.add((actor.name, protocol_of(data), to.host))
        nat = self.nat_of.get(actor.name)
        home = self.home_of.get(source, source)
        if door := door or self.doors.get((source, to), 0):
            home = home._replace(port=DOOR_PORT + door)
        outside = home if nat is None else nat.outbound(home, to, self.now_s)
        legs = sum(host not in self.middle for host in (source.host, to.host)) / 2
        if self._random.random() < 1 - (1 - self.network.loss) ** legs:
            return
        arrival_s = self.now_s + legs * self._random.uniform(*self.network.delay_s)
        self._at(arrival_s, partial(self._arrive, outside, data, to))

    def _arrive(self, source: Endpoint, data: bytes, to: Endpoint) -> None:
        if frozenset((source.host, to.host)) in self.cut:
            return
        nat = self.nats.get(to.host)
        home = to if nat is None else nat.inbound(to.port, source, self.now_s)
        if home is None:
            return
        door = max(home.port - DOOR_PORT, 0)
        home = home if not door else home._replace(port=PORT)
        actor = next(
            (who for at, who in self.actors.items() if self.home_of.get(at, at) == home), None
        )
        if actor is None or self.nat_of.get(actor.name) is not nat:
            return
        kept = self.doors.get((actor.endpoint, source), None)
        if door and kept is not None:
            if door != kept:
                return  # it is closed
            door = 0
        self.tell(actor, events.DatagramReceived(data, source, door))


def has_direct_way(one: Kind, other: Kind) -> bool:
    """Whether physics allows it: somebody must be able to guess where the other will come from."""
    kinds = {one, other}
    if Kind.SYMMETRIC not in kinds:
        return True
    return bool(kinds & {Kind.PUBLIC, Kind.FULL_CONE, Kind.ADDRESS})
