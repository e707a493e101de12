"""Our interfaces' addresses: read once, and again whenever the kernel says that something changed.

Knows no path and no call; what comes of it is AddressesChanged. Where the kernel does not say
(another system than Linux) it is asked every few seconds. Units: `_s` seconds.
Source: rtnetlink(7), groups of link, address and route.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable

import ifaddr

from firmware.events import AddressesChanged, Fact
from firmware.model import Endpoint

logger = logging.getLogger(__name__)

POLL_S = 5.0
SETTLE_S = 0.02  # a change of network is several messages of the kernel
ADDRESSES_MAX = 16
NETLINK_BYTES = 65536

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # link, IPv4 address and route, IPv6 address and route


class AddressWatch:
    """`tell` gets AddressesChanged at the start and after each change."""

    def __init__(self, tell: Callable[[Fact], None]) -> None:
        self._tell = tell
        self._is_stirred = asyncio.Event()

    async def run(
        self, local: Endpoint, read: Callable[[Endpoint], tuple[Endpoint, ...]] | None = None
    ) -> None:
        """Watch for a socket bound to `local` until cancelled; `read` stands in for the kernel."""
        read = read or addresses_of
        known: tuple[Endpoint, ...] | None = None
        netlink = self._listen()
        try:
            while True:
                addresses = read(local)
                if addresses != known:
                    if known is not None:
                        logger.info("addresses: %s", ", ".join(host for host, *_ in addresses))
                    known = addresses
                    self._tell(AddressesChanged(addresses))
                await self._until_stirred()
        finally:
            if netlink is not None:
                asyncio.get_running_loop().remove_reader(netlink)
                netlink.close()

    def stir(self) -> None:
        """Something may have changed: look soon."""
        self._is_stirred.set()

    async def _until_stirred(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._is_stirred.wait()
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE_S)
        self._is_stirred.clear()

    def _listen(self) -> socket.socket | None:
        """A socket that becomes readable when something changes, if this system has such."""
        try:
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        except (AttributeError, OSError):
            return None
        netlink.setblocking(False)
        try:
            netlink.bind((0, _GROUPS))
        except OSError:
            netlink.close()
            return None
        asyncio.get_running_loop().add_reader(netlink, self._drain, netlink)
        return netlink

    def _drain(self, netlink: socket.socket) -> None:
        """What it says is not read: that it says something is enough."""
        try:
            while netlink.recv(NETLINK_BYTES):
                self.stir()
        except BlockingIOError:
            pass
        except OSError:  # it had more to say than we could hear
            self.stir()


def addresses_of(local: Endpoint) -> tuple[Endpoint, ...]:
    """Where a socket bound to `local` can be reached, with its port, always in the same order.

    Bound to `::` it speaks both families; loopback and addresses of a link count only if it is
    bound to nothing else. At most ADDRESSES_MAX.
    """
    bound = ipaddress.ip_address(local.host)
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if bound.is_unspecified:
                is_spoken = bound.version == 6 or address.version == 4
                is_wanted = is_spoken and not (address.is_loopback or _is_of_a_link(address))
            else:
                is_wanted = address == bound
            if is_wanted:
                found.append(address)
    ordered = sorted(set(found), key=lambda address: (address.version, int(address)))
    return tuple(Endpoint(str(address), local.port) for address in ordered[:ADDRESSES_MAX])


def _is_of_a_link(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Link-local addresses of IPv6 need a zone, which no candidate can name."""
    return address.version == 6 and address.is_link_local
