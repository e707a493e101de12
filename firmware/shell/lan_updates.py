"""Updates between boxes of a local network: who has one is found by multicast DNS, asked by HTTP.

Whoever shares has proved the version itself; whoever takes trusts none of it, since only RAUC's
signature counts. Two at a time get a bundle, slowly, and nobody while the telephone is in use.
Units: bytes, `_s` seconds. Source: RFC 6763 (service discovery), RFC 9110 section 14 (ranges).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from firmware.shell.lan import own_addresses

logger = logging.getLogger(__name__)

SERVICE = "_fernruf-update._tcp.local."
OFFER_FILE = "fernruf.json"
BUNDLE_FILE = "fernruf.raucb"
NEIGHBOURS_MAX = 8  # asked in one search
READ_TIMEOUT_MS = 2000
CONNECTIONS_MAX = 8  # a thread each; more are closed at once
VISITORS_MAX = 2  # get a file at a time; the others are told to come again
VISIT_TIMEOUT_S = 20.0  # without a byte taken
BLOCK_BYTES = 1 << 16
BYTES_PER_S_MAX = 2_000_000  # what a home's wireless network hardly feels
RETRY_AFTER_S = 600
_RANGE = re.compile(r"bytes=(\d{1,10})-")


def find_neighbours(wait_s: float) -> list[str]:
    """Where the offers of other boxes lie, as URLs; found within so long."""
    names: list[str] = []
    has_enough = threading.Event()

    def heard(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        del zeroconf, service_type
        if state_change is ServiceStateChange.Added and len(names) < NEIGHBOURS_MAX:
            names.append(name)
        if len(names) == NEIGHBOURS_MAX:
            has_enough.set()

    addresses = own_addresses("::")
    if not addresses:
        return []
    try:
        zeroconf = Zeroconf(interfaces=list(addresses))
    except OSError as error:
        logger.warning("local network: %s", error.strerror or error)
        return []
    try:
        browser = ServiceBrowser(zeroconf, SERVICE, handlers=[heard])
        has_enough.wait(wait_s)
        browser.cancel()
        read = [zeroconf.get_service_info(SERVICE, name, READ_TIMEOUT_MS) for name in names]
    finally:
        zeroconf.close()
    return [url for info in read if info for url in _urls(info)[:1]]


def _urls(info: ServiceInfo) -> list[str]:
    """Where the offer lies; anybody can announce anything, so only near addresses count."""
    addresses = [ipaddress.ip_address(each) for each in info.parsed_addresses()]
    near = [each for each in addresses if each.is_private and not each.is_loopback]
    near = [each for each in near if each.version == 4 or not each.is_link_local]
    hosts = [f"[{each}]" if each.version == 6 else str(each) for each in near]
    return [f"http://{host}:{info.port}/{OFFER_FILE}" for host in hosts]


@contextmanager
def announced(port: int) -> Iterator[None]:
    """Let others find the offer of this box, on the networks that there are now."""
    addresses = own_addresses("::")
    zeroconf = Zeroconf(interfaces=list(addresses))
    try:
        name = os.urandom(8).hex()
        info = ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=port,
            addresses=[ipaddress.ip_address(address).packed for address in addresses],
            server=f"{name}.local.",
        )
        zeroconf.register_service(info, cooperating_responders=True)
        yield
    finally:
        zeroconf.close()


class Share(ThreadingHTTPServer):
    """Serves the offer and the bundle of one folder; `is_busy` says that the telephone is used."""

    daemon_threads = True

    def __init__(
        self, folder: Path, is_busy: Callable[[], bool], host: str = "::", port: int = 0
    ) -> None:
        self.folder, self.is_busy = folder, is_busy
        self.places = threading.BoundedSemaphore(VISITORS_MAX)
        self._connections = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Visit)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread, if there is one left."""
        if self._connections.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In that thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Visit(BaseHTTPRequestHandler):
    server: Share
    timeout = VISIT_TIMEOUT_S
    server_version, sys_version = "Fernruf", ""
    NAMES: ClassVar = {f"/{OFFER_FILE}": OFFER_FILE, f"/{BUNDLE_FILE}": BUNDLE_FILE}

    def do_GET(self) -> None:
        """One file, from a byte on if that was asked for."""
        name = self.NAMES.get(self.path)
        if name is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not self.server.places.acquire(blocking=False):
            self._refuse()
        else:
            try:
                self._give(name)
            finally:
                self.server.places.release()

    def _give(self, name: str) -> None:
        if self.server.is_busy():
            self._refuse()
            return
        try:
            with (self.server.folder / name).open("rb") as file:
                self._send(file)
        except FileNotFoundError:
            self.send_error(HTTPStatus.NOT_FOUND)
        except OSError as error:  # who asked has gone
            logger.info("%s was not taken to its end: %s", name, error.strerror or error)

    def _send(self, file: BinaryIO) -> None:
        size = file.seek(0, os.SEEK_END)
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if first >= size:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        file.seek(first)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - first))
        self.end_headers()
        while block := file.read(BLOCK_BYTES):
            self.wfile.write(block)
            time.sleep(len(block) / BYTES_PER_S_MAX)
            # a call begins: who takes the bundle comes back for the rest
            if file.tell() % (BLOCK_BYTES * 64) < BLOCK_BYTES and self.server.is_busy():
                return

    def _refuse(self) -> None:
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
        self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Where it is asked for."""
        logger.debug(format, *args)
