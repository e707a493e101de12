"""An I2C bus of the Raspberry Pi through Linux's /dev/i2c-N.

Has the methods of CircuitPython's `busio.I2C`, so Adafruit's drivers run on it; Blinka's own bus
would have to know the board by name first.
Source: Linux, Documentation/i2c/dev-interface.rst.
"""

from __future__ import annotations

import fcntl
import os
import threading

from firmware.drivers.chips import Bytes
from firmware.errors import HardwareError

_I2C_SLAVE = 0x0703  # linux/i2c-dev.h


class LinuxI2c:
    """The methods of `chips.I2cBus`; raises HardwareError if there is no such bus."""

    def __init__(self, bus: int) -> None:
        path = f"/dev/i2c-{bus}"
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError(f"no I2C bus {path}: {error.strerror}") from None

    def try_lock(self) -> bool:
        """Take the bus; False if another has it."""
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        """Give the bus back."""
        self._lock.release()

    def writeto(
        self, address: int, buffer: Bytes, *, start: int = 0, end: int | None = None
    ) -> None:
        """One write transaction; OSError if no chip acknowledges."""
        fcntl.ioctl(self._file, _I2C_SLAVE, address)
        os.write(self._file, memoryview(buffer)[start:end])

    def readfrom_into(
        self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None
    ) -> None:
        """One read transaction into `buffer[start:end]`; OSError if no chip acknowledges."""
        view = memoryview(buffer)[start:end]
        fcntl.ioctl(self._file, _I2C_SLAVE, address)
        view[:] = os.read(self._file, len(view))

    def deinit(self) -> None:
        """Close the bus; harmless when closed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
