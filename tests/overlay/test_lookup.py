from firmware.model import Endpoint
from firmware.overlay.krpc import Answer, Contact, GetPeers
from firmware.overlay.lookup import (
    ALPHA,
    CANDIDATES_MAX,
    CANDIDATES_PER_OWNER_MAX,
    PEERS_MAX,
    Lookup,
    screened,
)
from firmware.overlay.routing import K

TARGET = bytes(20)


def node(far: int, *, host: str | None = None, port: int = 1) -> Contact:
    """At distance `far` from TARGET."""
    return Contact(
        far.to_bytes(20, "big"),
        Endpoint(host or f"10.{far >> 16}.{far >> 8 & 255}.{far & 255}", port),
    )


def lookup_from(*contacts: Contact, strangers: tuple[Endpoint, ...] = ()) -> Lookup:
    return Lookup(GetPeers(TARGET), contacts, strangers, now_s=10.0)


def asked(lookup: Lookup) -> list[Endpoint]:
    return [endpoint for endpoint, _ in lookup.next_queries()]


def answer(lookup: Lookup, who: Contact, *contacts: Contact) -> None:
    lookup.answered(who.endpoint, who.node_id, contacts, b"token")


def test_lookup_asks_alpha_nodes_at_a_time_closest_first() -> None:
    nodes = [node(far) for far in range(1, 9)]
    lookup = lookup_from(*reversed(nodes))
    assert asked(lookup) == [n.endpoint for n in nodes[:ALPHA]]
    assert asked(lookup) == []
    answer(lookup, nodes[0])
    assert asked(lookup) == [nodes[ALPHA].endpoint]


def test_lookup_slow_node_makes_room_for_another_but_may_still_answer() -> None:
    nodes = [node(far) for far in range(1, 9)]
    lookup = lookup_from(*nodes)
    asked(lookup)
    lookup.slow(nodes[0].endpoint)
    assert asked(lookup) == [nodes[ALPHA].endpoint]
    for other in nodes[1:]:
        answer(lookup, other)
        asked(lookup)
    assert not lookup.is_done()
    answer(lookup, nodes[0])
    assert lookup.is_done()
    assert lookup.closest()[0].contact == nodes[0]


def test_lookup_ends_when_the_k_closest_have_answered_and_names_them_in_order() -> None:
    near = [node(far) for far in range(1, K + 1)]
    far = node(1000)
    lookup = lookup_from(far)
    asked(lookup)
    answer(lookup, far, *near, node(2000))
    for _ in range(K):
        for endpoint in asked(lookup):
            answer(lookup, next(n for n in near if n.endpoint == endpoint))
    assert lookup.is_done()
    assert [holder.contact for holder in lookup.closest()] == near
    assert all(holder.token == b"token" for holder in lookup.closest())
    trace = lookup.trace(now_s=10.5)
    assert (trace.hops, trace.messages, trace.time_s) == (2, 1 + K, 0.5)


def test_lookup_failed_node_is_replaced_by_the_next_closest() -> None:
    nodes = [node(far) for far in range(1, K + 2)]
    lookup = lookup_from(*nodes)
    while queries := asked(lookup):
        for endpoint in queries:
            if endpoint == nodes[0].endpoint:
                lookup.failed(endpoint)
            else:
                answer(lookup, next(n for n in nodes if n.endpoint == endpoint))
    assert lookup.is_done()
    assert [holder.contact for holder in lookup.closest()] == nodes[1:]


def test_lookup_in_which_nobody_answers_ends_with_nothing() -> None:
    lookup = lookup_from(node(1), strangers=(Endpoint("10.9.9.9", 9),))
    for endpoint in asked(lookup):
        lookup.failed(endpoint)
    assert lookup.is_done()
    assert lookup.closest() == ()
    assert lookup_from().is_done()


def test_lookup_stranger_is_asked_first_and_gets_its_id_from_its_answer() -> None:
    stranger = Endpoint("10.9.9.9", 9)
    lookup = lookup_from(strangers=(stranger,))
    assert lookup.next_queries() == [(stranger, None)]
    assert not lookup.is_done()
    lookup.answered(stranger, node(5).node_id, (), None)
    assert lookup.is_done()
    assert lookup.closest()[0].contact == Contact(node(5).node_id, stranger)


def test_lookup_node_that_answers_under_another_id_counts_by_its_own_word() -> None:
    lookup = lookup_from(node(1), node(2))
    asked(lookup)
    lookup.answered(node(1).endpoint, node(900).node_id, (), None)
    answer(lookup, node(2))
    assert [holder.contact.node_id for holder in lookup.closest()] == [
        node(2).node_id,
        node(900).node_id,
    ]


def test_lookup_takes_few_candidates_of_one_address() -> None:
    lookup = lookup_from(node(1000))
    asked(lookup)
    ports = [node(far, host="81.2.69.142", port=far) for far in range(1, 10)]
    answer(lookup, node(1000), *ports)
    assert len(asked(lookup)) == CANDIDATES_PER_OWNER_MAX


def test_lookup_at_its_limit_of_candidates_prefers_closer_ones() -> None:
    lookup = lookup_from(*(node(far) for far in range(1000, 1000 + CANDIDATES_MAX)))
    first = node(1000)
    asked(lookup)
    answer(lookup, first, node(5000), node(1))
    assert node(1).endpoint in asked(lookup)
    seen = set()
    while queries := asked(lookup):
        for endpoint in queries:
            seen.add(endpoint)
            lookup.failed(endpoint)
    assert node(5000).endpoint not in seen


def test_lookup_peers_are_told_once_and_only_so_many() -> None:
    lookup = lookup_from(node(1))
    peers = [Endpoint(f"10.5.{i >> 8}.{i & 255}", 1) for i in range(PEERS_MAX + 5)]
    assert lookup.new_peers([peers[0], peers[0]]) == (peers[0],)
    assert len(lookup.new_peers(peers)) == PEERS_MAX - 1


def test_answer_is_screened_of_foreign_addresses_and_of_ourselves() -> None:
    good = node(1, host="81.2.69.142")
    dirty = Answer(
        nodes=(
            good,
            node(2, host="127.0.0.1"),
            node(3, host="8.8.8.8", port=0),
            node(4, host="8.8.8.8"),
        ),
        peers=(Endpoint("192.168.0.1", 5), Endpoint("224.0.0.1", 5), Endpoint("8.8.4.4", 5)),
        token=b"t",
    )
    clean = screened(dirty, Endpoint("9.9.9.9", 1), own_id=node(4).node_id)
    assert clean == Answer(nodes=(good,), peers=(Endpoint("8.8.4.4", 5),), token=b"t")
