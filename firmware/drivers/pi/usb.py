"""Telephones and adapters on USB, found through sysfs: hidraw, then CM109 and Yealink; a Pico.

The hook switch never reaches evdev, so a telephone that speaks HID telephony is read by hidraw.
Numbers of devices change with each plugging in, so nothing is found by number; the sound card is
the one on the same USB device, named by its id.
Source: Linux, Documentation/hid/hidraw.rst; include/uapi/linux/hidraw.h;
Documentation/input/devices/yealink.rst; Documentation/ABI/stable/sysfs-bus-usb; MicroPython,
ports/rp2/mpconfigport.h.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from firmware.drivers.hid import Layout, parse
from firmware.drivers.phone_keys import EvdevKeys, HidKeys
from firmware.drivers.pi.stream import FdStream
from firmware.drivers.usb_phone import UsbDevice
from firmware.errors import HardwareError, MalformedError
from firmware.handset import ON_USB

EVDEV_NAMES = {"CM109 USB driver": False, "Yealink usb-p1k": True}  # True: a Yealink
PICO = ("2e8a", "0005")  # vendor and product of MicroPython's USB port on a Pico and a Pico 2
_REPORT_BYTES_MAX = 64  # of a full-speed interrupt endpoint


def open_usb_phone(sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> UsbDevice:
    """The first telephone on USB; HardwareError if there is none, or it cannot be opened."""
    for node in sorted((sys / "class" / "hidraw").glob("hidraw*")):
        layout = _layout(node)
        if layout is not None and HidKeys.fits(layout):
            stream = _open(dev / node.name)
            return UsbDevice(stream, HidKeys(layout), _reports_now(stream, layout))
    for node in sorted((sys / "class" / "input").glob("event*")):
        name = _text(node / "device" / "name")
        if name in EVDEV_NAMES:
            return _evdev_phone(node, dev, yealink=EVDEV_NAMES[name])
    raise HardwareError("no telephone on USB")


def sound_card_of_phone(sys: Path = Path("/sys")) -> str:
    """ALSA's name of the USB phone's own sound card; HardwareError if it has none."""
    nodes = [
        *(
            node
            for node in sorted((sys / "class" / "hidraw").glob("hidraw*"))
            if (layout := _layout(node)) is not None and HidKeys.fits(layout)
        ),
        *(
            node
            for node in sorted((sys / "class" / "input").glob("event*"))
            if _text(node / "device" / "name") in EVDEV_NAMES
        ),
    ]
    cards = sorted((sys / "class" / "sound").glob("card*"))
    for node in nodes:
        for card in cards:
            if _usb_device(card) is not None and _usb_device(card) == _usb_device(node):
                return f"plughw:CARD={_text(card / 'id')}"
    raise HardwareError(
        "the telephone on USB has no sound card" if nodes else "no telephone on USB"
    )


def serial_path(port: str, sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> str:
    """The device that `[adapter] port` means at this moment; HardwareError if it is not there."""
    bus, _, serial = port.partition(":")
    if bus != ON_USB:
        return port
    for node in sorted((sys / "class" / "tty").glob("ttyACM*")):
        usb = _usb_device(node)
        if usb is None or (_text(usb / "idVendor"), _text(usb / "idProduct")) != PICO:
            continue
        if not serial or _text(usb / "serial") == serial:
            return str(dev / node.name)
    raise HardwareError(f"no Pico{f' with serial number {serial}' if serial else ''} on USB")


def _layout(node: Path) -> Layout | None:
    try:
        return parse((node / "device" / "report_descriptor").read_bytes())
    except (OSError, MalformedError):
        return None


def _evdev_phone(node: Path, dev: Path, *, yealink: bool) -> UsbDevice:
    stream = _open(dev / "input" / node.name)
    keys = EvdevKeys(yealink=yealink)
    if not yealink:
        return UsbDevice(stream, keys)
    interface = (node / "device" / "device").resolve()

    def ring(on: bool) -> None:
        with contextlib.suppress(OSError):
            (interface / ("show_icon" if on else "hide_icon")).write_text("RINGTONE\n")

    return UsbDevice(stream, _MuteKeys(keys), (), ring)


class _MuteKeys:
    """Keys of a telephone that takes no events."""

    def __init__(self, keys: EvdevKeys) -> None:
        self.decode = keys.decode

    def encode(self, _lamps: object) -> list[bytes]:
        return []


def _open(path: Path) -> FdStream:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        raise HardwareError(f"{path}: not allowed; is the udev rule installed?") from None
    except OSError as error:
        raise HardwareError(f"{path}: {error.strerror}") from None
    return FdStream(descriptor, str(path))


def _reports_now(stream: FdStream, layout: Layout) -> tuple[bytes, ...]:
    """The input reports as they are: was the handset lifted before we looked?"""
    reports = []
    for report_id in sorted({part.report_id for part in layout.inputs}):
        buffer = bytearray(1 + _REPORT_BYTES_MAX)
        buffer[0] = report_id
        request = 0xC000_480A | len(buffer) << 16  # HIDIOCGINPUT
        with contextlib.suppress(OSError):  # many devices have no such request
            length = fcntl.ioctl(stream.descriptor, request, buffer)
            reports.append(bytes(buffer[0 if layout.has_ids else 1 : length]))
    return tuple(reports)


def _usb_device(node: Path) -> Path | None:
    """The USB device that a class node hangs on: the nearest ancestor with an idVendor."""
    with contextlib.suppress(OSError):
        where = (node / "device").resolve(strict=True)
        for ancestor in (where, *where.parents):
            if (ancestor / "idVendor").exists():
                return ancestor
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
