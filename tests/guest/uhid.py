"""A handset that the kernel takes for a real one: /dev/uhid.

Source: Linux, include/uapi/linux/uhid.h and Documentation/hid/uhid.rst.
"""

from __future__ import annotations

import os
import select
import struct
from pathlib import Path

UHID_DESTROY, UHID_OUTPUT, UHID_GET_REPORT = 1, 6, 9
UHID_GET_REPORT_REPLY, UHID_CREATE2, UHID_INPUT2 = 10, 11, 12
BUS_USB = 3
EVENT_BYTES_MAX = 4 + 4376
CREATE2 = struct.Struct("<I128s64s64sHHIIII4096s")
OUTPUT = struct.Struct("<4096sHB")


class UhidDevice:
    """One HID device, from its making to its `close`."""

    def __init__(self, name: str, descriptor: bytes, now: bytes) -> None:
        self.now = now  # the input report that it tells when it is asked
        self._file = os.open("/dev/uhid", os.O_RDWR | os.O_CLOEXEC)
        self._write(
            CREATE2.pack(
                UHID_CREATE2, name.encode(), b"", b"", len(descriptor), BUS_USB, 0x1209, 1, 1, 0,
                descriptor,
            )
        )  # fmt: skip

    def report(self, data: bytes) -> None:
        """An input report."""
        self._write(struct.pack("<IH", UHID_INPUT2, len(data)) + data)

    def output(self, timeout_s: float) -> bytes | None:
        """The next output report; questions about its state are answered meanwhile."""
        while select.select([self._file], [], [], timeout_s)[0]:
            event = os.read(self._file, EVENT_BYTES_MAX)
            (kind,) = struct.unpack_from("<I", event)
            if kind == UHID_GET_REPORT:
                (number,) = struct.unpack_from("<I", event, 4)
                head = struct.pack("<IIHH", UHID_GET_REPORT_REPLY, number, 0, len(self.now))
                self._write(head + self.now)
            elif kind == UHID_OUTPUT:
                data, size, _ = OUTPUT.unpack_from(event, 4)
                return bytes(data[:size])
        return None

    def close(self) -> None:
        """Unplug it."""
        self._write(struct.pack("<I", UHID_DESTROY))
        os.close(self._file)

    def _write(self, event: bytes) -> None:
        os.write(self._file, event)


def has_uhid() -> bool:
    """This kernel has it, and we may."""
    return Path("/dev/uhid").exists() and os.access("/dev/uhid", os.W_OK)
