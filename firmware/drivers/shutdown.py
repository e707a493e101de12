"""Shutdown key: switches the box off when it is held, and only then.

Knows no system: what follows from ShutdownHeld is decided elsewhere. Units: `_s` seconds.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.errors import HardwareError
from firmware.events import ShutdownHeld


class ShutdownKey:
    """A key to ground; a short that was there from the start is no wish to switch off."""

    def __init__(self, gpio: Gpio, pin: int, hold_s: float) -> None:
        self._gpio, self._pin, self._hold_s = gpio, pin, hold_s
        self._seen_open = False
        self._down_s: float | None = None
        gpio.set_input(pin)

    @property
    def pins(self) -> tuple[int, ...]:
        """Whose edges must wake us."""
        return (self._pin,)

    @property
    def quiet(self) -> bool:
        """Nobody presses it."""
        return self._down_s is None

    def sample(self, now_s: float) -> ShutdownHeld | None:
        """ShutdownHeld once per press, after `hold_s`."""
        try:
            is_open = self._gpio.read(self._pin)
        except HardwareError:
            is_open = True
        if is_open or not self._seen_open:
            self._seen_open |= is_open
            self._down_s = None
            return None
        if self._down_s is None:
            self._down_s = now_s
        if now_s - self._down_s < self._hold_s:
            return None
        self._seen_open, self._down_s = False, None
        return ShutdownHeld()
