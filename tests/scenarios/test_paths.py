"""Calls that begin through an exchange and find a way of their own, whatever the routers do."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator

import pytest

from firmware.demux import Protocol
from firmware.media.path.chance import DOORS_MAX, OFFER_S, ROUNDS
from firmware.model import CallState, Endpoint
from tests.nats import Kind, NatWorld, has_direct_way
from tests.world import Actor, Network, PhoneActor, heard_since, loudest_hz

LEG_S = 0.020  # of each host; 80 ms there and back
HALF_WAY_S = 2 * LEG_S
UPGRADED_S = 0.5  # after the answer


def town(seed: int, *callers: tuple[str, Kind]) -> tuple[NatWorld, list[PhoneActor]]:
    """Three exchanges, and telephones behind routers, all of them published."""
    world = NatWorld(seed, Network((HALF_WAY_S, HALF_WAY_S)))
    exchanges = add_middle(world)
    phones = [world.add_behind(name, kind, exchanges) for name, kind in callers]
    world.settle()
    world.run(2.0)
    return world, phones


def add_middle(world: NatWorld, count: int = 3) -> list[Actor]:
    """Exchanges in the middle of the Internet."""
    exchanges = world.add_exchanges(count)
    world.middle |= {exchange.endpoint.host for exchange in exchanges}
    return exchanges


def lose(world: NatWorld, loss_per_leg: float) -> None:
    """From now on each of the two legs of a datagram loses that share."""
    world.network = Network((HALF_WAY_S, HALF_WAY_S), 1 - (1 - loss_per_leg) ** 2)


def answer(world: NatWorld, anna: PhoneActor, bert: PhoneActor, *, prefix: str = "") -> float:
    """Anna calls, Bert lifts; returns when."""
    world.lift(anna)
    world.dial(anna, prefix + bert.number, pause_s=0.02)
    world.wait(anna, CallState.RINGBACK)
    world.run(0.3)
    world.lift(bert)
    return world.now_s


def hang_up(world: NatWorld, *phones: PhoneActor) -> None:
    for phone in phones:
        world.replace(phone)
        world.run(0.3)


def is_direct(phone: PhoneActor) -> bool:
    path = phone.phone.status().path
    return path is not None and not path.is_relayed


def direct_after_s(world: NatWorld, anna: PhoneActor, bert: PhoneActor, wait_s: float) -> float:
    """How long it takes until both send directly; infinite if not within `wait_s`."""
    begin_s = world.now_s
    while world.now_s < begin_s + wait_s:
        world.run(0.01)
        if is_direct(anna) and is_direct(bert):
            return world.now_s - begin_s
    return float("inf")


def meets(world: NatWorld, one: PhoneActor, other: PhoneActor) -> bool:
    """True if what `one` sends where its path says arrives at `other`, by the other's own path."""
    paths = one.phone.status().path, other.phone.status().path
    assert paths[0] is not None and paths[1] is not None
    if paths[0].is_relayed or paths[1].is_relayed:  # then both, and by the same exchange
        hosts = {path.remote.host for path in paths if path is not None}
        return paths[0].is_relayed and paths[1].is_relayed and len(hosts) == 1
    return outside(world, one, paths[0].remote) == paths[1].remote


def outside(world: NatWorld, phone: PhoneActor, towards: Endpoint) -> Endpoint:
    """As whom `towards` sees this telephone."""
    home = world.home_of.get(phone.endpoint, phone.endpoint)
    nat = world.nat_of.get(phone.name)
    return home if nat is None else nat.outbound(home, towards, world.now_s)


def calls_of_the_matrix(seed: int, loss_per_leg: float) -> Iterator[tuple[str, bool, float, bool]]:
    """Each kind of router calls each: who, whether it can be direct, after how long, one path."""
    callers = [(f"{side} {kind}", kind) for side in "ab" for kind in Kind]
    world, phones = town(seed, *callers)
    kinds = list(Kind)
    lose(world, loss_per_leg)
    for i, j in itertools.product(range(len(kinds)), repeat=2):
        anna, bert = phones[i], phones[len(kinds) + j]
        can_be = has_direct_way(kinds[i], kinds[j])
        answer(world, anna, bert)
        took_s = direct_after_s(world, anna, bert, 1.0 if can_be else 3.0)
        world.run(1.0)
        yield f"{anna.name} to {bert.name}", can_be, took_s, meets(world, anna, bert)
        assert anna.view.state is CallState.CONNECTED, world.story(anna.name)
        hang_up(world, anna, bert)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "loss_per_leg"), [(1, 0.0), (2, 0.05)])
def test_every_call_connects_and_is_direct_where_physics_allows(
    seed: int, loss_per_leg: float
) -> None:
    offences, direct_s = [], []
    for who, can_be, took_s, is_one_path in calls_of_the_matrix(seed, loss_per_leg):
        if can_be:
            direct_s.append(took_s)
        if can_be and took_s > UPGRADED_S:
            offences.append(f"{who}: direct after {took_s:.2f} s")
        if not can_be and took_s < float("inf"):
            offences.append(f"{who}: direct, against physics")
        if not is_one_path:
            offences.append(f"{who}: two paths")
    assert not offences, f"seed {seed}: {offences}"
    assert statistics.median(direct_s) <= UPGRADED_S / 2, f"seed {seed}"


@pytest.mark.parametrize("kinds", [(Kind.PORT, Kind.PORT), (Kind.INCREMENTING, Kind.PORT)])
@pytest.mark.parametrize("seed", range(2))
def test_call_between_routers_is_direct_half_a_second_after_the_answer(
    kinds: tuple[Kind, Kind], seed: int
) -> None:
    world, (anna, bert) = town(seed, ("Anna", kinds[0]), ("Bert", kinds[1]))
    answer(world, anna, bert)
    assert direct_after_s(world, anna, bert, 1.0) <= UPGRADED_S, world.story("still relayed")
    world.run(1.0)
    assert meets(world, anna, bert) and meets(world, bert, anna)


@pytest.mark.parametrize("loss_per_leg", [0.0, 0.05])
@pytest.mark.parametrize(
    ("one", "other", "seed"),
    [
        (Kind.INCREMENTING, Kind.PORT, 3),
        (Kind.PORT, Kind.INCREMENTING, 3),
        (Kind.INCREMENTING, Kind.INCREMENTING, 3),
        (Kind.INCREMENTING, Kind.INCREMENTING, 4),  # who know of each other ports that are gone
        (Kind.INCREMENTING, Kind.INCREMENTING, 16),  # one's card is due in that moment
        (Kind.INCREMENTING, Kind.INCREMENTING, 42),  # one has spoken to most it knows just now
    ],
)
def test_router_that_counts_is_met_however_far_others_have_moved_it(
    one: Kind, other: Kind, seed: int, loss_per_leg: float
) -> None:
    world = NatWorld(seed, Network((HALF_WAY_S, HALF_WAY_S)))
    world.add_nodes(100)  # so many that the two have never spoken as nodes of the directory
    exchanges = add_middle(world)
    anna = world.add_behind("Anna", one, exchanges)
    bert = world.add_behind("Bert", other, exchanges)
    world.settle()
    for moved in (301, 77):
        world.run(25.0)
        for nat in world.nats.values():
            nat.used += moved  # somebody else in the house
    lose(world, loss_per_leg)
    answer(world, anna, bert)
    # Of two that count, the first attempt may fail: by a lost datagram, or if in so young a network
    # one knows nobody with whom it has not just spoken.
    again_s = 0.1 if one == other else 0.0
    patience_s = 2 * UPGRADED_S if loss_per_leg else UPGRADED_S + again_s
    assert direct_after_s(world, anna, bert, 1.0) <= patience_s, world.story("still relayed")


def test_call_to_a_contact_is_direct_when_it_is_answered() -> None:
    world, (anna, bert) = town(4, ("Anna", Kind.PORT), ("Bert", Kind.PORT))
    answer(world, anna, bert)
    world.run(1.0)
    hang_up(world, anna, bert)
    answer(world, bert, anna)  # who know each other now
    assert is_direct(anna) and is_direct(bert)


def test_relayed_only_call_sends_nothing_to_the_peer_itself() -> None:
    world, (anna, bert) = town(5, ("Anna", Kind.PORT), ("Bert", Kind.PORT))
    homes = set(world.nats)
    answer(world, anna, bert, prefix="*67")
    world.run(3.0)
    assert anna.view.state is bert.view.state is CallState.CONNECTED
    assert not is_direct(anna) and not is_direct(bert)
    for name, protocol, host in world.said:
        is_between_them = name in (anna.name, bert.name) and host in homes
        assert protocol is Protocol.KRPC or not is_between_them, (name, protocol, host)


@pytest.mark.parametrize("seed", [3, 17])
def test_who_never_called_before_is_heard_soon_though_the_whole_network_has_just_begun(
    seed: int,
) -> None:
    """Two hundred nodes and five exchanges that began with empty tables in the same second."""
    world = NatWorld(seed, Network((HALF_WAY_S, HALF_WAY_S)))
    world.add_nodes(200)
    exchanges = add_middle(world, 5)
    kinds = itertools.cycle(Kind)
    phones = [world.add_behind(f"box{i}", next(kinds), exchanges) for i in range(12)]
    world.settle()
    world.run(60.0)
    waits_s = []
    for caller, callee in zip(phones, phones[5:] + phones[:5], strict=True):
        world.lift(caller)
        world.dial(caller, callee.number[:-1], pause_s=0.06)
        since_s = world.now_s
        world.dial(caller, callee.number[-1], pause_s=0.0)
        world.wait(caller, CallState.RINGBACK)
        waits_s.append(world.now_s - since_s)
        hang_up(world, caller, callee)
    assert max(waits_s) <= 0.45, f"seed {seed}: {waits_s}"


@pytest.mark.parametrize("kinds", list(itertools.permutations((Kind.PORT, Kind.SYMMETRIC))))
@pytest.mark.parametrize("loss_per_leg", [0.0, 0.05])
def test_router_with_ports_at_random_is_met_by_chance_while_they_talk(
    kinds: tuple[Kind, Kind], loss_per_leg: float
) -> None:
    for seed in (6, 7, 8):  # two of a hundred do not meet: three in a row by no chance
        world, (anna, bert) = town(seed, ("Anna", kinds[0]), ("Bert", kinds[1]))
        lose(world, loss_per_leg)
        answer(world, anna, bert)
        world.run(OFFER_S)
        assert not is_direct(anna) and not is_direct(bert) and world.doors_sent == 0
        if direct_after_s(world, anna, bert, 15.0) < 15.0:
            break
    else:
        raise AssertionError(world.story("still relayed"))
    world.run(1.0)
    sent, since_s = world.doors_sent, world.now_s
    world.run(5.0)
    assert world.doors_sent == sent <= ROUNDS * DOORS_MAX  # no more of them once one is found
    assert is_direct(anna) and is_direct(bert)
    for ear, hz in ((anna, bert.voice_hz), (bert, anna.voice_hz)):
        assert abs(loudest_hz(heard_since(ear, since_s)[:100]) - hz) < 20
    hang_up(world, anna, bert)
    assert not any(world.doors.values())  # all are closed


def test_call_that_is_relayed_only_opens_no_doors() -> None:
    world, (anna, bert) = town(7, ("Anna", Kind.SYMMETRIC), ("Bert", Kind.PORT))
    answer(world, anna, bert, prefix="*67")
    world.run(OFFER_S + 5.0)
    assert anna.view.state is bert.view.state is CallState.CONNECTED
    assert world.doors_sent == 0 and not world.doors
