"""Relays on one socket: many datagrams at once in, and out again what belongs to a relay.

The rest is the core's. With it comes numpy, which a node that relays nothing does without; so
datapath.py loads this with the first relay. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.model import Endpoint
from firmware.shell.batches import ROWS, Batches, decode_name, open_batches
from firmware.shell.relays import Relays

BATCHES_MAX = 8  # in one go: 512 datagrams or about 3 ms


class Carrier:
    """`relays` are the open ones; `sock` is non-blocking and stays its owner's."""

    def __init__(
        self, sock: socket.socket, open_rows: Callable[[socket.socket], Batches] = open_batches
    ) -> None:
        self.relays = Relays(sock.family)
        self.too_long = 0  # datagrams that were dropped for that
        self._batches = open_rows(sock)

    def carry(self, now_s: float) -> tuple[int, list[tuple[bytes, Endpoint]]]:
        """How many datagrams came, and those that are the core's; within BATCHES_MAX."""
        count, others = 0, list[tuple[bytes, Endpoint]]()
        for _ in range(BATCHES_MAX):
            read = self._carry_batch(others, now_s)
            count += read
            if read < ROWS:
                break
        return count, others

    def _carry_batch(self, others: list[tuple[bytes, Endpoint]], now_s: float) -> int:
        lengths = self._batches.receive()
        rows, name_end = self._batches.rows, self._batches.name_bytes
        for row in self.relays.carry(self._batches, lengths, now_s):
            length = int(lengths[row])
            if length > DATAGRAM_BYTES_MAX:
                self.too_long += 1
                continue
            source = decode_name(rows[row, :name_end].tobytes())
            others.append((rows[row, name_end : name_end + length].tobytes(), source))
        return len(lengths)
