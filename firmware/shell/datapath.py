"""The way of a datagram between the kernel and the core: what an exchange relays does not go by it.

Owns the one socket. Reads in batches; with relays open it takes many datagrams at once, sends on
what belongs to a relay and leaves the rest in `waiting`. Knows no core and no event loop.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.events.network import CloseRelay, LimitRelays, OpenRelay, RelayUse
from firmware.model import Endpoint
from firmware.shell.batches import ROWS, Batches, decode_name, open_batches
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.kernel.client import KernelRelays
from firmware.shell.relays import Relays

BATCHES_MAX = 8  # in one go, with relays open: 512 datagrams or about 3 ms
WAITING_MAX = 1024  # datagrams for the core, read and not yet seen; what comes on top is dropped
BUSY_PER_S = 3_000.0  # from here on datagrams are fetched every POLL_S instead of as they come
POLL_S = 0.001  # delays a frame by that at most; asleep, a box wakes up a thousand times a second
_WINDOW_S = 0.010  # over which busy is measured

RelayCommand = OpenRelay | CloseRelay | LimitRelays


class DataPath:
    """`fill()`, then take from `waiting`."""

    def __init__(
        self,
        sock: DatagramSocket,
        open_rows: Callable[[socket.socket], Batches] = open_batches,
        kernel: KernelRelays | None = None,
    ) -> None:
        self.local = sock.local
        self.waiting: deque[tuple[bytes, Endpoint]] = deque()
        self.relays = Relays(sock.family)
        self.dropped = 0  # no room in `waiting`, or too long
        self._socket = sock
        self._open_rows = open_rows
        self._kernel = kernel  # carries what it can before we see it
        self._batches: Batches | None = None  # made with the first relay
        self._window_s, self._in_window = 0.0, 0
        self._is_busy = False

    @property
    def is_busy(self) -> bool:
        """True if so much is relayed that to be woken for each datagram is waste."""
        return self._is_busy

    def perform(self, command: RelayCommand) -> None:
        """Carry out one command of an exchange."""
        match command:
            case OpenRelay():
                self.relays.open(command)
                self._batches = self._batches or self._open_rows(self._socket.socket)
                if self._kernel is not None:
                    self._kernel.open(command)
            case CloseRelay():
                self.relays.close(command)
                if self._kernel is not None:
                    self._kernel.close(command)
            case LimitRelays():
                self.relays.limit(command)

    def report(self, now_s: float) -> tuple[RelayUse, ...]:
        """What relays have carried since the last time, here and in the kernel."""
        uses = self.relays.report() if self.relays else ()
        return uses if self._kernel is None else uses + self._kernel.poll(now_s)

    def close(self) -> None:
        """The socket, and what the kernel does for us."""
        self._socket.close()
        if self._kernel is not None:
            self._kernel.shut()

    def fill(self, now_s: float) -> None:
        """Read what waits in the kernel, within BATCHES_MAX."""
        if not self.relays:
            self._is_busy = False
            if not self.waiting:
                self._fill_plainly()
            return
        count = 0
        for _ in range(BATCHES_MAX):
            read = self._fill_batch(now_s)
            count += read
            if read < ROWS:
                break
        self._measure(count, now_s)

    def _fill_batch(self, now_s: float) -> int:
        assert self._batches is not None
        lengths = self._batches.receive()
        rows, name_end = self._batches.rows, self._batches.name_bytes
        for row in self.relays.carry(self._batches, lengths, now_s):
            length = int(lengths[row])
            if length > DATAGRAM_BYTES_MAX or len(self.waiting) >= WAITING_MAX:
                self.dropped += 1
                continue
            source = decode_name(rows[row, :name_end].tobytes())
            self.waiting.append((rows[row, name_end : name_end + length].tobytes(), source))
        return len(lengths)

    def _fill_plainly(self) -> None:
        for _ in range(ROWS):
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
