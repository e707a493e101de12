"""The hand outside a simulated box: does to the pins what a person does to the handset.

Knows the wiring, not the drivers: the bounce, the ghosts and the debouncing are those of the
simulated copper and the real drivers. How long a key is held is the caller's business.
"""

from __future__ import annotations

from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.errors import CommandError
from firmware.handset import Handset


class Hand:
    """Lifts and replaces the handset, holds and releases keys, looks and listens."""

    def __init__(self, gpio: SimGpio, handset: Handset, display: SimSsd1306 | None = None) -> None:
        self._gpio, self._handset = gpio, handset
        self.display = display  # what the eye sees; None = no OLED
        self.replace()

    @property
    def keys(self) -> str:
        """All keys of this keypad."""
        return "".join("".join(row) for row in self._handset.keypad.keys)

    def lift(self) -> None:
        """Take the handset up."""
        self._gpio.drive(self._handset.hook.pin, self._handset.hook.lifted_is_high)

    def replace(self) -> None:
        """Put the handset down."""
        self._gpio.drive(self._handset.hook.pin, not self._handset.hook.lifted_is_high)

    def hold(self, key: str) -> None:
        """Press `key` and keep it down; CommandError if this keypad has none."""
        self._gpio.connect(*self._contacts(key))

    def release(self, key: str) -> None:
        """Let go of `key`; CommandError if this keypad has none."""
        self._gpio.disconnect(*self._contacts(key))

    def hears_bell(self) -> bool:
        """The buzzer sounds at this moment."""
        return self._gpio.outputs.get(self._handset.ringer.pin, False)

    def _contacts(self, key: str) -> tuple[int, int]:
        keypad = self._handset.keypad
        for row, keys in zip(keypad.rows, keypad.keys, strict=True):
            if len(key) == 1 and key in keys:
                return row, keypad.columns[keys.index(key)]
        raise CommandError(f"this keypad has no key {key!r}")
