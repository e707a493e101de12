"""Thousands of boxes on one socket: each with an address of loopback, an identity and a lease.

A socket bound to all addresses answers from whichever address a datagram names (IP_PKTINFO), and
every address 127.x.y.z is this machine: to the exchange they are that many strangers.
Units: `_s` seconds.
"""

from __future__ import annotations

import select
import socket
import struct
import time

from bench.peers.box import Box
from firmware.channel import Kept, decode
from firmware.errors import MalformedError
from firmware.overlay.lease import Outcome
from firmware.overlay.registrar.link import KEEP_S

PENDING_MAX = 64  # boxes that are being registered
PATIENCE_S = 1.0
SHARE_S = 0.002  # how often the refreshing looks at the clock
_PKTINFO = struct.Struct("=i4s4s")
_CONTROL_BYTES = socket.CMSG_SPACE(_PKTINFO.size)
IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
Address = tuple[str, int]


class Crowd:
    """`count` boxes; `register()` them all, then `refresh()`."""

    def __init__(self, count: int, exchange: Address) -> None:
        self.boxes = {host_of(number): Box() for number in range(count)}
        self.kept = self.asked = self.renewed = 0
        self._owed = 0.0  # keeps, while registering
        self._exchange = exchange
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._socket.bind(("0.0.0.0", 0))
        self._socket.setblocking(False)

    def register(self, limit_s: float) -> float:
        """All of them, a few at a time; how long it took."""
        start_s = time.monotonic()
        waiting = list(self.boxes)
        pending: dict[bytes, float] = {}
        registered: list[bytes] = []
        while (waiting or pending) and time.monotonic() - start_s < limit_s:
            now_s = time.monotonic()
            while waiting and len(pending) < PENDING_MAX:
                pending[waiting.pop()] = 0.0
            for host, due_s in pending.items():
                if now_s >= due_s:
                    pending[host] = now_s + PATIENCE_S
                    self._ask(host)
            select.select([self._socket], [], [], 0.05)
            self._keep(registered, time.monotonic() - now_s)
            for host, data in self._received():
                box = self.boxes[host]
                if host not in pending or data[:1] != b"d" or b"1:y1:q" in data:
                    continue
                box.hear(data)
                assert box.reception is not None
                if box.reception.outcome is Outcome.REGISTERED:
                    del pending[host]
                    registered.append(host)
                else:
                    self._ask(host)
        if waiting or pending:
            raise RuntimeError(f"{len(waiting) + len(pending)} boxes are not registered")
        return time.monotonic() - start_s

    def refresh(self, duration_s: float, keep_interval_s: float, renew_interval_s: float) -> None:
        """As boxes do it: each keeps its registration so often, and renews its lease so often."""
        hosts = list(self.boxes)
        keeps_per_s, renewals_per_s = (
            len(hosts) / interval for interval in (keep_interval_s, renew_interval_s)
        )
        start_s = time.monotonic()
        renewals = 0
        renewing: set[bytes] = set()
        while (now_s := time.monotonic() - start_s) < duration_s:
            while self.asked < now_s * keeps_per_s:
                host = hosts[self.asked % len(hosts)]
                self._send(self.boxes[host].keep(self.asked & 0xFFFF), host)
                self.asked += 1
            while renewals < now_s * renewals_per_s:
                host = hosts[-1 - renewals % len(hosts)]
                renewing.add(host)
                self._send(self.boxes[host].question(), host)
                renewals += 1
            self._take_answers(renewing)
            time.sleep(SHARE_S)
        time.sleep(0.2)
        self._take_answers(renewing)

    def close(self) -> None:
        """The socket."""
        self._socket.close()

    def _take_answers(self, renewing: set[bytes]) -> None:
        for host, data in self._received():
            if data[:1] == b"d" and host in renewing and b"1:y1:q" not in data:
                box = self.boxes[host]
                box.hear(data)
                assert box.reception is not None
                if box.reception.outcome is Outcome.REGISTERED:
                    renewing.discard(host)
                    self.renewed += 1
                else:
                    self._send(box.entry(), host)
                continue
            try:
                self.kept += isinstance(decode(data), Kept)
            except MalformedError:
                continue

    def _keep(self, registered: list[bytes], passed_s: float) -> None:
        """So many as are due in `passed_s`, while others are still being registered."""
        self._owed += len(registered) * passed_s / KEEP_S
        while self._owed >= 1.0:
            self._owed -= 1.0
            self.asked += 1
            host = registered[self.asked % len(registered)]
            self._send(self.boxes[host].keep(self.asked & 0xFFFF), host)

    def _ask(self, host: bytes) -> None:
        box = self.boxes[host]
        self._send(box.question() if box.reception is None else box.entry(), host)

    def _send(self, data: bytes, host: bytes) -> None:
        control = [(socket.IPPROTO_IP, IP_PKTINFO, _PKTINFO.pack(0, host, bytes(4)))]
        self._socket.sendmsg([data], control, 0, self._exchange)

    def _received(self) -> list[tuple[bytes, bytes]]:
        found = []
        while True:
            try:
                data, control, _, _ = self._socket.recvmsg(2048, _CONTROL_BYTES)
            except BlockingIOError:
                return found
            found.append((_PKTINFO.unpack(control[0][2])[2], data))


def host_of(number: int) -> bytes:
    """The address of the box with that number: 127.1.0.1 and so on."""
    return bytes((127, 1 + number // 62_500, number // 250 % 250, 1 + number % 250))
