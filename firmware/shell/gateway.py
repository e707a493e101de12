"""The router of the house, as the system and UPnP know it; blocks, so worker threads run it.

Each job answers with a fact. Only the router that the default route names is asked for a mapping,
whoever else answers on the local network.
Sources: proc(5) (/proc/net/route); UPnP IGD WANIPConnection:1, by the library miniupnpc.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from firmware.events import AskUpnp, GatewayFound, UpnpAnswered
from firmware.model import Endpoint

if TYPE_CHECKING:
    import miniupnpc

logger = logging.getLogger(__name__)

ROUTES = Path("/proc/net/route")
DISCOVERY_MS = 1000
DESCRIPTION = "Fernruf telephone"
TRIES = 4  # of outer ports, when one is taken
_GATEWAY_FLAG = 0x2


def find_gateway(local: Endpoint, routes: Path = ROUTES) -> GatewayFound:
    """The IPv4 router of the default route, for a socket bound to `local`."""
    host = ipaddress.ip_address(local.host)
    gateway = None if host.is_loopback else default_route(routes)
    if gateway is None:
        return GatewayFound(None, None)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((gateway, 9))  # sends nothing, but chooses our address
            own: str = probe.getsockname()[0]
    except OSError:
        return GatewayFound(None, None)
    if not host.is_unspecified and local.host != own:
        return GatewayFound(None, None)  # our socket is not on that side
    return GatewayFound(gateway, Endpoint(own, local.port))


def default_route(routes: Path = ROUTES) -> str | None:
    """Its router with the lowest metric; None if there is none, or no such table."""
    try:
        rows = routes.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    found = []
    for row in rows:
        words = row.split()
        is_default = len(words) >= 8 and words[1] == words[7] == "00000000"
        if is_default and int(words[3], 16) & _GATEWAY_FLAG:
            packed = struct.pack("=I", int(words[2], 16))
            found.append((int(words[6]), str(ipaddress.IPv4Address(packed))))
    return min(found)[1] if found else None


class Upnp:
    """Mappings by UPnP; remembers the router it has found. Not for two threads at once.

    Whoever is on the local network can answer in the router's place: nothing it says is more than
    "there is no mapping". `find` looks for routers, None if there is none.
    """

    def __init__(self, find: Callable[[], miniupnpc.UPnP | None] | None = None) -> None:
        self._discover = find or _discover
        self._router: miniupnpc.UPnP | None = None
        self._gateway = ""

    def ask(self, command: AskUpnp) -> UpnpAnswered:
        """Do what `command` says."""
        try:
            return UpnpAnswered(self._do(command))
        except ValueError as error:  # words that are no text, no URL or no address
            logger.info("UPnP: what the router says makes no sense: %s", type(error).__name__)
        except Exception as error:
            if type(error) is not Exception:
                raise
            logger.info("UPnP: %s", error)
        self._router = None
        return UpnpAnswered(None)

    def _do(self, command: AskUpnp) -> Endpoint | None:
        router = self._find(command)
        if router is None:
            return None
        if not command.lifetime_s:
            router.deleteportmapping(command.external_port, "UDP")
            return None
        own, host = command.own, str(ipaddress.IPv4Address(router.externalipaddress() or ""))
        for step in range(TRIES):
            port = (command.external_port + step - 1024) % 64512 + 1024
            for lease_s in (command.lifetime_s, 0):  # some know permanent mappings only (725)
                arguments = (port, "UDP", own.host, own.port, DESCRIPTION, "", lease_s)
                try:
                    router.addportmapping(*arguments)
                except Exception as error:
                    if type(error) is not Exception:
                        raise
                    logger.info("UPnP: port %d: %s", port, error)
                    continue
                return Endpoint(host, port)
        return None

    def _find(self, command: AskUpnp) -> miniupnpc.UPnP | None:
        if self._router is not None and self._gateway == command.gateway:
            return self._router
        if not command.lifetime_s:
            return None
        self._router = None
        router = self._discover()
        if router is None:
            return None
        description = router.selectigd()
        if urlsplit(description).hostname != command.gateway:
            logger.warning("UPnP: %s is not our router, %s is", description, command.gateway)
            return None
        self._router, self._gateway = router, command.gateway
        return router


def _discover() -> miniupnpc.UPnP | None:
    import miniupnpc  # what asks no router needs none of it

    router = miniupnpc.UPnP()
    router.discoverdelay = DISCOVERY_MS
    return router if router.discover() else None
