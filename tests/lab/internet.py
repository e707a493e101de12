"""The Internet of the lab: one process that owns a TUN device for each site and passes packets.

`python -m tests.lab.internet SEED NAMES`, run in namespaces of its own by space.py. Requests come
as JSON lines on stdin and are answered one by one on stdout. When stdin ends it kills whatever runs
in the lab and ends itself. The devices are moved into the sites' namespaces from outside.
Precision: due times are kept by `select` to about 0.1 ms on an idle machine (test_leg.py).
Units: `_s` monotonic seconds. Source: Linux Documentation/networking/tuntap.rst.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import heapq
import ipaddress
import json
import os
import select
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

from tests.lab.leg import Conditions, Leg

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
PACKET_BYTES_MAX = 1500
SWEEP_S = 0.01  # for those killed to go, and for one that was just about to enter
PACKETS_PER_TURN_MAX = 64  # of one site, before the others and what is due have their turn


@dataclasses.dataclass(slots=True)
class Site:
    """One device and its leg, both ways."""

    descriptor: int
    up: Leg
    down: Leg
    sent: int = 0  # packets from here
    received: int = 0


class Internet:
    """Passes packets between sites by their destination address."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._sites: dict[str, Site] = {}
        self._by_descriptor: dict[int, Site] = {}
        self._by_address: dict[bytes, Site] = {}
        self._due: list[tuple[float, int, Site, bytes]] = []
        self._count = 0
        self.unroutable = 0

    def run(self) -> None:
        """Serve until stdin ends."""
        requests = b""
        while True:
            timeout_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            readable, _, _ = select.select([0, *self._by_descriptor], [], [], timeout_s)
            self._deliver()
            for descriptor in readable:
                if descriptor:
                    self._read(self._by_descriptor[descriptor])
                    continue
                chunk = os.read(0, 65_536)
                if not chunk:
                    return
                *lines, requests = (requests + chunk).split(b"\n")
                for line in lines:
                    print(json.dumps(self._answer(json.loads(line))), flush=True)  # noqa: T201

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request.pop("do"):
            case "open":
                self._open(request["site"])
                self._set_addresses(self._sites[request["site"]], request["addresses"])
            case "move":
                self._set_addresses(self._sites[request["site"]], request["addresses"])
            case "set":
                self._set(self._sites[request.pop("site")], request)
            case "count":
                site = self._sites[request["site"]]
                return {"sent": site.sent, "received": site.received}
        return {}

    def _open(self, name: str) -> None:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
        up, down = (Leg(f"{self._seed} {name} {way}", Conditions()) for way in ("up", "down"))
        self._sites[name] = self._by_descriptor[descriptor] = Site(descriptor, up, down)

    def _set_addresses(self, site: Site, addresses: list[str]) -> None:
        self._by_address = {a: s for a, s in self._by_address.items() if s is not site}
        self._by_address |= {ipaddress.ip_address(text).packed: site for text in addresses}

    def _set(self, site: Site, changes: dict[str, Any]) -> None:
        for leg in (site.up, site.down):
            leg.conditions = dataclasses.replace(leg.conditions, **changes)

    def _read(self, site: Site) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(PACKETS_PER_TURN_MAX):
                self._pass_on(site, os.read(site.descriptor, PACKET_BYTES_MAX))

    def _pass_on(self, source: Site, packet: bytes) -> None:
        address = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
        target = self._by_address.get(address)
        if target is None:
            self.unroutable += 1
            return
        source.sent += 1
        now_s = time.monotonic()
        for first_s in source.up.delays_s(now_s):
            for second_s in target.down.delays_s(now_s + first_s):
                self._count += 1
                target.down.waiting += 1
                due_s = now_s + first_s + second_s
                heapq.heappush(self._due, (due_s, self._count, target, packet))

    def _deliver(self) -> None:
        now_s = time.monotonic()
        while self._due and self._due[0][0] <= now_s:
            _, _, site, packet = heapq.heappop(self._due)
            site.received += 1
            site.down.waiting -= 1
            with contextlib.suppress(OSError):  # a site whose device is down hears nothing
                os.write(site.descriptor, packet)


def kill_all(names: Path) -> None:
    """Kill every process in the namespaces whose names are there."""
    ours = {name.stat().st_ino for name in names.iterdir()}
    found = True
    while found:
        found = False
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it is gone already
                if (process / "ns" / "net").stat().st_ino in ours:
                    os.kill(int(process.name), signal.SIGKILL)
                    found = True
        time.sleep(SWEEP_S)


if __name__ == "__main__":
    try:
        Internet(sys.argv[1]).run()
    finally:
        kill_all(Path(sys.argv[2]))
