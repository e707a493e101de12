"""SSD1306 panel through Adafruit's driver, on any I2C bus, real or simulated.

Source: SSD1306 data sheet rev. 1.1; adafruit_ssd1306 2.12.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from types import ModuleType

from firmware.drivers.chips import I2cBus
from firmware.errors import HardwareError

COLUMNS = 128  # of the chip's memory, whatever the glass
SET_COLUMNS, SET_PAGES = 0x21, 0x22
COMMANDS, DATA = 0x00, 0x40  # control bytes: all that follows
REFRESH_S = 60.0  # a whole picture now and then: noise on the bus changes dots unseen


class Ssd1306Panel:
    """The methods of `chips.Panel`; making one initialises the chip, and takes the bus over."""

    def __init__(self, bus: I2cBus, width: int, height: int, address: int = 0x3C) -> None:
        self._bus = bus
        self._shown = bytes(width * height // 8)  # the initialisation clears it
        self._refreshed_s = -REFRESH_S
        try:
            _stand_in_for_blinka()
            from adafruit_ssd1306 import SSD1306_I2C

            self._chip = SSD1306_I2C(width, height, bus, addr=address)
        except ImportError:
            bus.deinit()
            raise HardwareError("the package adafruit_ssd1306 is not installed") from None
        except (OSError, ValueError) as error:  # ValueError: nobody answers at this address
            bus.deinit()
            raise HardwareError(f"OLED at {address:#04x}: {error}") from None

    def show(self, pixels: bytes) -> None:
        """Send what differs from the picture before, at most REFRESH_S old, page by page.

        All of it takes 23.5 ms at 400 kHz, half a page 1.7 ms.
        """
        width, now_s = self._chip.width, time.monotonic()
        assert len(pixels) == len(self._chip.buffer) - 1, "a picture of another size"
        with self._mapped():
            if now_s - self._refreshed_s > REFRESH_S:
                self._chip.buffer[1:] = pixels  # byte 0 is the control byte
                self._chip.show()
                self._refreshed_s, self._shown = now_s, pixels
                return
            for page in range(len(pixels) // width):
                old = self._shown[page * width : (page + 1) * width]
                self._show_page(page, old, pixels[page * width : (page + 1) * width])
        self._shown = pixels

    def contrast(self, level: int) -> None:
        """From 1 to 255; 0 = blank."""
        with self._mapped():
            if level:
                self._chip.contrast(level)
                self._chip.poweron()
            else:
                self._chip.poweroff()

    def _show_page(self, page: int, old: bytes, new: bytes) -> None:
        changed = [column for column in range(len(new)) if old[column] != new[column]]
        if not changed:
            return
        first, last = changed[0], changed[-1]
        left = (COLUMNS - len(new)) // 2  # narrow glass is bonded to the middle columns
        window = (SET_COLUMNS, left + first, left + last, SET_PAGES, page, page)
        with self._chip.i2c_device as device:
            device.write(bytes([COMMANDS, *window]))
            device.write(bytes([DATA]) + new[first : last + 1])

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HardwareError(f"OLED: {error}") from None

    def close(self) -> None:
        """Dark, and off the bus; never raises."""
        with contextlib.suppress(OSError):
            self._chip.poweroff()
        self._bus.deinit()


def _stand_in_for_blinka() -> None:
    """Give adafruit_ssd1306 the names that its annotations want.

    Blinka, where most live, asks first which board this is, fails on those that it does not know
    (an emulated one, Debian's kernel), and costs start-up time and memory; the others bring half a
    megabyte of types with them. The bus is ours.
    """
    wanted = {
        "busio": ("I2C", "SPI"),
        "digitalio": ("DigitalInOut",),
        "circuitpython_typing": ("ReadableBuffer", "WriteableBuffer"),
    }
    for name, classes in wanted.items():
        if name not in sys.modules:
            module = ModuleType(name)
            for each in classes:
                setattr(module, each, object)
            sys.modules[name] = module
