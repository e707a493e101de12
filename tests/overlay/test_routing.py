import random

from firmware.model import Endpoint
from firmware.overlay.krpc import Contact
from firmware.overlay.node_id import distance, for_address, shared_bits
from firmware.overlay.routing import (
    FAILURES_MAX,
    FRESH_S,
    NODES_PER_OWNER_MAX,
    K,
    RoutingTable,
)

OWN_ID = bytes(20)


def contact(index: int, *, first_byte: int = 0x80, port: int = 6881) -> Contact:
    """In the bucket farthest from OWN_ID unless `first_byte` says otherwise; ids fit (private)."""
    node_id = bytes([first_byte]) + index.to_bytes(19, "big")
    return Contact(node_id, Endpoint(f"10.0.{index // 256}.{index % 256}", port))


def full_table() -> RoutingTable:
    table = RoutingTable(OWN_ID)
    for index in range(K):
        assert table.answered(contact(index), 0.1, now_s=0.0)
    return table


def test_routing_full_bucket_of_good_nodes_takes_no_newcomer() -> None:
    table = full_table()
    assert not table.answered(contact(99), 0.1, now_s=1.0)
    assert not table.queried(contact(99), now_s=1.0)
    assert table.nodes == K


def test_routing_bad_node_is_not_told_and_gives_way_to_a_newcomer() -> None:
    table = full_table()
    for _ in range(FAILURES_MAX):
        table.failed(contact(3))
    assert table.nodes == K - 1
    assert contact(3) not in table.neighbours(OWN_ID, 100)
    assert table.queried(contact(99), now_s=1.0)
    assert table.answered(contact(99), 0.1, now_s=1.0)
    assert contact(99) in table.neighbours(OWN_ID, 100)
    assert table.nodes == K
    assert contact(3) not in table.all_contacts()


def test_routing_bad_node_that_answers_again_is_good() -> None:
    table = full_table()
    for _ in range(FAILURES_MAX + 1):
        table.failed(contact(3))
    assert table.queried(contact(3), now_s=1.0)  # worth a ping
    assert table.answered(contact(3), 0.1, now_s=2.0)
    assert table.nodes == K


def test_routing_neighbours_are_the_closest_in_order() -> None:
    source = random.Random(7)
    table = RoutingTable(source.randbytes(20))
    known = []
    for index in range(200):
        node = Contact(source.randbytes(20), Endpoint(f"10.1.0.{index}", 1))
        if table.answered(node, 0.1, now_s=0.0):
            known.append(node)
    target = source.randbytes(20)
    known.sort(key=lambda node: distance(node.node_id, target))
    assert table.neighbours(target, 8) == known[:8], "seed 7"
    assert table.neighbours(target, 8, lambda node: node != known[0]) == known[1:9], "seed 7"


def test_routing_one_address_gets_a_limited_number_of_places() -> None:
    table = RoutingTable(OWN_ID)
    places = [
        table.answered(
            Contact(contact(i, first_byte=1 << i).node_id, Endpoint("10.9.9.9", 1000 + i)), 0.1, 0.0
        )
        for i in range(NODES_PER_OWNER_MAX + 2)
    ]
    assert places == [True] * NODES_PER_OWNER_MAX + [False, False]
    assert table.nodes == NODES_PER_OWNER_MAX


def test_routing_nodes_on_loopback_are_told_apart_by_port() -> None:
    table = RoutingTable(OWN_ID)
    for index in range(K):
        node = Contact(contact(index).node_id, Endpoint("127.0.0.1", 7000 + index))
        assert table.answered(node, 0.1, now_s=0.0)


def test_routing_node_that_changed_its_id_is_kept_under_the_new_one_only() -> None:
    table = RoutingTable(OWN_ID)
    old, new = contact(1), Contact(contact(2).node_id, contact(1).endpoint)
    assert table.answered(old, 0.1, now_s=0.0)
    assert table.answered(new, 0.1, now_s=1.0)
    assert table.all_contacts() == [new]
    assert table.nodes == 1


def test_routing_id_of_a_living_node_cannot_be_taken_by_another_address() -> None:
    table = RoutingTable(OWN_ID)
    table.answered(contact(1), 0.1, now_s=0.0)
    thief = Contact(contact(1).node_id, Endpoint("10.7.7.7", 1))
    assert not table.answered(thief, 0.1, now_s=1.0)
    assert table.all_contacts() == [contact(1)]


def test_routing_id_that_fits_its_address_displaces_one_that_does_not() -> None:
    table = RoutingTable(OWN_ID)
    for index in range(K):
        host = f"81.2.69.{index}"
        assert table.answered(Contact(contact(index).node_id, Endpoint(host, 1)), 0.1, now_s=0.0)
    source = random.Random(1)
    fitting = bytes(20)
    while shared_bits(fitting, OWN_ID) > 0:
        host = f"81.2.70.{source.randrange(256)}"
        fitting = for_address(host, source.randbytes(20))
    assert not table.answered(Contact(b"\x99" * 20, Endpoint("81.2.71.1", 1)), 0.1, now_s=1.0)
    assert table.answered(Contact(fitting, Endpoint(host, 1)), 0.1, now_s=1.0)


def test_routing_own_id_is_never_a_neighbour() -> None:
    table = RoutingTable(OWN_ID)
    assert not table.answered(Contact(OWN_ID, Endpoint("10.0.0.1", 1)), 0.1, now_s=0.0)
    assert not table.queried(Contact(OWN_ID, Endpoint("10.0.0.1", 1)), now_s=0.0)


def test_routing_node_silent_for_fresh_s_is_questionable_and_the_most_silent_is_pinged() -> None:
    table = RoutingTable(OWN_ID)
    table.answered(contact(1), 0.1, now_s=0.0)
    table.answered(contact(2), 0.1, now_s=5.0)
    assert table.questionable(FRESH_S - 1.0) is None
    assert table.questionable(FRESH_S + 10.0) == contact(1)
    table.queried(contact(1), now_s=FRESH_S)
    assert table.questionable(FRESH_S + 10.0) == contact(2)


def test_routing_bucket_without_change_for_fresh_s_gives_one_target_in_it() -> None:
    table = RoutingTable(OWN_ID)
    table.answered(contact(1, first_byte=0x40), 0.1, now_s=1000.0)
    targets = []
    while (target := table.stale_target(b"\xff" * 20, now_s=1000.0)) is not None:
        targets.append(shared_bits(target, OWN_ID))
    assert targets == [0, 2]  # bucket 1 has just changed; deeper than 2 the table does not reach
    assert table.stale_target(bytes(20), now_s=1000.0 + FRESH_S) is not None


def test_routing_table_moves_to_a_new_own_id_with_its_nodes() -> None:
    table = full_table()
    table.failed(contact(0))
    table.failed(contact(0))
    moved = table.moved_to(b"\xf0" * 20)
    assert moved.own_id == b"\xf0" * 20
    assert moved.nodes == K - 1
    assert set(moved.all_contacts()) == {contact(i) for i in range(1, K)}
