"""Calls that begin through an exchange and find a way of their own."""

from __future__ import annotations

import pytest

from tests.world import Network, PhoneActor, World

HALF_WAY_S = 0.04  # 20 ms per host leg
UPGRADED_S = 0.5  # after the answer


def behind_routers(seed: int, loss: float = 0.0) -> tuple[World, PhoneActor, PhoneActor]:
    """Anna and Bert, each behind a router that lets in only whom they have sent to."""
    world = World(seed, Network((HALF_WAY_S, HALF_WAY_S), loss))
    exchanges = world.add_exchanges(3)
    anna = world.add_phone("Anna", exchanges=exchanges, behind_nat=True, direct=False)
    bert = world.add_phone("Bert", exchanges=exchanges, behind_nat=True, direct=False)
    world.settle()
    return world, anna, bert


@pytest.mark.parametrize("seed", range(3))
def test_call_between_routers_is_direct_half_a_second_after_the_answer(seed: int) -> None:
    world, anna, bert = behind_routers(seed)
    world.connect(anna, bert)
    world.run(UPGRADED_S)
    for who, peer in ((anna, bert), (bert, anna)):
        path = who.phone.status().path
        assert path is not None and not path.is_relayed, world.story("still relayed")
        assert path.remote == peer.endpoint
