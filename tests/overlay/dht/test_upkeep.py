import math

from firmware.events import Message, SendDatagram, Started, StoreState
from firmware.model import Endpoint
from firmware.overlay.dht.acquaintances import NODES_FILE, decode_nodes
from firmware.overlay.dht.bootstrap import PUBLIC_ROUTERS, Bootstrap
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.upkeep import SAVE_S, Upkeep
from tests.overlay.network import Network, random_source

HEADERS_BYTES = 28  # IPv4 and UDP
IDLE_MAX_BITS_PER_S = 200


class Meter:
    """A node, and what it sends."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.bytes = 0

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        return self._read(self.node.handle(fact, now_s))

    def on_time(self, now_s: float) -> list[Message]:
        return self._read(self.node.on_time(now_s))

    def deadline_s(self) -> float | None:
        return self.node.deadline_s()

    def _read(self, messages: list[Message]) -> list[Message]:
        sizes = [len(m.data) + HEADERS_BYTES for m in messages if isinstance(m, SendDatagram)]
        self.bytes += sum(sizes)
        return messages


def network_of(size: int, seed: int) -> tuple[Network, list[Meter]]:
    """Bare nodes that have joined through the first."""
    network = Network(seed)
    meters = []
    first = Endpoint("81.0.0.1", 6881)
    for index in range(size):
        node = Node((str(first),) if index else (), random_source(seed * 1000 + index))
        meter = Meter(node)
        meters.append(meter)
        network.add(Endpoint(f"81.{index}.0.1", 6881), meter)
        network.run(0.1)
    return network, meters


def test_idle_node_sends_less_than_200_bits_a_second_averaged_over_an_hour() -> None:
    network, meters = network_of(40, seed=1)
    network.run(300.0)
    for meter in meters:
        meter.bytes = 0
    network.run(3600.0)
    rates = [8 * meter.bytes / 3600.0 for meter in meters]
    assert max(rates) <= IDLE_MAX_BITS_PER_S, sorted(rates)[-3:]
    assert min(meter.node.nodes for meter in meters) > 20  # and yet knows its network


def test_node_saves_whom_it_knows_after_joining_and_then_every_ten_minutes() -> None:
    network, _ = network_of(10, seed=2)
    endpoint = Endpoint("82.0.0.1", 6881)
    node = Node(("81.0.0.1:6881",), random_source(7), saves=True)
    network.add(endpoint, node)
    network.run(5.0)
    (first,) = network.said(endpoint, StoreState)
    assert first.name == NODES_FILE
    network.run(2 * SAVE_S)
    saved = network.said(endpoint, StoreState)
    assert len(saved) == 3
    known = decode_nodes(saved[-1].data)
    assert known.own_id == node.node_id
    assert len(known.contacts) == 10


def test_node_comes_back_by_the_nodes_of_its_last_run_under_its_old_id() -> None:
    network, _ = network_of(10, seed=3)
    before = Node(("81.0.0.1:6881",), random_source(7), saves=True)
    network.add(Endpoint("82.0.0.1", 6881), before)
    network.run(60.0)
    known = decode_nodes(network.said(Endpoint("82.0.0.1", 6881), StoreState)[-1].data)
    del network.cores[Endpoint("81.0.0.1", 6881)]  # what was the way in is gone
    after = Node((), random_source(8), known=known)
    network.add(Endpoint("82.0.0.1", 6881), after)
    network.run(5.0)
    assert after.node_id == before.node_id
    assert after.is_ready
    assert after.nodes >= len(known.contacts) - 1


def test_node_with_saved_nodes_that_are_all_gone_uses_its_configuration() -> None:
    network, _ = network_of(5, seed=4)
    stale = Node(("81.0.0.1:6881",), random_source(9), saves=True)
    network.add(Endpoint("82.0.0.1", 6881), stale)
    network.run(5.0)
    known = decode_nodes(network.said(Endpoint("82.0.0.1", 6881), StoreState)[-1].data)
    empty = Network(5)
    empty.add(Endpoint("83.0.0.1", 1), Node((), random_source(1)))
    node = Node(("83.0.0.1:1",), random_source(10), known=known)
    empty.add(Endpoint("82.0.0.1", 6881), node)
    empty.run(20.0)
    assert node.nodes == 1


def test_last_resort_is_asked_only_after_an_attempt_without_it_has_failed() -> None:
    bootstrap = Bootstrap(("81.0.0.1:1",), random_source(1), PUBLIC_ROUTERS)
    assert not bootstrap.names
    bootstrap.retry_delay_s()
    assert bootstrap.names == PUBLIC_ROUTERS
    assert Bootstrap((), random_source(1), PUBLIC_ROUTERS).is_possible()


def test_node_has_nothing_planned_before_it_is_started() -> None:
    node = Node((), random_source(1))
    assert node.deadline_s() is None
    node.handle(Started(), 5.0)
    assert 5.0 < (node.deadline_s() or math.inf) < 20.0


def test_node_that_rests_takes_no_care_of_its_tables_but_comes_back_to_the_network() -> None:
    upkeep = Upkeep(Bootstrap((), random_source(1)), random_source(2))
    upkeep.started(0.0)
    upkeep.rest(1000.0)
    assert upkeep.care_s == upkeep.deadline_s() == 1000.0
    upkeep.join_s = 5.0
    upkeep.rest(1000.0)
    assert upkeep.deadline_s() == 5.0
