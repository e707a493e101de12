"""Calls from networks that block UDP, told as stories."""

from __future__ import annotations

from firmware.events import AddressesChanged
from firmware.model import CallState
from firmware.overlay.directory import Directory
from firmware.overlay.fallback import TUNNELS_FILE, decode_tunnels
from tests.tunnel_world import TLS_PORT, TunnelWorld
from tests.world import Actor, PhoneActor, heard_since, loudest_hz


def town(seed: int) -> tuple[TunnelWorld, list[Actor]]:
    world = TunnelWorld(seed)
    world.add_nodes(5)
    return world, world.add_exchanges(3)


def assert_both_hear(world: TunnelWorld, anna: PhoneActor, bert: PhoneActor) -> None:
    anna.voice_hz, bert.voice_hz = 500.0, 900.0
    world.run(2.0)
    since_s = world.now_s
    world.run(2.0)
    assert abs(loudest_hz(heard_since(bert, since_s)) - 500.0) < 10.0, world.seed
    assert abs(loudest_hz(heard_since(anna, since_s)) - 900.0) < 10.0, world.seed


def test_box_without_udp_calls_and_is_called_by_one_behind_a_router() -> None:
    world, exchanges = town(71)
    anna = world.add_walled("anna", exchanges)
    bert = world.add_phone("bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    world.run(10.0)
    assert world.is_tunnelled(anna) and not world.is_tunnelled(bert)
    world.connect(anna, bert)
    assert_both_hear(world, anna, bert)
    for who in (anna, bert):
        world.replace(who)
    world.run(1.0)
    world.connect(bert, anna)
    assert_both_hear(world, anna, bert)


def test_two_boxes_without_udp_call_each_other() -> None:
    world, exchanges = town(72)
    anna, bert = world.add_walled("anna", exchanges[:1]), world.add_walled("bert", exchanges[1:])
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    assert_both_hear(world, anna, bert)


def test_box_with_udp_opens_no_tunnel() -> None:
    world, exchanges = town(73)
    anna = world.add_phone(
        "anna", exchanges=exchanges, tls_exchanges=exchanges, behind_nat=True, direct=False
    )
    world.settle()
    for _ in range(60):
        world.run(10.0)
        assert not world.is_tunnelled(anna)


def test_tunnel_is_closed_when_udp_works_but_not_in_the_middle_of_a_call() -> None:
    world, exchanges = town(74)
    anna = world.add_walled("anna", exchanges)
    bert = world.add_phone("bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    world.blocked.clear()
    world.run(90.0)
    assert world.is_tunnelled(anna)
    assert_both_hear(world, anna, bert)
    for who in (anna, bert):
        world.replace(who)
    world.run(5.0)
    assert not world.is_tunnelled(anna)
    world.run(60.0)
    world.connect(bert, anna)
    assert_both_hear(world, anna, bert)


def test_box_that_comes_into_a_network_without_udp_is_reachable_again_within_seconds() -> None:
    world, exchanges = town(75)
    anna = world.add_phone(
        "anna", exchanges=exchanges, tls_exchanges=exchanges, behind_nat=True, direct=False
    )
    bert = world.add_phone("bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    world.run(10.0)
    world.blocked.add(anna.endpoint)
    world.tell(anna, AddressesChanged(()))
    world.run(5.0)
    assert world.is_tunnelled(anna)
    world.run(60.0)
    world.connect(bert, anna)
    assert_both_hear(world, anna, bert)


def test_dead_exchange_is_left_for_the_next() -> None:
    world, exchanges = town(76)
    exchanges[0].online = False
    anna = world.add_walled("anna", exchanges)
    bert = world.add_phone("bert", exchanges=exchanges[1:], behind_nat=True, direct=False)
    world.settle()
    world.run(20.0)
    assert world.is_tunnelled(anna)
    world.connect(bert, anna)
    assert anna.view.state is CallState.CONNECTED


def test_box_remembers_the_tls_ports_of_its_exchanges_and_needs_no_configuration() -> None:
    world, exchanges = town(77)
    for exchange in exchanges:
        assert isinstance(exchange.core, Directory) and exchange.core.exchange is not None
        exchange.core.exchange.tls_port = TLS_PORT
    anna = world.add_phone("anna", exchanges=exchanges, behind_nat=True, direct=False)
    bert = world.add_phone("bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    world.run(10.0)
    hosts = {endpoint.host for endpoint in decode_tunnels(anna.stored[TUNNELS_FILE])}
    assert hosts == {exchange.endpoint.host for exchange in exchanges}
    world.blocked.add(anna.endpoint)
    world.run(120.0)
    assert world.is_tunnelled(anna)
    world.connect(bert, anna)
    assert_both_hear(world, anna, bert)
