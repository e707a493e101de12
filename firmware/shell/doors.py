"""Doors: sockets beside the one, each towards one place, to be met there by chance.

Knows no protocol; the core says by which door a datagram leaves, and which one is kept. All are
connected, so that the kernel takes in only what comes from that place.
Source: udp(7), connect(2).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.events import DatagramReceived
from firmware.events.path import KeepDoor, SendByDoor
from firmware.model import Endpoint

logger = logging.getLogger(__name__)

TRIED_MAX = 256  # doors that are open and not kept; by more nothing is sent
KEPT_MAX = 8  # as many as there are calls, and more
READ_MAX = 64  # datagrams of one kept door in one turn


class Doors:
    """`tell` gets what comes in by a door that is tried; `wake` says that a kept one has something.

    The next turn then takes it by `fill`, like all else.
    """

    def __init__(self, tell: Callable[[DatagramReceived], None], wake: Callable[[], None]) -> None:
        self._tell, self._wake = tell, wake
        self._tried: dict[tuple[Endpoint, int], socket.socket] = {}
        self._kept: dict[Endpoint, socket.socket] = {}
        self.refused = 0  # no socket, or too many

    def __len__(self) -> int:
        return len(self._tried) + len(self._kept)

    def send(self, command: SendByDoor) -> None:
        """Open the door if it is not open yet, and send."""
        key = command.to, command.door
        if key not in self._tried and not self._open(*key):
            self.refused += 1
            return
        with contextlib.suppress(OSError):  # nobody there, or no room: there are other doors
            self._tried[key].send(command.data)

    def keep(self, command: KeepDoor) -> None:
        """Close all doors towards that place but one."""
        to = command.to
        chosen = self._tried.pop((to, command.door), None)
        for key in [key for key in self._tried if key[0] == to]:
            self._shut(self._tried.pop(key))
        if (former := self._kept.pop(to, None)) is not None:
            self._shut(former)
        if chosen is not None:
            if len(self._kept) >= KEPT_MAX:
                self._shut(self._kept.pop(next(iter(self._kept))))
            self._kept[to] = chosen
            asyncio.get_running_loop().add_reader(chosen, self._wake)
            logger.info("door %d to %s is kept", command.door, to)

    def take(self, data: bytes, to: Endpoint) -> bool:
        """Send by the door that is kept towards `to`; False = there is none."""
        door = self._kept.get(to)
        if door is None:
            return False
        with contextlib.suppress(OSError):
            door.send(data)
        return True

    def fill(self, waiting: deque[tuple[bytes, Endpoint]], most: int) -> None:
        """Move what has come in by doors that are kept to the end of `waiting`, up to `most`.

        The rest stays in the kernel until the next turn.
        """
        for source, door in self._kept.items():
            for _ in range(min(READ_MAX, most - len(waiting))):
                data = _read(door)
                if data is None:
                    break
                waiting.append((data, source))

    def close(self) -> None:
        """All of them."""
        for door in (*self._tried.values(), *self._kept.values()):
            self._shut(door)
        self._tried.clear()
        self._kept.clear()

    def _open(self, to: Endpoint, number: int) -> bool:
        if len(self._tried) >= TRIED_MAX:
            return False
        try:
            door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except OSError:
            return False
        try:
            door.setblocking(False)
            door.connect((to.host, to.port))
        except OSError:
            door.close()
            return False
        self._tried[to, number] = door
        asyncio.get_running_loop().add_reader(door, self._readable, to, number)
        return True

    def _readable(self, to: Endpoint, number: int) -> None:
        door = self._tried.get((to, number))
        if door is not None and (data := _read(door)) is not None:
            self._tell(DatagramReceived(data, to, number))

    def _shut(self, door: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(door)
        door.close()


def _read(door: socket.socket) -> bytes | None:
    """The next datagram; None = none that could be one of ours."""
    try:
        data = door.recv(DATAGRAM_BYTES_MAX + 1)
    except OSError:  # there is none, or an error of the other side (ICMP)
        return None
    return data if len(data) <= DATAGRAM_BYTES_MAX else None
