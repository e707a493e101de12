from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Contact
from firmware.overlay.dht.lookup import (
    ALPHA,
    ALPHA_LATE,
    CANDIDATES_MAX,
    CANDIDATES_PER_OWNER_MAX,
    Lookup,
)
from firmware.overlay.dht.node_id import for_address
from firmware.overlay.dht.routing import K

TARGET = bytes(20)


def node(far: int, *, host: str | None = None, port: int = 1) -> Contact:
    """At distance `far` from TARGET."""
    return Contact(
        far.to_bytes(20, "big"),
        Endpoint(host or f"10.{far >> 16 & 255}.{far >> 8 & 255}.{far & 255}", port),
    )


def lookup_from(*contacts: Contact, strangers: tuple[Endpoint, ...] = ()) -> Lookup:
    return Lookup(TARGET, contacts, strangers)


def asked(lookup: Lookup) -> list[Endpoint]:
    return [candidate.endpoint for candidate in lookup.next_queries(10.0)]


def answer(lookup: Lookup, who: Contact, *contacts: Contact) -> None:
    lookup.answered(who.endpoint, who, contacts, b"token", (0.1, 10.1))


def closest(lookup: Lookup) -> list[Contact]:
    return [Contact(c.node_id or b"", c.endpoint) for c in lookup.closest()]


def test_lookup_asks_many_at_first_in_the_given_order_then_few_of_the_closest() -> None:
    nodes = [node(far) for far in range(100, 130)]
    lookup = lookup_from(*reversed(nodes))
    assert asked(lookup) == [n.endpoint for n in nodes[: -ALPHA - 1 : -1]]
    assert asked(lookup) == []
    nearer = [node(far) for far in range(1, 9)]
    answer(lookup, nodes[-1], *nearer)
    assert asked(lookup) == [n.endpoint for n in nearer[:ALPHA_LATE]]
    assert asked(lookup) == []
    answer(lookup, nearer[1])
    assert asked(lookup) == [nearer[ALPHA_LATE].endpoint]


def test_lookup_slow_node_makes_room_for_another_but_may_still_answer() -> None:
    nodes = [node(far) for far in range(1, 12)]
    lookup = lookup_from(*nodes)
    asked(lookup)
    lookup.slow(nodes[0].endpoint)
    assert asked(lookup) == [nodes[ALPHA].endpoint]
    for other in nodes[1:]:
        answer(lookup, other)
        asked(lookup)
    assert not lookup.is_done()
    assert lookup.is_wanted(nodes[0].endpoint)
    answer(lookup, nodes[0])
    assert lookup.is_done()
    assert closest(lookup)[0] == nodes[0]
    assert not lookup.is_wanted(nodes[10].endpoint)


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
    assert closest(lookup) == near
    assert all(candidate.token == b"token" for candidate in lookup.closest())
    assert {candidate.hops for candidate in lookup.closest()} == {2}
    assert lookup.unasked() == [node(2000)]


def test_lookup_path_names_each_hop_with_its_distance_and_round_trip() -> None:
    first, second = node(1 << 100, host="10.1.0.1"), node(1 << 50, host="10.1.0.2")
    lookup = lookup_from(first)
    asked(lookup)
    answer(lookup, first, second)
    asked(lookup)
    candidate = lookup.answered(second.endpoint, second, (), None, (None, 10.4))
    assert candidate is not None
    path = lookup.path_to(candidate, started_s=10.0)
    assert [(hop.endpoint, hop.shared_bits, hop.rtt_s) for hop in path] == [
        (first.endpoint, 59, 0.1),
        (second.endpoint, 109, None),
    ]
    assert [round(hop.answered_s, 3) for hop in path] == [0.1, 0.4]


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
    assert closest(lookup) == nodes[1:]
    assert lookup.silent() == 1


def test_lookup_in_which_nobody_answers_ends_with_nothing() -> None:
    lookup = lookup_from(node(1), strangers=(Endpoint("10.9.9.9", 9),))
    for endpoint in asked(lookup):
        lookup.failed(endpoint)
    assert lookup.is_done()
    assert lookup.closest() == []
    assert lookup_from().is_done()


def test_lookup_stranger_is_asked_first_and_gets_its_id_from_its_answer() -> None:
    stranger = Endpoint("10.9.9.9", 9)
    lookup = lookup_from(strangers=(stranger,))
    (candidate,) = lookup.next_queries(10.0)
    assert (candidate.endpoint, candidate.node_id) == (stranger, None)
    assert not lookup.is_done()
    answer(lookup, Contact(node(5).node_id, stranger))
    assert lookup.is_done()
    assert closest(lookup) == [Contact(node(5).node_id, stranger)]


def test_lookup_node_that_answers_under_another_id_counts_by_its_own_word() -> None:
    lookup = lookup_from(node(1), node(2))
    asked(lookup)
    answer(lookup, Contact(node(900).node_id, node(1).endpoint))
    lookup.answered(node(1).endpoint, node(900), (), None, (0.1, 10.2))  # twice is once
    answer(lookup, node(2))
    assert [contact.node_id for contact in closest(lookup)] == [node(2).node_id, node(900).node_id]


def test_lookup_takes_few_candidates_of_one_address() -> None:
    first = node(1000, host="81.2.69.141")
    lookup = lookup_from(first)
    asked(lookup)
    ports = [node(far, host="81.2.69.142", port=far) for far in range(1, 10)]
    answer(lookup, first, *ports)
    assert len(asked(lookup)) == CANDIDATES_PER_OWNER_MAX


def test_lookup_asks_no_address_that_may_only_be_a_victim() -> None:
    first = node(1000, host="81.2.69.141")
    lookup = lookup_from(first)
    asked(lookup)
    victims = [node(1, host="127.0.0.1"), node(2, host="192.168.0.1"), node(3, host="224.0.0.1")]
    answer(lookup, first, *victims, node(4, host="8.8.8.8", port=0), node(5, host="8.8.4.4"))
    assert asked(lookup) == [Endpoint("8.8.4.4", 1)]


def test_lookup_does_not_ask_what_another_path_has_asked() -> None:
    taken = {node(1).endpoint}
    lookup = Lookup(TARGET, (node(1), node(2)), taken=taken)
    assert asked(lookup) == [node(2).endpoint]
    assert taken == {node(1).endpoint, node(2).endpoint}


def test_lookup_at_its_limit_of_candidates_prefers_closer_ones() -> None:
    lookup = lookup_from(*(node(far) for far in range(1000, 1000 + CANDIDATES_MAX)))
    first = node(1000)
    seen = set(asked(lookup))
    answer(lookup, first, node(5000), node(1))
    for endpoint in list(seen):
        lookup.failed(endpoint)
    while queries := asked(lookup):
        for endpoint in queries:
            seen.add(endpoint)
            lookup.failed(endpoint)
    assert node(1).endpoint in seen
    assert node(5000).endpoint not in seen


def test_lookup_trusts_an_id_that_fits_its_address_before_a_nearer_one_that_does_not() -> None:
    honest = [
        Contact(for_address(host, bytes([index] * 20)), Endpoint(host, 6881))
        for index, host in enumerate(f"203.0.113.{number}" for number in range(1, K + 1))
    ]
    forged = [node(far, host=f"198.51.100.{far}") for far in range(1, K + 1)]
    lookup = lookup_from(*forged, *honest)
    while queries := asked(lookup):
        for endpoint in queries:
            contact = next(c for c in (*forged, *honest) if c.endpoint == endpoint)
            answer(lookup, contact)
    assert lookup.is_done()
    assert {candidate.endpoint for candidate in lookup.closest()} == {c.endpoint for c in honest}
