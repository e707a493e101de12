"""Places, identifiers and distances of the simulated network."""

from __future__ import annotations

import random
import statistics

from firmware.overlay.dht.address import Scope, scope_of
from firmware.overlay.dht.node_id import fits_address, shared_bits
from firmware.sim.latency import MEDIAN_RTT_S, LatencyMap
from firmware.sim.population import Population, Role
from firmware.sim.sessions import MEDIAN_S, remaining_s, session_s


def test_every_place_has_a_global_address_of_its_own_and_an_id_that_fits_it() -> None:
    population = Population(3000, seed=5)
    contacts = [population.contact(place) for place in range(population.size)]
    assert len({contact.endpoint.host for contact in contacts}) == 3000
    for contact in contacts:
        assert scope_of(contact.endpoint.host) is Scope.GLOBAL
        assert fits_address(contact.node_id, contact.endpoint.host)


def test_places_are_in_the_order_of_their_identifiers() -> None:
    population = Population(500, seed=6)
    identifiers = [population.contact(place).node_id for place in range(population.size)]
    assert identifiers == sorted(identifiers)


def test_span_holds_exactly_the_identifiers_that_share_the_bits() -> None:
    population = Population(400, seed=7)
    target = population.contact(123).node_id
    for bits in range(14):
        first, last = population.span(target, bits)
        sharing = {
            place
            for place in range(population.size)
            if shared_bits(population.contact(place).node_id, target) >= bits
        }
        assert sharing == set(range(first, last))


def test_roles_are_shared_out_as_asked() -> None:
    population = Population(750, seed=8, dead=0.25, hostile=0.2)
    assert population.size == 1000
    assert population.roles.count(Role.DEAD) == 250
    assert population.roles.count(Role.HOSTILE) == 150


def test_place_of_an_address_that_nobody_was_told_is_unknown() -> None:
    population = Population(100, seed=9)
    contact = population.contact(42)
    assert population.place_at(contact.endpoint.host) == 42
    assert population.place_at("203.0.113.1") is None


def test_median_round_trip_is_the_measured_one_and_the_same_both_ways() -> None:
    latency = LatencyMap(2000, seed=1)
    sample = latency.sample_s(5000, seed=1)
    assert abs(statistics.median(sample) - MEDIAN_RTT_S) < 0.01
    assert latency.rtt_s(3, 1500) == latency.rtt_s(1500, 3)
    assert min(sample) > 0


def test_same_seed_gives_the_same_map_and_another_seed_another() -> None:
    one, same, other = LatencyMap(50, 1), LatencyMap(50, 1), LatencyMap(50, 2)
    assert one.rtt_s(1, 2) == same.rtt_s(1, 2) != other.rtt_s(1, 2)


def test_sessions_have_a_median_of_an_hour_and_a_long_tail() -> None:
    dice = random.Random(1)
    lengths = [session_s(dice) for _ in range(20_000)]
    assert 0.95 < statistics.median(lengths) / MEDIAN_S < 1.05
    assert statistics.mean(lengths) > 2 * MEDIAN_S


def test_nodes_met_at_a_random_moment_stay_longer_than_newcomers() -> None:
    dice = random.Random(2)
    remaining = [remaining_s(dice) for _ in range(5000)]
    assert statistics.median(remaining) > 1.5 * MEDIAN_S
