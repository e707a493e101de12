from __future__ import annotations

import pytest

from firmware.media.path.candidates import (
    EXCHANGES_MAX,
    HOSTS_MAX,
    OBSERVERS_MAX,
    SENT_TO_MAX,
    SPREAD_MAX,
    OwnAddresses,
    is_private,
    is_probeable,
    port_step,
)
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

HOME = Endpoint("192.168.1.2", 6881)
OUTSIDE = Endpoint("198.51.100.1", 40_000)


def observers(count: int) -> list[Endpoint]:
    return [Endpoint(f"203.0.{i}.1", 6881) for i in range(count)]


def seen_at(*ports: int) -> list[Endpoint]:
    return [Endpoint(OUTSIDE.host, port) for port in ports]


@pytest.mark.parametrize(
    ("host", "private"),
    [
        *(("10.1.2.3", True), ("172.31.0.1", True), ("172.32.0.1", False), ("100.64.0.1", True)),
        *(("169.254.1.1", True), ("127.0.0.1", True), ("192.0.2.1", False), ("8.8.8.8", False)),
        *(("fd00::1", True), ("fe80::1", True), ("::1", True), ("2001:db8::1", False)),
    ],
)
def test_private_address_means_something_in_its_own_network_only(host: str, private: bool) -> None:
    assert is_private(host) is private


@pytest.mark.parametrize(
    ("host", "own", "probeable"),
    [
        ("192.0.2.1", "192.168.1.2", True),
        ("192.168.1.9", "192.168.1.2", True),
        ("192.168.1.9", "192.0.2.1", False),  # we have no local network
        ("127.0.0.1", "192.168.1.2", False),  # our own services are nobody's business
        ("127.0.0.1", "127.0.0.1", True),
        ("2001:db8::1", "192.168.1.2", False),  # a family that we do not have
        ("2001:db8::1", "2001:db8::2", True),
        ("224.0.0.1", "192.168.1.2", False),
        ("255.255.255.255", "192.168.1.2", False),
        ("0.0.0.0", "192.168.1.2", False),
    ],
)
def test_probe_goes_only_where_a_peer_can_honestly_be(host: str, own: str, probeable: bool) -> None:
    assert is_probeable(Endpoint(host, 6881), (Endpoint(own, 6881),)) is probeable


@pytest.mark.parametrize(
    ("ports", "step"),
    [
        *(((4000,), 0), ((4000, 4000, 4000), 0)),
        *(((4000, 4002, 4004), 2), ((4004, 4000, 4008), 2), ((4000, 4001, 4005), 1)),
        # three of long ago, and what a row has got to since
        *(((4000, 4002, 4004, 9000, 9006, 9010), 2), ((4000, 4002, 4004, 60_000), 2)),
        ((4000, 4002, 4004, 9000, 17_123, 30_000, 51_000, 60_000), 2),
        *(((4000, 4000, 4000, 51_000), 0), ((4000, 4002, 17_123, 51_000, 60_000), 255)),
        *(((4000, 51_000, 17_123), PORT_STEP_RANDOM), ((4000, 4513), PORT_STEP_RANDOM)),
        ((4000, 4000 + SPREAD_MAX), 2),
    ],
)
def test_port_step_follows_from_what_observers_saw_in_any_order(
    ports: tuple[int, ...], step: int
) -> None:
    assert port_step(seen_at(*ports)) == step


def test_candidates_are_told_by_scope_and_each_once() -> None:
    own = OwnAddresses()
    own.set_hosts((HOME, Endpoint("2001:db8::1", 6881)))
    own.set_mapped(OUTSIDE)
    for observer in observers(3):
        own.observe(OUTSIDE, observer)
    found = own.found()
    assert found.private == (Candidate(HOME, CandidateKind.HOST),)
    assert [one.kind for one in found.public] == [CandidateKind.HOST, CandidateKind.MAPPED]


def test_router_that_counts_is_expected_where_our_own_packets_have_moved_it() -> None:
    own = OwnAddresses()
    for observer, port in zip(observers(3), (20_002, 20_006, 20_004), strict=True):
        own.observe(Endpoint(OUTSIDE.host, port), observer)
    for destination in (*observers(2), observers(1)[0]):  # the last one for the second time
        own.send_to(destination)
    (candidate,) = own.found().public
    assert candidate == Candidate(
        Endpoint(OUTSIDE.host, 20_010), CandidateKind.OBSERVED, port_step=2
    )


def test_observation_after_a_doubt_ends_the_older_ones() -> None:
    own = OwnAddresses()
    for observer in observers(3):
        own.observe(OUTSIDE, observer)
    moved = Endpoint(OUTSIDE.host, 50_000)
    own.observe_again(moved, observers(1)[0])
    (candidate,) = own.found().public
    assert candidate == Candidate(moved, CandidateKind.OBSERVED, port_step=0)


def test_new_addresses_end_what_others_saw() -> None:
    own = OwnAddresses()
    own.set_hosts((HOME,))
    own.observe(OUTSIDE, observers(1)[0])
    own.set_hosts((Endpoint("192.168.9.9", 6881),))
    assert own.found().public == ()
    assert list(own.observers) == observers(1), "whom to ask is still known"


def test_destination_is_known_as_such_until_so_many_others_came() -> None:
    own = OwnAddresses()
    for observer, port in zip(observers(3), (20_000, 20_001, 20_002), strict=True):
        own.observe(Endpoint(OUTSIDE.host, port), observer)
    row = [Endpoint("198.51.100.1", port) for port in range(1, SENT_TO_MAX + 2)]

    def moved() -> int:
        """How far our router has counted, as we think."""
        (candidate,) = own.found().public
        return candidate.endpoint.port - 20_002

    for destination in row[:SENT_TO_MAX]:
        own.send_to(destination)
    own.send_to(row[0])  # so that it is the newest, and the second the oldest
    assert moved() == SENT_TO_MAX
    own.send_to(row[SENT_TO_MAX])
    own.send_to(row[0])
    assert moved() == SENT_TO_MAX + 1
    own.send_to(row[1])  # forgotten: our router, which has less room, has forgotten it, too
    assert moved() == SENT_TO_MAX + 2


@pytest.mark.parametrize("count", [EXCHANGES_MAX, EXCHANGES_MAX + 1])
def test_first_of_our_exchanges_are_told_and_no_more(count: int) -> None:
    own = OwnAddresses()
    exchanges = tuple(Endpoint(f"203.0.113.{i}", 6881) for i in range(count))
    own.set_exchanges(exchanges)
    assert [one.endpoint for one in own.found().relays] == list(exchanges[:EXCHANGES_MAX])


def test_limits_hold() -> None:
    own = OwnAddresses()
    own.set_hosts(tuple(Endpoint(f"192.168.1.{i}", 1) for i in range(2 * HOSTS_MAX)))
    for i, observer in enumerate(observers(2 * OBSERVERS_MAX)):
        own.observe(Endpoint(OUTSIDE.host, 1000 + i), observer)
    assert len(own.found().private) == HOSTS_MAX
    assert list(own.observers) == observers(2 * OBSERVERS_MAX)[OBSERVERS_MAX:]
