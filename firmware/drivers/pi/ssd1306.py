"""SSD1306 panel through Adafruit's driver, on any I2C bus, real or simulated.

Source: SSD1306 data sheet rev. 1.1; adafruit_ssd1306 2.12.
"""

from __future__ import annotations

import contextlib

from firmware.drivers.chips import I2cBus
from firmware.errors import HardwareError


class Ssd1306Panel:
    """The methods of `chips.Panel`; making one initialises the chip, and takes the bus over."""

    def __init__(self, bus: I2cBus, width: int, height: int, address: int = 0x3C) -> None:
        self._bus = bus
        try:
            from adafruit_ssd1306 import SSD1306_I2C

            self._chip = SSD1306_I2C(width, height, bus, addr=address)
        except ImportError:
            bus.deinit()
            raise HardwareError("the package adafruit_ssd1306 is not installed") from None
        except (OSError, ValueError) as error:  # ValueError: nobody answers at this address
            bus.deinit()
            raise HardwareError(f"OLED at {address:#04x}: {error}") from None

    def show(self, pixels: bytes) -> None:
        """Show pages of the chip's own order; returns when it has them (23.5 ms at 400 kHz)."""
        assert len(pixels) == len(self._chip.buffer) - 1, "a picture of another size"
        self._chip.buffer[1:] = pixels  # byte 0 is the control byte
        try:
            self._chip.show()
        except OSError as error:
            raise HardwareError(f"OLED: {error}") from None

    def close(self) -> None:
        """Dark, and off the bus; never raises."""
        with contextlib.suppress(OSError):
            self._chip.poweroff()
        self._bus.deinit()
