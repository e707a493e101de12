"""Streams of the Linux kernel: any file descriptor that can be polled, and the serial port.

A read of hidraw gives one report, a read of evdev whole events; a serial port gives what is there.
Unplugged: EIO on hidraw, ENODEV on evdev, an empty read on a serial port; all are HardwareError.
Source: Linux, Documentation/hid/hidraw.rst, Documentation/input/input.rst; pySerial 3.5.
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import Any

from firmware.errors import HardwareError

READ_BYTES_MAX = 4096
WRITE_WAIT_MS = 200  # for a device that takes nothing


class FdStream:
    """The methods of `chips.Stream` over a file descriptor, which it owns from now on."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor, self._name = descriptor, name
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        os.set_blocking(descriptor, False)

    @property
    def descriptor(self) -> int:
        """For ioctl."""
        return self._descriptor

    def read(self, timeout_s: float) -> bytes:
        """What has come; HardwareError when the device is gone."""
        ready = [which for which, _ in self._poll.poll(round(timeout_s * 1000))]
        if self._woken in ready:
            os.eventfd_read(self._woken)
        if self._descriptor not in ready:
            return b""
        try:
            data = os.read(self._descriptor, READ_BYTES_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error.strerror) from None
        if not data:
            raise self._gone("unplugged")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`; HardwareError when the device is gone or takes nothing."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                if not poll.poll(WRITE_WAIT_MS):
                    raise self._gone("takes no data") from None
            except OSError as error:
                raise self._gone(error.strerror) from None

    def wake(self) -> None:
        """From any thread: the read that waits returns."""
        with contextlib.suppress(OSError):  # closed meanwhile
            os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Give the device back; harmless when closed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            os.close(self._woken)
            self._descriptor = self._woken = -1

    def _gone(self, reason: str | None) -> HardwareError:
        return HardwareError(f"{self._name}: {reason}")


class SerialStream(FdStream):
    """A serial port, raw, 8 bits, no parity, one stop bit, ours alone."""

    def __init__(self, path: str, baud: int = 115_200) -> None:
        try:
            import serial
        except ImportError:
            raise HardwareError("the package pyserial is not installed") from None
        self._port: Any = None
        try:
            self._port = serial.Serial(path, baud, timeout=0, exclusive=True)
        except (serial.SerialException, ValueError, OSError) as error:
            raise HardwareError(f"serial line {path}: {_reason(error)}") from None
        super().__init__(os.dup(self._port.fileno()), f"serial line {path}")

    def close(self) -> None:
        """Give the port back; harmless when closed."""
        super().close()
        with contextlib.suppress(OSError):
            self._port.close()


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
