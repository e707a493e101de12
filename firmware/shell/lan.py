"""The local network: lets this box be found by multicast DNS, and tells who else is there.

Knows no number: name and salt are random, and what the tags mean only the directory knows. The page
of the box gets a name that people type, `fernruf.local`, or the next one where a neighbour has it.
Works without a router, an address server or the Internet; where there is no network it waits for
one. Sources: RFC 6762 (multicast DNS), RFC 6763 (service discovery); python-zeroconf.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections import deque
from collections.abc import Callable

import ifaddr
from zeroconf import AddressResolverIPv4, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from firmware import events
from firmware.events import Fact
from firmware.model import Endpoint

logger = logging.getLogger(__name__)

SERVICE = "_fernruf._udp.local."
PAGE_SERVICE = "_http._tcp.local."
PAGE_NAMES = ("fernruf", *(f"fernruf-{count}" for count in range(2, 10)))  # before `.local`
TAG_BYTES = 8
TAGS_MAX = 4  # read of one neighbour
SALT_BYTES_MAX = 16
ENDPOINTS_MAX = 4  # read of one neighbour
NAMES_WAITING_MAX = 64  # heard of and not yet read; what comes on top is dropped
READ_TIMEOUT_MS = 500
NAME_TIMEOUT_MS = 2500  # who has said it within the last second repeats it later (RFC 6762, 6)
ADDRESSES_CHECK_S = 5.0  # cables are plugged, wireless networks come and go


class LocalNetwork:
    """`tell` gets LanNeighbourSeen and LanNeighbourLost, in the event loop's thread."""

    def __init__(self, tell: Callable[[Fact], None]) -> None:
        self._tell = tell
        self._name = f"{os.urandom(8).hex()}.{SERVICE}"
        self._announcement: events.AnnounceOnLan | None = None
        self.page: Endpoint | None = None  # where it listens; None = there is none
        self._is_changed = asyncio.Event()
        self._names: deque[tuple[str, ServiceStateChange]] = deque()
        self._is_heard = asyncio.Event()

    def announce(self, announcement: events.AnnounceOnLan) -> None:
        """Replaces what was announced before."""
        self._announcement = announcement
        self._is_changed.set()

    async def run(self, local: Endpoint) -> None:
        """Announce and listen for a box whose socket is bound to `local`, until cancelled."""
        while True:
            addresses = own_addresses(local.host)
            try:
                if addresses:
                    await self._serve(local, addresses)
            except OSError as error:
                logger.warning("local network: %s", error.strerror or error)
            await asyncio.sleep(ADDRESSES_CHECK_S)

    async def _serve(self, local: Endpoint, addresses: list[str]) -> None:
        """Until `addresses` are no longer ours."""
        families = {":" in address for address in addresses}
        version = IPVersion.All
        if len(families) == 1:
            version = IPVersion.V6Only if True in families else IPVersion.V4Only
        zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=version)
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE, handlers=[self._heard])
        try:
            async with asyncio.TaskGroup() as tasks:
                running = (
                    tasks.create_task(
                        self._keep_announced(zeroconf, addresses, local.port), name="announce"
                    ),
                    tasks.create_task(self._read_names(zeroconf.zeroconf), name="neighbours"),
                    tasks.create_task(self._name_page(zeroconf, addresses), name="page"),
                )
                await _until_changed(local.host, addresses)
                for task in running:
                    task.cancel()
        finally:
            await browser.async_cancel()
            await zeroconf.async_close()

    async def _keep_announced(
        self, zeroconf: AsyncZeroconf, addresses: list[str], port: int
    ) -> None:
        packed = [ipaddress.ip_address(address).packed for address in addresses]
        is_registered = False
        while True:
            self._is_changed.clear()
            if self._announcement is not None:
                tags = b"".join(self._announcement.tags)
                info = AsyncServiceInfo(
                    SERVICE,
                    self._name,
                    port=port,
                    addresses=packed,
                    properties={"s": self._announcement.salt, "t": tags},
                    server=self._name.replace(f".{SERVICE}", ".local."),
                )
                # The name is 64 random bits: nobody needs to be asked whether it is free, which
                # would take the second within which boxes shall find each other.
                if is_registered:
                    await (await zeroconf.async_update_service(info))
                else:
                    await (await zeroconf.async_register_service(info, cooperating_responders=True))
                is_registered = True
            await self._is_changed.wait()

    async def _name_page(self, zeroconf: AsyncZeroconf, addresses: list[str]) -> None:
        """IPv4 only: an address of IPv6 does not tell who is on the local network."""
        if self.page is None:
            return
        wanted = ipaddress.ip_address(self.page.host)
        here = [each for each in addresses if ":" not in each]
        if not wanted.is_unspecified:
            here = [each for each in here if each == self.page.host]
        if not here:
            return
        for name in PAGE_NAMES:
            resolver = AddressResolverIPv4(f"{name}.local.")
            await resolver.async_request(zeroconf.zeroconf, NAME_TIMEOUT_MS)
            if not set(resolver.parsed_addresses()) - set(here):
                break
        else:
            logger.warning("no name is left for the page; it has its address")
            return
        info = AsyncServiceInfo(
            PAGE_SERVICE,
            f"{name}.{PAGE_SERVICE}",
            port=self.page.port,
            addresses=[ipaddress.ip_address(each).packed for each in here],
            server=f"{name}.local.",
        )
        await (await zeroconf.async_register_service(info, allow_name_change=True))
        logger.info("the page has the name %s.local", name)

    def _heard(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """By the browser; its keywords are its contract."""
        del zeroconf, service_type
        if name != self._name and len(self._names) < NAMES_WAITING_MAX:
            self._names.append((name, state_change))
            self._is_heard.set()

    async def _read_names(self, zeroconf: Zeroconf) -> None:
        while True:
            await self._is_heard.wait()
            self._is_heard.clear()
            while self._names:
                name, change = self._names.popleft()
                if change is ServiceStateChange.Removed:
                    self._tell(events.LanNeighbourLost(name))
                    continue
                info = AsyncServiceInfo(SERVICE, name)
                if info.load_from_cache(zeroconf) or await info.async_request(
                    zeroconf, READ_TIMEOUT_MS
                ):
                    self._tell(neighbour(info))


def neighbour(info: AsyncServiceInfo) -> events.LanNeighbourSeen:
    """What an announcement says; anybody can announce anything, so it is cut to its limits."""
    port = info.port or 0
    addresses = info.parsed_addresses()[:ENDPOINTS_MAX]
    salt = info.properties.get(b"s") or b""
    tags = info.properties.get(b"t") or b""
    starts = range(0, min(len(tags), TAGS_MAX * TAG_BYTES), TAG_BYTES)
    return events.LanNeighbourSeen(
        info.name,
        tuple(Endpoint(address, port) for address in addresses),
        salt[:SALT_BYTES_MAX],
        tuple(tags[start : start + TAG_BYTES] for start in starts),
    )


def own_addresses(bound: str) -> list[str]:
    """Where a socket bound to `bound` can be reached from the local network; may be nowhere."""
    wanted = ipaddress.ip_address(bound)
    found = {
        str(ip.ip if ip.is_IPv4 else ip.ip[0])
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4 or wanted.version == 6
    }
    if not wanted.is_unspecified:
        return [bound] if bound in found else []
    return sorted(ip for ip in found if not _is_local_to_machine(ip))


async def _until_changed(bound: str, addresses: list[str]) -> None:
    while True:
        await asyncio.sleep(ADDRESSES_CHECK_S)
        if own_addresses(bound) != addresses:
            return


def _is_local_to_machine(address: str) -> bool:
    """Loopback, or of a link that the address does not name."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback or (parsed.version == 6 and parsed.is_link_local)
