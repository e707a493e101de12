"""Boxes with numbers: publish one, resolve one, and note what the caller saw and when.

Numbers and certificates are real; only the hash behind them is cheap. The directory is the
product's own, on top of any node of the simulation. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware import number as numbers
from firmware.events import (
    ExpectNumber,
    Message,
    NumberResolved,
    NumberUnresolved,
    ReachabilityChanged,
    ResolveNumber,
    WallClockRead,
)
from firmware.identity import Identity
from firmware.overlay.dht.facts import PeersSeen
from firmware.overlay.directory import Directory
from firmware.overlay.swarm import info_hash_of, swarm_question
from firmware.sim.peer import SimNode
from firmware.sim.world import START_S, Resident, World, cheap_hash

NOON_UTC_S = 20_000 * 86_400 + 43_200.0  # at START_S; far from midnight
DIALLING_S = 0.3  # from the last digit but one to the last: the hash of the swarm is computed
MODIFIERS_MAX = 1_000_000


@dataclass(slots=True)
class Box:
    """A resident whose number can be called."""

    resident: Resident
    number: str
    certificate: bytes = field(repr=False)
    identity: Identity = field(repr=False)
    published_s: float | None = None  # when somebody first kept its announcement


@dataclass(slots=True)
class Call:
    """One number resolved by one caller; times since the last digit."""

    number: str
    started_s: float
    value_s: float | None = None  # the true address was in hand
    ended_s: float | None = None
    found: bool = False  # its certificate was verified
    queries: int = 0
    hops: int = 0


def publish(resident: Resident, world: World) -> Box:
    """Give the node at `resident` a number, and let it announce it."""
    identity = Identity.generate(world.random.randbytes(64))
    number, modifier = _claim(identity)
    box = Box(resident, number, identity.certify(modifier, "").encode(), identity)
    republish(box, resident, world)
    return box


def republish(box: Box, resident: Resident, world: World) -> None:
    """The same number at a node that is new: after a restart."""
    assert resident.node is not None
    box.resident, box.published_s = resident, None
    resident.core = Directory(
        resident.node,
        world.random_bytes,
        certificate=box.certificate,
        number=box.number,
        identity=box.identity,
    )

    def hear(message: Message) -> None:
        if isinstance(message, ReachabilityChanged) and message.published:
            box.published_s = box.published_s or world.now_s

    resident.hear = hear
    world.tell(resident, clock(world))


def call(
    resident: Resident, box: Box, world: World, ended: Callable[[Call], None] = lambda _: None
) -> Call:
    """Dial the number of `box` at the node of `resident`, which has no number of its own.

    When the call has `ended`, the resident is a node only, and may call again.
    """
    node = resident.core
    assert isinstance(node, SimNode)
    directory = Directory(node, world.random_bytes)
    result = Call(box.number, world.now_s + DIALLING_S)

    def watch(messages: list[Message]) -> None:
        if result.value_s is None and any(
            isinstance(message, PeersSeen) and box.resident.endpoint in message.peers
            for message in messages
        ):
            result.value_s = world.now_s - result.started_s

    def hear(message: Message) -> None:
        if not isinstance(message, NumberResolved | NumberUnresolved):
            return
        result.ended_s = world.now_s - result.started_s
        result.found = (
            isinstance(message, NumberResolved) and message.certificate == box.certificate
        )
        trace = directory.trace
        assert trace is not None
        result.queries, result.hops = trace.messages, trace.hops
        resident.core, resident.hear, node.watch = node, None, None
        ended(result)

    def dial() -> None:
        if not resident.is_gone:
            world.tell(resident, ResolveNumber(box.number))

    resident.core, resident.hear, node.watch = directory, hear, watch
    world.tell(resident, clock(world))
    world.tell(resident, ExpectNumber(box.number))
    world.at(result.started_s, dial)
    return result


def clock(world: World) -> WallClockRead:
    """The calendar, which everybody reads right."""
    return WallClockRead(NOON_UTC_S + world.now_s - START_S)


def today(world: World) -> int:
    """The UTC day."""
    return int((NOON_UTC_S + world.now_s - START_S) // 86_400)


def swarm_of(number: str, world: World) -> bytes:
    """Under which hash `number` is announced today."""
    return info_hash_of(cheap_hash(*swarm_question(number, today(world))))


def _claim(identity: Identity) -> tuple[str, bytes]:
    public_key = identity.public_key
    for modifier in range(MODIFIERS_MAX):
        encoded = modifier.to_bytes(numbers.MODIFIER_BYTES, "big")
        number = numbers.from_digest(cheap_hash(*numbers.hash_question(public_key, encoded)))
        if number is not None:
            return number, encoded
    raise AssertionError("no number for this key")
