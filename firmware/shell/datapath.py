"""The way of a datagram between the kernel and the core: what an exchange relays does not go by it.

Owns the one socket. Reads in batches; with relays open carrier.py takes many datagrams at once,
sends on what belongs to a relay and leaves the rest for `waiting`. Knows no core and no event loop.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from firmware.events.network import CloseRelay, LimitRelays, OpenRelay, RelayUse
from firmware.model import Endpoint
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.kernel.client import KernelRelays

if TYPE_CHECKING:
    from firmware.shell.carrier import Carrier

READ_MAX = 64  # datagrams in one go, without relays
WAITING_MAX = 1024  # datagrams for the core, read and not yet seen; what comes on top is dropped
BUSY_PER_S = 3_000.0  # from here on datagrams are fetched every POLL_S instead of as they come
POLL_S = 0.001  # delays a frame by that at most; asleep, a box wakes up a thousand times a second
_WINDOW_S = 0.010  # over which busy is measured

RelayCommand = OpenRelay | CloseRelay | LimitRelays


def opened_carrier(sock: socket.socket) -> Carrier:
    """Loads numpy, 13 MB."""
    from firmware.shell.carrier import Carrier

    return Carrier(sock)


class DataPath:
    """`fill()`, then take from `waiting`."""

    def __init__(
        self,
        sock: DatagramSocket,
        opened_carrier: Callable[[socket.socket], Carrier] = opened_carrier,
        kernel: KernelRelays | None = None,
    ) -> None:
        self.local = sock.local
        self.waiting: deque[tuple[bytes, Endpoint]] = deque()
        self._dropped = 0  # no room in `waiting`
        self._socket = sock
        self._kernel = kernel  # carries what it can before we see it
        self._opened_carrier = opened_carrier
        self.carrier: Carrier | None = None  # made with the first relay
        self._limit: LimitRelays | None = None  # said before there was one
        self._window_s, self._in_window = 0.0, 0
        self._is_busy = False

    @property
    def is_busy(self) -> bool:
        """True if so much is relayed that to be woken for each datagram is waste."""
        return self._is_busy

    @property
    def dropped(self) -> int:
        """Datagrams for which there was no room, or that were too long."""
        return self._dropped + (self.carrier.too_long if self.carrier else 0)

    def perform(self, command: RelayCommand) -> None:
        """Carry out one command of an exchange."""
        match command:
            case OpenRelay():
                self._with_carrier().relays.open(command)
                if self._kernel is not None:
                    self._kernel.open(command)
            case CloseRelay():
                if self.carrier is not None:
                    self.carrier.relays.close(command)
                if self._kernel is not None:
                    self._kernel.close(command)
            case LimitRelays():
                self._limit = command
                if self.carrier is not None:
                    self.carrier.relays.limit(command)

    def report(self, now_s: float) -> tuple[RelayUse, ...]:
        """What relays have carried since the last time, here and in the kernel."""
        carrier = self.carrier
        uses = carrier.relays.report() if carrier and carrier.relays else ()
        return uses if self._kernel is None else uses + self._kernel.poll(now_s)

    def close(self) -> None:
        """The socket, and what the kernel does for us."""
        self._socket.close()
        if self._kernel is not None:
            self._kernel.shut()

    def fill(self, now_s: float) -> None:
        """Read what waits in the kernel, within READ_MAX or what a carrier takes."""
        carrier = self.carrier
        if carrier is None or not carrier.relays:
            self._is_busy = False
            if not self.waiting:
                self._fill_plainly()
            return
        count, others = carrier.carry(now_s)
        room = max(WAITING_MAX - len(self.waiting), 0)
        self.waiting += others[:room]
        self._dropped += len(others[room:])
        self._measure(count, now_s)

    def _with_carrier(self) -> Carrier:
        if self.carrier is None:
            self.carrier = self._opened_carrier(self._socket.socket)
            if self._limit is not None:
                self.carrier.relays.limit(self._limit)
        return self.carrier

    def _fill_plainly(self) -> None:
        for _ in range(READ_MAX):
            received = self._socket.receive()
            if received is None:
                return
            self.waiting.append(received)

    def _measure(self, count: int, now_s: float) -> None:
        self._in_window += count
        passed_s = now_s - self._window_s
        if passed_s >= _WINDOW_S:
            self._is_busy = self._in_window > BUSY_PER_S * passed_s
            self._window_s, self._in_window = now_s, 0
