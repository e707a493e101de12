"""The node as the simulation runs it: the product's own, that can be watched and can begin warm.

Here, and nowhere else in the simulation, is known how a routing table is filled. A warm node has
been in the network for hours: its table holds what of the many nodes that it met in each bucket
the table's own rules would have kept. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware.events import Message
from firmware.overlay.dht.acquaintances import NODES_SAVED_MAX, KnownNodes
from firmware.overlay.dht.contact import Contact
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.node_id import NODE_ID_BYTES
from firmware.overlay.dht.routing import FRESH_S, RoutingTable, bucket_size, row_of
from firmware.overlay.dht.upkeep import CARE_S, REFRESH_MAX_S
from firmware.sim.world import Resident, World

OFFERS = 4  # per place in a bucket: how many nodes a table has met before it became what it is
_LOOKS_AROUND = 8  # after so many, a node looks around as seldom as it ever will


class SimNode(Node):
    """A Node, and somebody who looks over its shoulder at what it tells its directory."""

    watch: Callable[[list[Message]], None] | None = None

    def drain(self) -> list[Message]:
        """As the node does; `watch` sees it first."""
        out = super().drain()
        if self.watch is not None:
            self.watch(out)
        return out

    def contacts(self) -> list[Contact]:
        """Of whom it has in its tables."""
        return [contact for table in self._tables.contacts_by_family() for contact in table]

    def remembered(self) -> KnownNodes:
        """What it would find in its state directory after a restart."""
        v4 = self._tables.v4
        rows = sorted(v4.rows(), key=lambda row: (row.failures, -row.answers))
        contacts = tuple(row.contact for row in rows[:NODES_SAVED_MAX])
        return KnownNodes(v4.own_id, self._tables.own_id6, contacts)

    def warm_up(self, place: int, world: World, *, idle: bool = False) -> None:
        """Go on from hours in the network, under the identifier that belongs to the address.

        An `idle` node does not care for its table for the next quarter of an hour.
        """
        population, dice = world.population, world.random
        chance = np.random.default_rng(dice.getrandbits(64))
        own_id = population.contact(place).node_id
        table = RoutingTable(own_id)
        for bits in range(8 * NODE_ID_BYTES):
            span = population.span(_flipped(own_id, bits), bits + 1)
            places, rtts_s = _met(place, span, bits, world, chance)
            heard_s = world.now_s - chance.random(len(places)) * FRESH_S
            for other, rtt_s, since_s in zip(places, rtts_s, heard_s.tolist(), strict=True):
                table.adopt(row_of(population.contact(other), int(since_s), rtt_s))
            first, last = population.span(own_id, bits + 1)
            if last - first <= 1:
                break  # nobody is closer
        self.adopt(table)
        self._resume(world.now_s, 1.0 if idle else dice.random(), idle=idle)

    def wake_up(self, now_s: float) -> None:
        """Be idle no longer."""
        self._upkeep.cared(now_s, has_more=False)

    def _resume(self, now_s: float, phase: float, *, idle: bool) -> None:
        upkeep = self._upkeep
        for _ in range(_LOOKS_AROUND):
            upkeep.attempted(self.nodes, self._tables.depth(), now_s)
        upkeep.refresh_s = now_s + phase * REFRESH_MAX_S
        upkeep.care_s = now_s + (REFRESH_MAX_S if idle else phase * CARE_S)


def _met(
    place: int, span: tuple[int, int], bits: int, world: World, chance: np.random.Generator
) -> tuple[list[int], list[float]]:
    """Who of `span`, all in the bucket `bits` of the node at `place`, has stayed; round trips."""
    (first, last), size = span, bucket_size(bits)
    if last - first <= OFFERS * size:
        places = chance.permutation(np.arange(first, last))
    else:
        places = chance.permutation(np.unique(chance.integers(first, last, OFFERS * size)))
    rtts_s = world.latency.rtts_s(place, places)
    by_rtt = np.argsort(rtts_s, kind="stable")
    _, nearest = np.unique(world.population.slots(places, bits)[by_rtt], return_index=True)
    stays = np.zeros(len(places), dtype=bool)
    stays[by_rtt[nearest]] = True  # the nearest of each slot
    others = np.flatnonzero(~stays)  # and of the others as many as there is room for
    stays[others[: size - len(nearest)]] = True
    return places[stays].tolist(), rtts_s[stays].tolist()


def warm_resident(
    place: int, world: World, *, read_only: bool = False, idle: bool = False
) -> Resident:
    """A node that has been at `place` for hours."""
    node = SimNode((), world.random_bytes, read_only=read_only)
    node.warm_up(place, world, idle=idle)
    return world.put(_resident(node, place, world, read_only=read_only))


def cold_resident(
    place: int,
    world: World,
    bootstrap: tuple[str, ...] = (),
    *,
    known: KnownNodes | None = None,
    read_only: bool = False,
) -> Resident:
    """A node at `place` with an empty table; tell it Started."""
    node = SimNode(bootstrap, world.random_bytes, known=known, read_only=read_only)
    return world.put(_resident(node, place, world, read_only=read_only))


def _resident(node: SimNode, place: int, world: World, *, read_only: bool) -> Resident:
    endpoint = world.population.endpoint(place)
    return Resident(node, endpoint, place, node, nat={} if read_only else None)


def _flipped(node_id: bytes, bit: int) -> bytes:
    """The first `bit` bits of `node_id`, then the other one."""
    number = int.from_bytes(node_id, "big") ^ 1 << (8 * NODE_ID_BYTES - 1 - bit)
    return number.to_bytes(NODE_ID_BYTES, "big")
