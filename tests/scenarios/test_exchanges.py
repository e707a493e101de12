"""Calls through exchanges, told as stories: boxes behind routers that let nobody in."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import pytest

from firmware.channel import Open, Refusal, Refused, target_of
from firmware.commands.exchange import DRAIN_S
from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.model import FRAME_S, CallState, Endpoint, Unreachable
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.channels import PRESSED
from tests.world import Actor, Network, PhoneActor, World, heard_since, loudest_hz

QUICK = Network(delay_s=(0.020, 0.020))


OPENINGS = (b"\xf1\x01", b"\xf1\x09")  # without a cookie, and with one


class Lie(StrEnum):
    """What an exchange does with the calls that it should let through."""

    DROPS = "drops"
    DENIES = "denies"  # says that nobody of that name is here
    DELAYS = "delays"  # for longer than anybody waits
    FORGES = "forges"  # hands something else on


class Liar:
    """An exchange that answers its boxes in all things, and lets no call through."""

    def __init__(self, honest: Directory, lie: Lie = Lie.DROPS) -> None:
        self.honest = honest
        self.lie = lie
        self.calls = 0
        self._delayed: list[tuple[float, Message]] = []

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        if not isinstance(fact, DatagramReceived) or fact.data[:2] not in OPENINGS:
            return self.honest.handle(fact, now_s)
        self.calls += 1
        match self.lie:
            case Lie.DENIES:
                denied = Refusal(fact.data[18:26], Refused.UNKNOWN_TARGET, 0)
                return [SendDatagram(denied.encode(), fact.source)]
            case Lie.DELAYS:
                self._delayed.append((now_s + 4.0, fact))
            case Lie.FORGES:
                forged = fact.data[:50] + bytes(len(fact.data) - 50)
                return self.honest.handle(replace(fact, data=forged), now_s)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        out = self.honest.on_time(now_s)
        while self._delayed and self._delayed[0][0] <= now_s:
            out += self.honest.handle(self._delayed.pop(0)[1], now_s)
        return out

    def deadline_s(self) -> float | None:
        due = [self.honest.deadline_s(), *(due_s for due_s, _ in self._delayed[:1])]
        return min((due_s for due_s in due if due_s is not None), default=None)


def town(
    seed: int, network: Network | None = None, exchanges: int = 3
) -> tuple[World, list[Actor]]:
    """A network with exchanges in it; no telephone yet."""
    world = World(seed, network)
    world.add_nodes(5)
    return world, world.add_exchanges(exchanges)


def hidden(world: World, name: str, exchanges: list[Actor]) -> PhoneActor:
    """A telephone behind a router, whose address nobody is told."""
    return world.add_phone(name, exchanges=exchanges, behind_nat=True, direct=False)


def directory_of(exchange: Actor) -> Directory:
    assert isinstance(exchange.core, Directory)
    return exchange.core


def publish(world: World, actor: Actor) -> None:
    exchange = directory_of(actor).exchange
    assert exchange is not None
    exchange.publish(world.now_s)


def registered(who: PhoneActor) -> set[str]:
    return {str(view.endpoint) for view in who.phone.status().exchanges}


def rings(who: PhoneActor) -> bool:
    return who.phone.status().unreachable is None


def hang_up(world: World, *phones: PhoneActor) -> None:
    for phone in phones:
        world.replace(phone)
    world.run(12.0)


def ringback_s(world: World, caller: PhoneActor, callee: PhoneActor) -> float:
    """From the last digit to the ringback; then everybody hangs up."""
    world.lift(caller)
    world.dial(caller, callee.number[:-1])
    since_s = world.now_s
    world.dial(caller, callee.number[-1], pause_s=0.0)
    world.wait(caller, CallState.RINGBACK)
    took_s = world.now_s - since_s
    hang_up(world, caller)
    return took_s


def test_call_between_two_boxes_behind_nats_goes_through_an_exchange() -> None:
    world, exchanges = town(41)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    anna.voice_hz, bert.voice_hz = 500.0, 900.0
    since_s = world.now_s + 0.5
    world.run(2.0)
    assert abs(loudest_hz(heard_since(bert, since_s)) - 500.0) < 10.0
    assert abs(loudest_hz(heard_since(anna, since_s)) - 900.0) < 10.0
    world.replace(anna)
    world.run(FRAME_S + 1.0)
    assert bert.view.state is CallState.FAILED


def test_box_finds_three_exchanges_with_no_configuration_and_rings() -> None:
    world, exchanges = town(42, exchanges=5)
    for exchange in exchanges:
        publish(world, exchange)
    world.run(30.0)
    anna = hidden(world, "anna", [])
    world.run(60.0)
    assert len(registered(anna)) == 3, world.story("found no exchanges")
    assert rings(anna) and not anna.rings
    assert "exchanges.json" in anna.stored


def test_box_whose_exchange_dies_is_registered_with_another_within_half_a_minute() -> None:
    world, exchanges = town(43, exchanges=4)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    dead = next(e for e in exchanges if str(e.endpoint) in registered(bert))
    dead.online = False
    world.run(40.0)
    assert len(registered(bert)) == 3 and str(dead.endpoint) not in registered(bert)
    world.connect(anna, bert)


def test_call_reaches_a_box_of_whose_exchanges_two_have_just_died() -> None:
    world, exchanges = town(44)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)  # from now on they know each other
    hang_up(world, anna, bert)
    for dead in exchanges[:2]:
        dead.online = False
    assert ringback_s(world, anna, bert) < 1.5


@pytest.mark.parametrize("lie", Lie)
def test_exchange_that_lets_no_call_through_is_noticed_and_left(lie: Lie) -> None:
    world, exchanges = town(45, exchanges=4)
    liar = Liar(directory_of(exchanges[0]), lie)
    exchanges[0].core = liar
    anna = world.add_phone("anna", exchanges=exchanges[:3], behind_nat=True, direct=False)
    world.run(8.0)
    assert str(exchanges[0].endpoint) in registered(anna)
    publish(world, exchanges[3])
    world.run(120.0)
    assert liar.calls >= 3
    assert registered(anna) == {str(e.endpoint) for e in exchanges[1:]}, world.story("liar stays")
    assert rings(anna)


def test_liar_among_four_exchanges_brings_no_good_one_into_doubt() -> None:
    world, exchanges = town(45, exchanges=4)
    exchanges[0].core = Liar(directory_of(exchanges[0]))
    publish(world, exchanges[3])
    anna = world.add_phone("anna", exchanges=exchanges[:3], behind_nat=True, direct=False)
    world.run(120.0)
    until_s, doubted_s = world.now_s + 1230.0, []
    while world.now_s < until_s:
        world.run(1.0)
        views = anna.phone.status().exchanges
        if len(views) != 3 or not all(view.rings for view in views):
            doubted_s.append(world.now_s)
    assert not doubted_s, world.story(f"doubted at {doubted_s[:5]}")


def test_box_whose_only_exchange_lets_no_call_through_says_so() -> None:
    world, exchanges = town(46, exchanges=1)
    exchanges[0].core = Liar(directory_of(exchanges[0]))
    anna = hidden(world, "anna", exchanges)
    world.run(30.0)
    status = anna.phone.status()
    assert status.unreachable is Unreachable.NOT_RUNG
    assert "no call gets in" in " ".join(status.picture.lines)


def test_exchange_that_is_stopped_sends_its_boxes_elsewhere_first() -> None:
    world, exchanges = town(47, exchanges=4)
    for exchange in exchanges:
        publish(world, exchange)
    world.run(20.0)
    bert = hidden(world, "bert", exchanges[:3])
    world.settle()
    world.run(15.0)
    leaving = next(e for e in exchanges if str(e.endpoint) in registered(bert))
    core = directory_of(leaving)
    world._perform(leaving, "drain", core.drain(world.now_s))
    world.run(DRAIN_S)
    assert core.exchange is not None and core.exchange.helping().registrations == 0
    leaving.online = False
    assert len(registered(bert)) == 3 and rings(bert)


def test_box_without_an_exchange_behind_a_router_says_so() -> None:
    world, _ = town(48, exchanges=0)
    anna = hidden(world, "anna", [])
    world.run(20.0)
    assert anna.phone.status().unreachable is Unreachable.NO_EXCHANGE


def test_exchange_that_forgot_everything_has_its_boxes_back_after_the_next_keep_alive() -> None:
    world, exchanges = town(49)
    bert = hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    forgetful = directory_of(exchanges[0]).exchange
    assert forgetful is not None
    forgetful.registrations.expire(world.now_s + 1000.0)
    assert forgetful.helping().registrations == 0
    world.run(25.0)
    assert forgetful.helping().registrations == 1
    assert len(registered(bert)) == 3


def test_known_contact_rings_back_after_one_round_trip_through_the_exchange() -> None:
    world, exchanges = town(50, QUICK)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    hang_up(world, anna, bert)
    one_round_trip_s = 4 * 0.020
    assert ringback_s(world, anna, bert) < one_round_trip_s + 0.020  # one frame of the earpiece


def test_call_gets_through_while_all_exchanges_are_flooded_with_forged_ones() -> None:
    world, exchanges = town(54, QUICK)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    hang_up(world, anna, bert)
    identity = bert.phone.directory.registrar._identity
    assert identity is not None
    for i in range(8 * PRESSED):
        forged = Endpoint(f"66.{i}.7.1", 4000)
        frame = Open(target_of(identity.public_key), i.to_bytes(8, "big"), b"\xf0" + bytes(300))
        for exchange in exchanges:
            world.tell(exchange, DatagramReceived(frame.encode(), forged))
    one_round_trip_more_s = 2 * 4 * 0.020
    assert ringback_s(world, anna, bert) < one_round_trip_more_s + 0.020
    for one in exchanges:
        flooded = directory_of(one).exchange
        assert flooded is not None and flooded.counters["challenged"] >= 7 * PRESSED


def test_first_contact_through_an_exchange_is_not_slowed_by_the_grace_for_copies() -> None:
    world, exchanges = town(51, QUICK)
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(10.0)
    assert ringback_s(world, anna, bert) < 0.45


def test_box_that_strangers_reach_becomes_an_exchange_by_itself_and_says_so() -> None:
    world, _ = town(53, exchanges=0)
    anna = world.add_phone("anna")
    world.run(20.0)
    helper = anna.phone.directory.exchange
    assert helper is not None and helper.helping().is_draining  # nobody has shown that it can
    forced = world.add_phone("forced", helps="on")
    bert = world.add_phone("bert", exchanges=[forced], behind_nat=True, direct=False)
    world.run(30.0)
    assert rings(bert)
    assert "helping 1 phone" in " ".join(forced.phone.status().picture.lines)
    world.dial(forced, "#2#")
    assert "phones 1 of 100" in forced.phone.status().picture.lines
    carla = world.add_phone("carla")
    world.connect(carla, bert)


def test_calls_on_a_bad_line_go_through_exchanges_too() -> None:
    world, exchanges = town(52, Network(delay_s=(0.010, 0.060), loss=0.1))
    anna, bert = hidden(world, "anna", exchanges), hidden(world, "bert", exchanges)
    world.settle()
    world.run(30.0)
    for _ in range(3):
        world.connect(anna, bert)
        hang_up(world, anna, bert)
