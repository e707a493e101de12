"""Simulated I2C bus: hands the bytes of each transaction to the chip of that address.

Has the methods of CircuitPython's `busio.I2C`, so Adafruit's drivers run on it unchanged.
"""

from __future__ import annotations

import errno
import os
import threading
from typing import Protocol

from firmware.drivers.chips import Bytes


class SimI2cChip(Protocol):
    """A chip on the bus."""

    def write(self, data: bytes) -> None:
        """One write transaction."""

    def read(self, size_bytes: int) -> bytes:
        """One read transaction."""


class SimI2c:
    """A bus; chips are attached and detached from outside while it runs."""

    def __init__(self) -> None:
        self.transactions = 0
        self._chips: dict[int, SimI2cChip] = {}
        self._lock = threading.Lock()

    def attach(self, address: int, chip: SimI2cChip) -> None:
        """From outside: solder a chip to the bus."""
        self._chips[address] = chip

    def detach(self, address: int) -> None:
        """From outside: break its wire; from now on nobody acknowledges."""
        self._chips.pop(address, None)

    def try_lock(self) -> bool:
        """Take the bus; False if another has it."""
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        """Give the bus back."""
        self._lock.release()

    def writeto(
        self, address: int, buffer: Bytes, *, start: int = 0, end: int | None = None
    ) -> None:
        """One write transaction; OSError (EREMOTEIO) if no chip acknowledges, as Linux has it."""
        self._chip(address).write(bytes(memoryview(buffer)[start:end]))

    def readfrom_into(
        self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None
    ) -> None:
        """One read transaction into `buffer[start:end]`."""
        view = memoryview(buffer)[start:end]
        view[:] = self._chip(address).read(len(view))

    def deinit(self) -> None:
        """Nothing to give back: the bus stays there for the next opening."""

    def _chip(self, address: int) -> SimI2cChip:
        assert self._lock.locked(), "the bus is used without being locked"
        self.transactions += 1
        if address not in self._chips:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return self._chips[address]
