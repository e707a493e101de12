"""The exchange's side of relays in the kernel: tells the helper what is open, hears what passed.

Never waits and never fails: without a helper, or with one that does not keep up, the frames come to
the exchange as ever. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections import deque
from pathlib import Path

from firmware.errors import MalformedError
from firmware.events.network import CloseRelay, OpenRelay, RelayLeg, RelayUse
from firmware.model import Endpoint
from firmware.shell.kernel.messages import PACKET_BYTES_MAX, Close, Leg, Open, Used, decode, encode

logger = logging.getLogger(__name__)

RETRY_S = 10.0
UNSENT_MAX = 20_000  # packets; more than there can be relays


class KernelRelays:
    """`path` is the helper's socket. Only legs with IPv4 addresses get there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[bytes, OpenRelay] = {}  # by both legs
        self._socket: socket.socket | None = None
        self._retry_s = 0.0
        self._unsent: deque[bytes] = deque()

    def open(self, command: OpenRelay) -> None:
        """In place of any that has one of these legs."""
        packet = _open(command)
        if packet is None:
            return
        for leg in (command.first, command.second):
            self.close(CloseRelay(leg.leg_id))
        for leg in (command.first, command.second):
            self._open[leg.leg_id] = command
        self._send(packet)

    def close(self, command: CloseRelay) -> None:
        """It may be closed already."""
        relay = self._open.get(command.leg_id)
        if relay is None:
            return
        for leg in (relay.first, relay.second):
            del self._open[leg.leg_id]
        self._send(encode(Close(command.leg_id)))

    def poll(self, now_s: float) -> tuple[RelayUse, ...]:
        """What the kernel has carried since the last time; once a second or so."""
        if self._socket is None:
            if now_s < self._retry_s:
                return ()
            self._connect(now_s)
        self._flush()
        uses: list[RelayUse] = []
        while self._socket is not None:
            try:
                data = self._socket.recv(PACKET_BYTES_MAX + 1)
                packet = decode(data)
            except BlockingIOError:
                break
            except (OSError, MalformedError):
                self._lose(now_s)
                break
            if isinstance(packet, Used):
                uses += [RelayUse(leg_id, size, 0) for leg_id, size in packet.uses]
        return tuple(use for use in uses if use.leg_id in self._open)

    def shut(self) -> None:
        """The helper empties its table by itself then."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._unsent.clear()

    def _connect(self, now_s: float) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.setblocking(False)
        try:
            link.connect(str(self._path))
        except OSError as error:
            logger.info("no relays in the kernel: %s", error.strerror)
            link.close()
            self._retry_s = now_s + RETRY_S
            return
        self._socket = link
        for command in set(self._open.values()):
            packet = _open(command)
            if packet is not None:
                self._send(packet)

    def _send(self, packet: bytes) -> None:
        if self._socket is not None:
            self._unsent.append(packet)
            self._flush()

    def _flush(self) -> None:
        """In order, as fast as the helper takes it; the rest at the next poll."""
        try:
            while self._socket is not None and self._unsent:
                self._socket.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            if len(self._unsent) > UNSENT_MAX:
                self._lose(0.0)  # it does not keep up: begin anew, with an empty table
        except OSError:
            self._lose(0.0)

    def _lose(self, now_s: float) -> None:
        self.shut()
        self._retry_s = now_s + RETRY_S


def _open(command: OpenRelay) -> bytes | None:
    first, second = _leg(command.first), _leg(command.second)
    return None if first is None or second is None else encode(Open(first, second))


def _leg(leg: RelayLeg) -> Leg | None:
    endpoint: Endpoint = leg.endpoint
    try:
        address = int(ipaddress.IPv4Address(endpoint.host))
    except ValueError:
        return None
    return Leg(address, endpoint.port, leg.leg_id)
