import random
import sys

from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope
from firmware.overlay.dht.krpc import Contact
from firmware.overlay.dht.node_id import distance, for_address, shared_bits
from firmware.overlay.dht.routing import (
    BUCKET_SIZES,
    FRESH_S,
    MUCH_NEARER,
    NEARER,
    NODES_PER_OWNER_MAX,
    OLD_ANSWERS,
    SPARES_MAX,
    K,
    RoutingTable,
)
from firmware.overlay.dht.rows import FAILURES_MAX

OWN_ID = bytes(20)


FIRST_BYTE = 0x08  # shares four bits with OWN_ID: the first bucket that holds K


def contact(index: int, *, first_byte: int = FIRST_BYTE, port: int = 6881) -> Contact:
    """In the bucket of FIRST_BYTE unless `first_byte` says otherwise; ids fit (private)."""
    node_id = bytes([first_byte]) + index.to_bytes(19, "big")
    return Contact(node_id, Endpoint(f"10.0.{index // 256}.{index % 256}", port))


def full_table() -> RoutingTable:
    table = RoutingTable(OWN_ID)
    for index in range(K):
        assert table.answered(contact(index), 0.1, now_s=0.0)
    return table


def test_routing_first_buckets_are_long_and_the_others_hold_k() -> None:
    table = RoutingTable(OWN_ID)
    source = random.Random(2)
    for bucket in range(10):
        for index in range(400):
            far = (1 << 159 - bucket) | source.getrandbits(159 - bucket)
            host = f"10.{bucket}.{index // 200}.{index % 200}"
            table.answered(Contact(far.to_bytes(20, "big"), Endpoint(host, 1)), 0.1, now_s=0.0)
    sizes = [0] * 10
    for row in table.rows():
        sizes[shared_bits(row.contact.node_id, OWN_ID)] += 1
    assert sizes == [*BUCKET_SIZES, K, K, K, K, K, K]
    assert table.nodes == sum(sizes)


def test_routing_asker_whose_id_will_change_is_tried_in_its_turn() -> None:
    table = full_table()
    newcomer = Contact(b"\x01" * 20, Endpoint("192.0.2.1", 6881))  # close, but no id for there
    assert not newcomer.fits
    assert not table.queried(newcomer, now_s=1.0)
    assert table.spare() == newcomer
    assert table.queried(Contact(b"\x01" * 20, Endpoint("10.9.0.1", 6881)), now_s=1.0)


def test_routing_full_bucket_of_good_nodes_takes_no_newcomer_that_is_as_far() -> None:
    table = full_table()
    assert not table.answered(contact(99), 0.1, now_s=1.0)
    assert not table.queried(contact(99), now_s=1.0)
    assert table.nodes == K


def test_routing_nearer_newcomer_replaces_the_slowest_of_its_part_of_the_bucket() -> None:
    table = full_table()
    table.answered(contact(99), 0.09, now_s=1.0)
    assert contact(99) not in table.all_contacts()  # hardly nearer
    assert table.answered(contact(99), 0.1 * NEARER - 0.001, now_s=1.0)
    assert table.nodes == K


def test_routing_old_acquaintance_gives_way_only_to_one_that_is_much_nearer() -> None:
    table = full_table()
    for _ in range(OLD_ANSWERS):
        for index in range(K):
            table.answered(contact(index), 0.1, now_s=1.0)
    assert not table.answered(contact(99), 0.05, now_s=2.0)
    assert table.answered(contact(99), 0.1 * MUCH_NEARER - 0.001, now_s=2.0)


def test_routing_newcomer_of_an_empty_part_of_the_bucket_replaces_one_of_a_crowded_part() -> None:
    table = full_table()  # whose ids all begin with the same bits
    stranger = contact(99, first_byte=FIRST_BYTE | 0x04)
    assert not table.queried(stranger, now_s=1.0)  # there is no hurry
    assert table.spare() == stranger
    assert table.answered(stranger, 9.0, now_s=1.0)
    assert table.nodes == K


def test_routing_silent_node_is_evicted_at_once_where_a_spare_is_known() -> None:
    table = full_table()
    assert not table.queried(contact(99), now_s=1.0)  # no room, but worth remembering
    assert table.failed(contact(3), is_online=False) is None  # it is we who are cut off
    assert contact(3) in table.neighbours(OWN_ID, 100)
    assert table.failed(contact(3)) == contact(99)
    assert contact(3) not in table.all_contacts()
    assert table.failed(contact(4)) is None  # no other spare: kept until it fails again
    assert contact(4) in table.neighbours(OWN_ID, 100)


def test_routing_spares_are_forgotten_oldest_first_and_taken_newest_first() -> None:
    table = full_table()
    for index in range(100, 100 + SPARES_MAX + 3):
        table.told(contact(index))
        table.told(contact(index))  # twice is once
    taken = []
    while (spare := table.spare()) is not None:
        taken.append(spare)
    assert taken == [contact(index) for index in range(102 + SPARES_MAX, 102, -1)]


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
    while shared_bits(fitting, OWN_ID) != 4:
        host = f"81.2.70.{source.randrange(256)}"
        fitting = for_address(host, source.randbytes(20))
    assert not table.answered(Contact(b"\x09" * 20, Endpoint("81.2.71.1", 1)), 0.1, now_s=1.0)
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


def test_routing_sparse_target_lies_in_a_bucket_with_free_places_within_reach() -> None:
    table = full_table()
    found = {
        shared_bits(table.sparse_target(bytes([index]) + b"\xff" * 19) or b"", OWN_ID)
        for index in range(100)
    }
    assert found == {0, 1, 2, 3, 5}  # bucket 4 is full; deeper than 5 the table does not reach


def test_routing_round_trips_are_smoothed_and_one_of_unknown_attempt_teaches_nothing() -> None:
    table = RoutingTable(OWN_ID)
    table.answered(contact(1), 0.1, now_s=0.0)
    assert table.round_trip_s(contact(1)) == (0.1, 0.05)
    table.answered(contact(1), None, now_s=1.0)
    assert table.round_trip_s(contact(1)) == (0.1, 0.05)
    table.answered(contact(1), 0.2, now_s=2.0)
    assert table.round_trip_s(contact(1)) == (0.125, 0.0625)
    assert table.round_trip_s(contact(2)) is None
    assert table.near(OWN_ID, 1) == [(contact(1), 0.125)]


def test_routing_node_of_an_earlier_run_is_a_way_back_and_pinged_once_but_not_told() -> None:
    table = RoutingTable(OWN_ID)
    table.remember(contact(1))
    assert table.nodes == 0
    assert table.neighbours(OWN_ID, 8) == []
    assert table.all_contacts() == [contact(1)]
    assert table.questionable(FRESH_S) == contact(1)
    table.failed(contact(1))
    assert table.questionable(FRESH_S) is None
    assert table.answered(contact(1), 0.1, now_s=5.0)
    assert table.nodes == 1


def test_routing_compact_nodes_are_only_those_that_the_asker_may_know() -> None:
    table = RoutingTable(OWN_ID)
    outside = Contact(b"\x09" * 20, Endpoint("81.2.71.1", 258))
    table.answered(contact(1), 0.1, now_s=0.0)
    table.answered(outside, 0.1, now_s=0.0)
    told = outside.node_id + bytes([81, 2, 71, 1, 1, 2])
    assert table.compact(OWN_ID, 8, Scope.GLOBAL) == told
    assert len(table.compact(OWN_ID, 8, Scope.PRIVATE)) == 2 * 26
    sixth = RoutingTable(OWN_ID, is_v6=True)
    node6 = Contact(b"\x09" * 20, Endpoint("2001:db8::1", 258))
    assert sixth.answered(node6, 0.1, now_s=0.0)
    assert sixth.all_contacts() == [node6]
    assert len(sixth.compact(OWN_ID, 8, Scope.GLOBAL)) == 38


def test_routing_table_of_120_nodes_takes_less_than_6_kilobytes() -> None:
    source = random.Random(9)
    table = RoutingTable(source.randbytes(20))
    for index in range(3000):
        host = f"10.{index >> 8}.{index & 255}.1"
        node = Contact(source.randbytes(20), Endpoint(host, 1))
        if table.nodes < 120:
            table.answered(node, 0.1, now_s=0.0)
        else:
            table.told(node)
    assert table.nodes == 120
    assert footprint_bytes(table) < 6 * 1024


def footprint_bytes(thing: object) -> int:
    """Of an object with slots and all it holds."""
    slots = (getattr(thing, name) for name in getattr(type(thing), "__slots__", ()))
    return sys.getsizeof(thing) + sum(map(footprint_bytes, slots))


def test_routing_table_moves_to_a_new_own_id_with_its_nodes() -> None:
    table = full_table()
    table.failed(contact(0))
    table.failed(contact(0))
    moved = table.moved_to(b"\xf0" * 20)
    assert moved.own_id == b"\xf0" * 20
    assert moved.nodes == K - 1
    assert set(moved.all_contacts()) == {contact(i) for i in range(1, K)}
