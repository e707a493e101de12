"""Networks that change in mid-call: exchanges die, addresses change, routers forget."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.model import FRAME_S, CallState
from tests.nats import Kind, NatWorld
from tests.scenarios.test_paths import (
    HALF_WAY_S,
    add_middle,
    answer,
    direct_after_s,
    is_direct,
    lose,
    meets,
    town,
)
from tests.world import Actor, Network, PhoneActor

GAP_S = 0.3
LOUD = 500.0  # of the 8,000 at which they speak


def gap_s(phone: PhoneActor, since_s: float) -> float:
    """The longest silence in this earpiece."""
    longest = silent = 0
    for at_s, frame in phone.heard:
        if at_s >= since_s:
            silent = 0 if np.abs(frame).max() > LOUD else silent + 1
            longest = max(longest, silent)
    return longest * FRAME_S


def talking(
    seed: int, anna: Kind, bert: Kind, talked_s: float = 3.0
) -> tuple[NatWorld, PhoneActor, PhoneActor]:
    """They have talked for so long."""
    world, (one, other) = town(seed, ("Anna", anna), ("Bert", bert))
    answer(world, one, other)
    world.run(talked_s)
    return world, one, other


def missed_s(world: NatWorld, phones: tuple[PhoneActor, ...], watched_s: float = 3.0) -> float:
    """Speech that was not there when it should have been heard, at the end that missed more."""
    before = [phone.phone.media.frames_concealed for phone in phones]
    world.run(watched_s)
    after = [phone.phone.media.frames_concealed for phone in phones]
    return FRAME_S * max(late - early for early, late in zip(before, after, strict=True))


def listen(world: NatWorld, phones: tuple[PhoneActor, ...], since_s: float) -> None:
    """Nobody hears nothing for longer than GAP_S, and the call goes on."""
    gaps = {phone.name: gap_s(phone, since_s) for phone in phones}
    assert max(gaps.values()) <= GAP_S, world.story(f"silence {gaps}")
    assert all(phone.view.state is CallState.CONNECTED for phone in phones)


def talked_s(seed: int) -> float:
    """Any moment of a call may be the bad one, the first not less than others."""
    return random.Random(seed).uniform(0.3, 4.0)


def kill_carrier(world: NatWorld, phone: PhoneActor) -> Actor:
    """The exchange through which this telephone speaks is no more."""
    path = phone.phone.status().path
    assert path is not None and path.is_relayed
    exchange = next(one for at, one in world.actors.items() if at.host == path.remote.host)
    exchange.online = False
    return exchange


@pytest.mark.parametrize("loss_per_leg", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(10))
def test_death_of_the_exchange_is_missed_for_less_than_the_limit_whenever_it_comes(
    seed: int, loss_per_leg: float
) -> None:
    kind = (Kind.SYMMETRIC, Kind.PORT)[seed % 2]
    world, anna, bert = talking(seed, kind, Kind.SYMMETRIC, talked_s(seed))
    lose(world, loss_per_leg)
    kill_carrier(world, anna)
    missed = missed_s(world, (anna, bert))
    assert 0 < missed <= GAP_S, world.story(f"{missed} s of speech missed")


@pytest.mark.parametrize("loss_per_leg", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(10))
def test_change_of_the_address_is_missed_for_less_than_the_limit_whenever_it_comes(
    seed: int, loss_per_leg: float
) -> None:
    kind = (Kind.PUBLIC, Kind.PORT, Kind.SYMMETRIC, Kind.INCREMENTING, Kind.FULL_CONE)[seed % 5]
    world, anna, bert = talking(seed, kind, Kind.PORT, talked_s(seed))
    lose(world, loss_per_leg)
    move(world, anna, kind)
    missed = missed_s(world, (anna, bert))
    assert 0 < missed <= GAP_S, world.story(f"{missed} s of speech missed")


@pytest.mark.slow
def test_call_outlives_all_exchanges_that_it_began_with() -> None:
    world = NatWorld(8, Network((HALF_WAY_S, HALF_WAY_S)))
    exchanges = add_middle(world, 4)  # each telephone is registered with three of them
    anna, bert = (world.add_behind(name, Kind.SYMMETRIC, exchanges) for name in ("Anna", "Bert"))
    world.settle()
    answer(world, anna, bert)
    world.run(3.0)
    dead = []
    for found_s in (40.0, 3.0, 0.0):  # meanwhile each finds the fourth, and tells the other
        dead.append(kill_carrier(world, anna))
        missed = missed_s(world, (anna, bert))
        assert missed <= GAP_S, world.story(f"{missed} s missed after {len(dead)} deaths")
        world.run(found_s)
    assert len(set(dead)) == 3
    assert anna.view.state is bert.view.state is CallState.CONNECTED


@pytest.mark.parametrize("kind", [Kind.SYMMETRIC, Kind.PORT])
def test_call_survives_the_death_of_its_exchange(kind: Kind) -> None:
    world, anna, bert = talking(1, kind, Kind.SYMMETRIC)
    since_s = world.now_s
    exchange = kill_carrier(world, anna)
    world.run(3.0)
    listen(world, (anna, bert), since_s)
    assert meets(world, anna, bert)
    after = anna.phone.status().path
    assert after is not None and after.remote.host != exchange.endpoint.host


def test_direct_call_does_not_notice_the_death_of_all_exchanges() -> None:
    world, anna, bert = talking(2, Kind.PORT, Kind.PORT)
    since_s = world.now_s
    for actor in world.actors.values():
        if not isinstance(actor, PhoneActor):
            actor.online = False
    world.run(3.0)
    listen(world, (anna, bert), since_s)
    assert gap_s(anna, since_s) == gap_s(bert, since_s) == 0.0


def move(world: NatWorld, phone: PhoneActor, kind: Kind) -> None:
    """From now on it has another address, behind another router of that kind."""
    if kind is not Kind.PUBLIC:
        world.put_behind(phone.name, kind)
    world.move(phone, "192.168.99.2" if kind is not Kind.PUBLIC else "99.9.9.9")


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("kind", [Kind.PUBLIC, Kind.PORT, Kind.SYMMETRIC])
def test_call_goes_on_from_another_network(kind: Kind, who: int) -> None:
    """The other side is behind a router that lets in only whom it has sent to."""
    kinds = (kind, Kind.PORT) if who == 0 else (Kind.PORT, kind)
    world, *phones = talking(3, *kinds)
    mover = phones[who]
    since_s = world.now_s
    move(world, mover, kind)
    world.run(3.0)
    listen(world, (phones[0], phones[1]), since_s)
    assert is_direct(phones[0]) is is_direct(phones[1]) is (kind is not Kind.SYMMETRIC)
    assert meets(world, phones[0], phones[1])


@pytest.mark.parametrize("who", [0, 1])
def test_call_goes_on_when_a_router_forgets_its_mappings(who: int) -> None:
    world, *phones = talking(4, Kind.PORT, Kind.PORT)
    since_s = world.now_s
    world.nat_of[phones[who].name].forget()  # nobody is told
    world.run(4.0)
    listen(world, (phones[0], phones[1]), since_s)
    assert is_direct(phones[0]) and is_direct(phones[1])


def test_call_falls_back_to_an_exchange_when_the_direct_way_breaks() -> None:
    world, anna, bert = talking(5, Kind.PORT, Kind.PORT)
    assert is_direct(anna)
    since_s = world.now_s
    hosts = [world.nat_of[phone.name].host for phone in (anna, bert)]
    world.cut.add(frozenset(hosts))
    world.run(3.0)
    listen(world, (anna, bert), since_s)
    assert not is_direct(anna) and not is_direct(bert)
    world.cut.clear()
    assert direct_after_s(world, anna, bert, 10.0) < 10.0
    listen(world, (anna, bert), since_s)


def test_change_of_the_way_loses_no_packet() -> None:
    world, (anna, bert) = town(6, ("Anna", Kind.PORT), ("Bert", Kind.PORT))
    answer(world, anna, bert)
    world.run(3.0)
    assert is_direct(anna) and is_direct(bert)
    for phone in (anna, bert):
        media = phone.phone.status().media
        assert media is not None and media.counters.packets_lost == 0
