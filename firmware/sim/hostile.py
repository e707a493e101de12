"""Nodes that want a number not to be found: honest to everybody, except about their targets.

They sit in the tables of others under identifiers that belong to their addresses, as BEP 42 asks,
know each other, and answer about a target by one of three attacks. Source: G. Urdaneta, G. Pierre,
M. van Steen, "A survey of DHT security techniques", 2011 (eclipse, poisoning, silence).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from firmware.demux import Protocol, protocol_of
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.krpc import AnnouncePeer, Answer, Contact, FindNode, GetPeers, Query
from firmware.overlay.dht.node_id import NODE_ID_BYTES
from firmware.sim.peer import SimNode
from firmware.sim.population import PORT, Role
from firmware.sim.world import Resident, World

NAMED = 8  # nodes in an answer, as from an honest node
FORGED_PORT = PORT + 1  # where a hostile node answers under whatever identifier it named
_NEAR_BYTES = 17  # of the target that a forged identifier shares


class Attack(StrEnum):
    """What is said about a target."""

    SILENCE = "silence"  # nothing
    POISON = "poison"  # nodes that do not exist, closer than any that do
    ECLIPSE = "eclipse"  # each other, under forged identifiers next to the target


@dataclass(slots=True)
class Conspiracy:
    """What all of them know: who they are, and what is attacked how."""

    members: tuple[Endpoint, ...]
    targets: dict[bytes, Attack] = field(default_factory=dict)


class HostileNode(SimNode):
    """An honest node but for the targets of its conspiracy."""

    conspiracy: Conspiracy

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Queries about a target are answered by the attack, all else honestly."""
        if isinstance(fact, DatagramReceived) and (query := _query(fact.data)) is not None:
            attack = self.conspiracy.targets.get(_target(query))
            if attack is not None:
                return _attack(attack, query, self.node_id, fact.source, self.conspiracy)
        return super().handle(fact, now_s)


class ForgedNode:
    """The second port of a hostile node: is whoever the one who asks was told it is."""

    def __init__(self, endpoint: Endpoint, conspiracy: Conspiracy) -> None:
        self._endpoint = endpoint
        self._conspiracy = conspiracy

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Only queries about a target are answered."""
        del now_s
        if not isinstance(fact, DatagramReceived) or (query := _query(fact.data)) is None:
            return []
        attack = self._conspiracy.targets.get(_target(query))
        if attack is not Attack.ECLIPSE:
            return []
        node_id = _near(_target(query), self._endpoint)
        return _attack(attack, query, node_id, fact.source, self._conspiracy)

    def on_time(self, now_s: float) -> list[Message]:
        """Nothing is ever due."""
        del now_s
        return []

    def deadline_s(self) -> float | None:
        """Never."""
        return None


def conspire(world: World) -> Conspiracy:
    """All hostile places of the population join, at first with no target."""
    population = world.population
    members = []
    for place, role in enumerate(population.roles):
        if role == Role.HOSTILE:
            members.append(Endpoint(population.endpoint(place).host, FORGED_PORT))
    return Conspiracy(tuple(members))


def hostile_resident(place: int, world: World, conspiracy: Conspiracy) -> Resident:
    """Both ports of the hostile node at `place`."""
    endpoint = world.population.endpoint(place)
    node = HostileNode((), world.random_bytes)
    node.conspiracy = conspiracy
    node.warm_up(place, world, idle=True)
    forged = Endpoint(endpoint.host, FORGED_PORT)
    world.put(Resident(ForgedNode(forged, conspiracy), forged, place))
    return world.put(Resident(node, endpoint, place, node))


def _query(data: bytes) -> Query | None:
    if protocol_of(data) is not Protocol.KRPC:
        return None
    try:
        packet = krpc.decode(data)
    except MalformedError:
        return None
    return packet if isinstance(packet, Query) else None


def _target(query: Query) -> bytes:
    match query.question:
        case FindNode(target=target):
            return target
        case GetPeers(info_hash=target) | AnnouncePeer(info_hash=target):
            return target
    return b""


def _attack(
    attack: Attack, query: Query, node_id: bytes, source: Endpoint, conspiracy: Conspiracy
) -> list[Message]:
    if attack is Attack.SILENCE:
        return []
    if isinstance(query.question, AnnouncePeer):
        answer = Answer()  # and nothing is kept
    else:
        make: Callable[[bytes, int, Conspiracy], Contact]
        make = _nobody if attack is Attack.POISON else _colluder
        target = _target(query)
        nodes = tuple(make(target, index, conspiracy) for index in range(NAMED))
        token = b"anything" if isinstance(query.question, GetPeers) else None
        answer = Answer(nodes=nodes, token=token)
    response = krpc.Response(query.transaction_id, node_id, answer, source, krpc.VERSION)
    return [SendDatagram(krpc.encode(response), source)]


def _nobody(target: bytes, index: int, conspiracy: Conspiracy) -> Contact:
    """A node that does not exist, at an address where nobody is."""
    del conspiracy
    digest = hashlib.sha256(target + bytes([index])).digest()
    host = f"{80 + digest[0] % 64}.{digest[1]}.{digest[2]}.{digest[3]}"
    return Contact(_near(target, Endpoint(host, PORT)), Endpoint(host, PORT))


def _colluder(target: bytes, index: int, conspiracy: Conspiracy) -> Contact:
    digest = hashlib.sha256(target + bytes([index])).digest()
    member = conspiracy.members[int.from_bytes(digest[:4], "big") % len(conspiracy.members)]
    return Contact(_near(target, member), member)


def _near(target: bytes, endpoint: Endpoint) -> bytes:
    digest = hashlib.sha256(target + endpoint.host.encode()).digest()
    return target[:_NEAR_BYTES] + digest[: NODE_ID_BYTES - _NEAR_BYTES]
