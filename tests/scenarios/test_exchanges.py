"""Calls through exchanges, told as stories: boxes behind routers that let nobody in."""

from firmware.model import FRAME_S, CallState
from tests.world import Network, World, heard_since, loudest_hz

QUICK = Network(delay_s=(0.010, 0.010))


def town(seed: int, network: Network | None = None, exchanges: int = 3) -> World:
    """A network with exchanges in it; no telephone yet."""
    world = World(seed, network)
    world.add_nodes(5)
    world.add_exchanges(exchanges)
    return world


def test_call_between_two_boxes_behind_nats_goes_through_an_exchange() -> None:
    world = town(41)
    exchanges = list(world.actors.values())[-3:]
    anna = world.add_phone("anna", exchanges=exchanges, behind_nat=True, direct=False)
    bert = world.add_phone("bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    world.run(10.0)
    world.lift(anna)
    world.dial(anna, "*67" + bert.number)  # relayed only
    world.wait(anna, CallState.RINGBACK)
    world.lift(bert)
    world.run(2.0)
    anna.voice_hz, bert.voice_hz = 500.0, 900.0
    since_s = world.now_s + 0.5
    world.run(2.0)
    assert abs(loudest_hz(heard_since(bert, since_s)) - 500.0) < 10.0
    assert abs(loudest_hz(heard_since(anna, since_s)) - 900.0) < 10.0
    media = anna.phone.status().media
    assert media is not None and media.remote.channel
    world.replace(anna)
    world.run(FRAME_S + 1.0)
    assert bert.view.state is CallState.FAILED
