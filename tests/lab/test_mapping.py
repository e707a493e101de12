"""A box behind a real router (miniupnpd) becomes reachable, and leaves no trace of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.errors import CommandError
from tests.lab.calls import POLL_S, Town, middle
from tests.lab.igd import Igd, is_installed
from tests.lab.nat import Kind
from tests.lab.sites import Lab, Site

MAPPED_S = 60.0
STOPPED_S = 30.0
# miniupnpd maps nothing for a router whose address is of documentation (RFC 5737), as all others
# of the lab are. These reach nobody: the lab has no way out.
ADDRESSES = {"pcp": "11.0.0.10", "nat_pmp": "11.0.0.11", "upnp": "11.0.0.12", "closed": "11.0.0.13"}
NO_PCP = "add rule ip router input udp dport 5351 @th,64,8 2 drop"
CLOSED = "insert rule ip router forward iifname wan udp sport != 6881 drop"


@pytest.fixture(scope="module")
def routers(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Site, Igd]]:
    """Builds a home with a router for one case."""
    if not is_installed():
        pytest.skip("this needs miniupnpd")
    folder = tmp_path_factory.mktemp("routers")

    def build(name: str) -> tuple[Site, Igd]:
        site = lab.site(name, Kind.PORT_RESTRICTED, ADDRESSES[name])
        if name == "nat_pmp":
            lab.space.nft(site.router, NO_PCP)
        if name == "closed":
            lab.space.nft(site.router, CLOSED)
        return site, Igd(lab.space, site, folder, pcp=name != "upnp", upnp=name == "upnp")

    return build


async def until_mapped(router: Igd, name: str) -> None:
    """Wait until the router says that the box has asked for it."""
    end_s = time.monotonic() + MAPPED_S
    while "192.168.1.20:6881" not in (mappings := router.mappings()):
        assert time.monotonic() < end_s, (name, mappings)
        await asyncio.sleep(POLL_S)


@pytest.mark.slow
def test_box_is_let_in_by_each_protocol_and_takes_it_back(
    lab: Lab, routers: Callable[[str], tuple[Site, Igd]], tmp_path: Path
) -> None:
    async def story() -> None:
        town = Town(lab, tmp_path)
        middle(lab, town)
        cases = {name: routers(name) for name in ADDRESSES}
        boxes = {name: await town.add_box(site) for name, (site, _) in cases.items()}
        for name, box in boxes.items():
            if name != "closed":
                await box.until("mapped", f"{ADDRESSES[name]}:6881", MAPPED_S)
        for name, (_, router) in cases.items():
            await until_mapped(router, name)
        with pytest.raises(CommandError):  # the router promises what it does not keep
            await boxes["closed"].until("mapped", f"{ADDRESSES['closed']}:6881", 1.0)
        for box in boxes.values():
            box.process.terminate()
            box.process.wait(STOPPED_S)
        for name, (_, router) in cases.items():
            assert "dnat" not in router.mappings(), name
        await town.close()

    asyncio.run(story())
