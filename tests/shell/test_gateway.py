"""The router of the house, as the table of routes tells it; and a house without one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from firmware.events import AskUpnp, GatewayFound, UpnpAnswered
from firmware.model import Endpoint
from firmware.shell.gateway import Upnp, default_route, find_gateway

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ROW = "{}\t{}\t{}\t{}\t0\t0\t{}\t{}\t0\t0\t0\n"
LOCAL_NET = ROW.format("eth0", "0001A8C0", "00000000", "0001", "0", "00FFFFFF")


def routes(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "route"
    path.write_text(HEAD + "".join(rows))
    return path


def test_default_route_is_the_one_of_the_lowest_metric(tmp_path: Path) -> None:
    wireless = ROW.format("wlan0", "00000000", "0102A8C0", "0003", "600", "00000000")
    cable = ROW.format("eth0", "00000000", "0101A8C0", "0003", "100", "00000000")
    assert default_route(routes(tmp_path, wireless, LOCAL_NET, cable)) == "192.168.1.1"


def test_no_default_route_is_no_router(tmp_path: Path) -> None:
    direct = ROW.format("wan", "00000000", "00000000", "0001", "0", "00000000")
    assert default_route(routes(tmp_path, LOCAL_NET, direct)) is None
    assert default_route(tmp_path / "nothing") is None


def test_box_on_loopback_has_no_router(tmp_path: Path) -> None:
    cable = ROW.format("eth0", "00000000", "0101A8C0", "0003", "100", "00000000")
    found = find_gateway(Endpoint("127.0.0.1", 6881), routes(tmp_path, cable))
    assert found == GatewayFound(None, None)


def test_socket_on_another_side_has_no_router(tmp_path: Path) -> None:
    loop = ROW.format("lo", "00000000", "0100007F", "0003", "0", "00000000")
    found = find_gateway(Endpoint("192.0.2.99", 6881), routes(tmp_path, loop))
    assert found == GatewayFound(None, None)


def test_own_address_is_the_one_that_faces_the_router(tmp_path: Path) -> None:
    loop = ROW.format("lo", "00000000", "0100007F", "0003", "0", "00000000")
    found = find_gateway(Endpoint("0.0.0.0", 6881), routes(tmp_path, loop))
    assert found == GatewayFound("127.0.0.1", Endpoint("127.0.0.1", 6881))


def test_nothing_is_taken_back_from_a_router_that_was_never_found() -> None:
    command = AskUpnp("192.168.1.1", Endpoint("192.168.1.20", 6881), 6881, lifetime_s=0)
    assert Upnp().ask(command) == UpnpAnswered(None)


@dataclass
class Router:
    """What a device of the local network says in the router's place."""

    description: str = "http://192.168.1.1:5000/root.xml"
    address: str | None = "203.0.113.7"
    is_text: bool = True

    def selectigd(self) -> str:
        return self.description

    def externalipaddress(self) -> str | None:
        return self.address if self.is_text else b"\xff".decode()

    def addportmapping(self, *_arguments: object) -> bool:
        return True


def mapped_by(router: Router) -> UpnpAnswered:
    own = Endpoint("192.168.1.20", 6881)
    found = cast("Any", router)  # of the library only what is asked for
    return Upnp(lambda: found).ask(AskUpnp("192.168.1.1", own, 6881, lifetime_s=3600))


def test_router_that_maps_is_believed_as_far_as_its_word_goes() -> None:
    assert mapped_by(Router()) == UpnpAnswered(Endpoint("203.0.113.7", 6881))


@pytest.mark.parametrize(
    "router",
    [
        pytest.param(Router(address=None), id="no address"),
        pytest.param(Router(address=""), id="an empty one"),
        pytest.param(Router(address="203.0.113.7\x1b[2J"), id="a terminal's commands"),
        pytest.param(Router(address="router.example"), id="a name"),
        pytest.param(Router(address="::1"), id="of another family"),
        pytest.param(Router(is_text=False), id="no text"),
        pytest.param(Router("http://[192.168.1.1"), id="no URL"),
        pytest.param(Router("http://192.168.1.66:5000/root.xml"), id="somebody else"),
        pytest.param(Router("http://192.168.1.1@198.51.100.1/"), id="somebody else in disguise"),
        pytest.param(Router(""), id="nothing"),
    ],
)
def test_whatever_a_device_says_in_place_of_the_router_is_no_mapping(router: Router) -> None:
    assert mapped_by(router) == UpnpAnswered(None)
