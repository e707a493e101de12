"""What a simulation says in the end: distributions and counts, the same for the same seed.

Nothing of the machine it ran on is in it: memory is the size of the objects, events are counted per
virtual second. Units: `_ms` milliseconds, `_bytes` bytes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from firmware.overlay.dht.contact import Contact
from firmware.sim.boxes import Call
from firmware.sim.latency import LatencyMap
from firmware.sim.peer import SimNode
from firmware.sim.world import START_S, Resident, World

Json = dict[str, Any]

SIZED_MAX = 200  # nodes whose objects are weighed
RTT_PAIRS = 10_000
_PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank, of values in any order."""
    ordered = sorted(values)
    rank = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(rank)]


def distribution(values: Iterable[float], digits: int = 1) -> Json | None:
    """p50, p95, p99, mean, greatest and how many; None of none."""
    known = list(values)
    if not known:
        return None
    result: Json = {f"p{p}": round(percentile(known, p), digits) for p in _PERCENTILES}
    result["mean"] = round(sum(known) / len(known), digits)
    result["max"] = round(max(known), digits)
    result["count"] = len(known)
    return result


def milliseconds(values_s: Iterable[float | None]) -> Json | None:
    """Distribution of those of `values_s` that are known."""
    return distribution(1000 * value_s for value_s in values_s if value_s is not None)


def calls(made: Sequence[Call]) -> Json:
    """How many numbers were found, how fast and at what cost."""
    ended = [call for call in made if call.ended_s is not None]  # the others left meanwhile
    found = [call for call in ended if call.found]
    return {
        "asked": len(ended),
        "found": len(found),
        "success": round(success(made), 5),
        "first_value_ms": milliseconds(call.value_s for call in ended),
        "verified_ms": milliseconds(call.ended_s for call in found),
        "queries": distribution(call.queries for call in ended),
        "hops": distribution(call.hops for call in ended),
    }


def success(made: Sequence[Call]) -> float:
    """Fraction of the calls that found their number; 1 if none was made."""
    ended = [call for call in made if call.ended_s is not None]
    return sum(call.found for call in ended) / len(ended) if ended else 1.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a world, or a half of it, has carried, and what its nodes weigh."""

    virtual_s: float
    events: int
    datagrams: int
    lost: int
    to_nobody: int
    bytes: int
    sent: list[int]  # by each node
    residents: int
    bytes_per_node: int | None
    shared_bytes: int


def traffic(world: World, residents: Sequence[Resident]) -> Traffic:
    """Of `world` so far."""
    return Traffic(
        world.now_s - START_S,
        world.events,
        world.datagrams,
        world.lost,
        world.unheard,
        world.bytes,
        [resident.sent for resident in residents],
        len(world.residents),
        weigh(residents, world),
        weigh_shared(residents),
    )


def network(world: World, residents: Sequence[Resident], seed: int) -> Json:
    """Round trips, traffic, and what the nodes weigh."""
    return network_of(world.latency, [traffic(world, residents)], seed)


def network_of(latency: LatencyMap, parts: Sequence[Traffic], seed: int) -> Json:
    """The same of a world in parts."""
    virtual_s = parts[0].virtual_s
    events = sum(part.events for part in parts)
    weights = [part.bytes_per_node for part in parts if part.bytes_per_node is not None]
    return {
        "rtt_ms": milliseconds(latency.sample_s(RTT_PAIRS, seed)),
        "virtual_s": round(virtual_s, 1),
        "events": events,
        "events_per_virtual_s": round(events / virtual_s, 1),
        "datagrams": sum(part.datagrams for part in parts),
        "lost": sum(part.lost for part in parts),
        "to_nobody": sum(part.to_nobody for part in parts),
        "bytes": sum(part.bytes for part in parts),
        "nodes_in_memory": sum(part.residents for part in parts),
        "messages_per_node": distribution(sent for part in parts for sent in part.sent),
        "memory_bytes_per_node": sum(weights) // len(weights) if weights else None,
        # Of the contacts that all tables of a process point to; in both halves if there are two.
        "memory_shared_bytes_per_node": sum(part.shared_bytes for part in parts)
        // max(1, sum(part.residents for part in parts)),
    }


def weigh(residents: Sequence[Resident], world: World) -> int | None:
    """Mean size of a node's objects; what several share counts once, contacts never.

    A contact is one object for all tables of the process (overlay/dht/contact.py): weigh_shared.
    """
    dice = Random(len(residents))  # noqa: S311 - not every twentieth: one of so many is a box
    weighed = dice.sample(residents, min(SIZED_MAX, len(residents)))
    seen = {id(world), id(world.population), id(world.random)}
    total = sum(_own_bytes(resident, seen) for resident in weighed)
    return total // len(weighed) if weighed else None


def weigh_shared(residents: Sequence[Resident]) -> int:
    """What all contacts in the tables of `residents` weigh, each of them once."""
    nodes = (resident.node for resident in residents)
    tables = (node.contacts() for node in nodes if isinstance(node, SimNode))
    contacts = {contact.packed: contact for table in tables for contact in table}
    return sum(map(_bytes_of_contact, contacts.values()))


def _bytes_of_contact(contact: Contact) -> int:
    endpoint = contact.endpoint
    parts = [contact, contact.node_id, contact.number, contact.packed, endpoint, *endpoint[:2]]
    if contact.owner is not endpoint.host:
        parts.append(contact.owner)
    return sum(map(sys.getsizeof, parts))


def _own_bytes(root: object, seen: set[int]) -> int:
    waiting, total = [root], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, _SHARED_KINDS):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting += gc.get_referents(thing)
    return total


_SHARED_KINDS = (type, ModuleType, FunctionType, BuiltinFunctionType, LatencyMap, Contact)


def table_sizes(residents: Sequence[Resident]) -> Json | None:
    """How many nodes the tables hold."""
    return distribution(table_counts(residents))


def table_counts(residents: Sequence[Resident]) -> list[int]:
    """The same, one by one."""
    return [resident.node.nodes for resident in residents if resident.node is not None]


def curve(values: Iterable[float]) -> list[float]:
    """The 101 percentiles from 0 to 100, for a plot of the distribution; empty of none."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [round(ordered[last * percent // 100], 1) for percent in range(101)] if ordered else []


def call_curves(made: Sequence[Call]) -> Json:
    """Distributions of the two times of a call."""
    return {
        "first_value_ms": curve(1000 * c.value_s for c in made if c.value_s is not None),
        "verified_ms": curve(1000 * c.ended_s for c in made if c.found and c.ended_s is not None),
    }


class Timeline:
    """What was so at which time: one row per step, for plots and for the eye."""

    def __init__(self, *columns: str) -> None:
        self._columns = ("t_s", *columns)
        self.rows: list[tuple[float, ...]] = []

    def add(self, t_s: float, *values: float) -> None:
        """One row."""
        self.rows.append((round(t_s, 1), *(round(value, 4) for value in values)))

    def json(self) -> Json:
        """By column."""
        return {name: [row[index] for row in self.rows] for index, name in enumerate(self._columns)}
