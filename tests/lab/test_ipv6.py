"""IPv6 in the lab: what routers make impossible in IPv4 is direct where both homes have IPv6."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.lab.calls import CallResult, Town, call, middle
from tests.lab.nat import Kind
from tests.lab.sites import Lab, Site

REACHABLE_S = 120.0
DIRECT_S = 10.0  # watched until it is direct, on a busy machine
NETWORKS = ("2001:db8:a", "2001:db8:b")


@pytest.mark.slow
def test_homes_with_ipv6_behind_firewalls_talk_directly(lab: Lab, tmp_path: Path) -> None:
    """Their IPv4 routers take a port at random for each destination: no way there."""
    homes = [
        lab.site(name, Kind.SYMMETRIC, f"203.0.113.{40 + number}")
        for number, name in enumerate(("six", "sixth"))
    ]
    hosts = [lab.add_ipv6(home, net) for home, net in zip(homes, NETWORKS, strict=True)]
    with pytest.raises(AssertionError, match="packet loss"):  # no stranger is let in
        lab.space.run(homes[0].name, ["ping", "-6", "-c1", "-W1", hosts[1]])
    result = asyncio.run(_call(lab, tmp_path, homes))
    assert result.connected and result.path == "direct", result


async def _call(lab: Lab, folder: Path, homes: list[Site]) -> CallResult:
    town = Town(lab, folder)
    middle(lab, town)
    one, other = await asyncio.gather(*map(town.add_box, homes))
    await asyncio.gather(*(box.until("reachable", True, REACHABLE_S) for box in (one, other)))
    result = await call(one, other, DIRECT_S)
    await town.close()
    return result
