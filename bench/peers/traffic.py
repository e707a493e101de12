"""Telephone traffic for a relay: frames of 20 ms between many pairs, evenly paced, and counted.

All of it leaves from a few sockets by sendmmsg, so that to make and count the traffic costs less
than to relay it. A `Flow` is one direction of one call: which socket sends what, and where.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

import numpy as np

from firmware.model import Endpoint
from firmware.shell.batches import ROWS, Batches, encode_name, open_batches

PAUSE_S = 0.0002  # between two handfuls of datagrams
RECEIVE_INTERVAL_S = 0.001


@dataclass(frozen=True, slots=True)
class Flow:
    """`data` from the socket with index `sender` to `to`."""

    sender: int
    data: bytes
    to: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Result:
    """What went in and came out."""

    sent: int
    received: int
    took_s: float


def open_sockets(count: int) -> list[socket.socket]:
    """On loopback, with as much room as the kernel gives."""
    sockets = []
    for _ in range(count):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        each.bind(("127.0.0.1", 0))
        sockets.append(each)
    return sockets


class Traffic:
    """`run()` may be called again."""

    def __init__(self, sockets: list[socket.socket], flows: list[Flow]) -> None:
        for each in sockets:
            each.setblocking(False)
        self._sockets = sockets
        self._batches = [open_batches(each) for each in sockets]
        self._rows = [
            (flow.sender, np.frombuffer(_name(flow.to) + flow.data, np.uint8))
            for flow in sorted(flows, key=lambda flow: flow.sender)  # handfuls of one socket
        ]
        self._next = 0

    def close(self) -> None:
        """The sockets too."""
        for each in self._sockets:
            each.close()

    def run(self, per_s: float, duration_s: float) -> Result:
        """Send `per_s` datagrams a second for `duration_s`, then wait for the last ones."""
        start_s = time.perf_counter()
        sent = received = 0
        receive_s = 0.0
        while (now_s := time.perf_counter() - start_s) < duration_s:
            due = int(now_s * per_s) - sent
            if due > 0:
                sent += self._send(min(due, ROWS))
            if now_s >= receive_s:
                receive_s = now_s + RECEIVE_INTERVAL_S
                received += self._receive()
            if due < ROWS:
                time.sleep(PAUSE_S)
        took_s = time.perf_counter() - start_s
        for _ in range(100):
            time.sleep(RECEIVE_INTERVAL_S)
            received += self._receive()
        return Result(sent, received, took_s)

    def _send(self, count: int) -> int:
        """The next `count` frames in turn; those of one socket with one system call."""
        sent = 0
        while sent < count:
            sender = self._rows[self._next][0]
            batch, filled = self._batches[sender], 0
            lengths = []
            while sent + filled < count and self._rows[self._next][0] == sender:
                frame = self._rows[self._next][1]
                batch.rows[filled, : len(frame)] = frame
                lengths.append(len(frame) - batch.name_bytes)
                filled += 1
                self._next = (self._next + 1) % len(self._rows)
                if self._next == 0:
                    break
            batch.send(np.arange(filled), np.array(lengths, dtype=np.intp))
            sent += filled
        return sent

    def _receive(self) -> int:
        return sum(_received(batch) for batch in self._batches)


def _name(address: tuple[str, int]) -> bytes:
    return encode_name(Endpoint(*address), socket.AF_INET)


def _received(batch: Batches) -> int:
    total = 0
    while count := len(batch.receive()):
        total += count
        if count < ROWS:
            break
    return total
