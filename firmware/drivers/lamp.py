"""Lamp: shines with the bell, for those who do not hear it, and steadily while a missed call waits.

Knows no call. Units: `_s` seconds.
"""

from __future__ import annotations

from firmware.drivers.chips import Gpio
from firmware.errors import HardwareError

BLINK_S = 0.25


class Lamp:
    """A lamp on one pin, high = on; only `sample` moves the pin, and a failure is not reported."""

    def __init__(self, gpio: Gpio, pin: int) -> None:
        self._gpio, self._pin = gpio, pin
        self.ringing = False
        self.waiting = False
        self._lit = False
        gpio.set_output(pin, False)

    @property
    def quiet(self) -> bool:
        """It needs no sample until somebody changes `ringing` or `waiting`."""
        return not self.ringing and self._lit == self.waiting

    def sample(self, now_s: float) -> None:
        """Blink while the bell is wanted, else show whether somebody waits."""
        lit = now_s % (2 * BLINK_S) < BLINK_S if self.ringing else self.waiting
        if lit == self._lit:
            return
        try:
            self._gpio.write(self._pin, lit)
        except HardwareError:
            return  # tried again at the next sample
        self._lit = lit
