"""A simulated person who has built a telephone, well or badly, and does what the test asks for.

Each fault is one mistake of a real builder; the copper outside the header is joined accordingly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware.drivers.chips import PERIOD_BYTES
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.pcm import Clock, SimCapture, SimPlayback
from firmware.errors import HardwareError
from firmware.handset import Handset

FAULTS = (
    "hook_inverted", "hook_cut", "hook_short", "rows_and_columns", "row_order", "column_cut",
    "dead_key", "short", "no_buzzer", "wrong_card", "no_sound", "deaf",
)  # fmt: skip
DEAD_KEY = "5"
GOOD_CARD = "plughw:CARD=Device"
CARDS = ("plughw:CARD=vc4hdmi", GOOD_CARD)


class Builder:
    """The methods of `wiring.Person`; `say` is where its dialogue goes."""

    def __init__(
        self, gpio: SimGpio, handset: Handset, faults: frozenset[str], say: Callable[[str], None]
    ) -> None:
        assert faults <= set(FAULTS), faults
        self._gpio, self._handset, self._faults, self._say = gpio, handset, faults, say
        self._loud = False
        rows, columns = handset.keypad.rows, handset.keypad.columns
        if "rows_and_columns" in faults:
            rows, columns = columns, rows
        if "row_order" in faults:
            rows = (rows[1], rows[0], *rows[2:])
        self._rows, self._columns = rows, columns
        if "short" in faults:
            gpio.connect(rows[0], columns[0])
        self._hook(lifted=False)

    def say(self, text: str) -> None:
        """Listen."""
        self._say(text)

    def do(self, task: str, key: str = "") -> None:
        """Do it at once."""
        self._say(f"> {task} {key}".rstrip())
        if task in ("lift", "replace"):
            self._hook(lifted=task == "lift")
        elif task in ("hold", "release"):
            self._key(key, down=task == "hold")

    def sees(self, question: str) -> bool:
        """Answer as it is."""
        if "buzzer" in question or "still" in question:
            sounds = self._gpio.outputs.get(self._handset.ringer.pin, False)
            answer = sounds and "no_buzzer" not in self._faults
        else:
            answer = self._loud
        self._say(f"{question} {'yes' if answer else 'no'}")
        return answer

    def open_playback(self, device: str) -> SimPlayback:
        """A card, of which one has the earpiece."""
        if "no_sound" in self._faults:
            raise HardwareError(f"ALSA device {device}: No such device")
        right = GOOD_CARD if "wrong_card" in self._faults else "default"
        self._loud = device == right
        return SimPlayback(None, _hasty())

    def open_capture(self, _device: str) -> SimCapture:
        """The room."""
        noise = np.random.default_rng(1).normal(0, 800, PERIOD_BYTES * 100)
        return SimCapture(
            b"" if "deaf" in self._faults else noise.astype("<i2").tobytes(), _hasty()
        )

    def _hook(self, *, lifted: bool) -> None:
        wiring = self._handset.hook
        level: bool | None = wiring.lifted_is_high == lifted
        if "hook_inverted" in self._faults:
            level = not level
        if "hook_cut" in self._faults:
            level = None
        if "hook_short" in self._faults:
            level = False
        self._gpio.drive(wiring.pin, level)

    def _key(self, key: str, *, down: bool) -> None:
        if key == DEAD_KEY and "dead_key" in self._faults:
            return
        for row, keys in enumerate(self._handset.keypad.keys):
            column = keys.find(key)
            if column < 0 or (column == 1 and "column_cut" in self._faults):
                continue
            move = self._gpio.connect if down else self._gpio.disconnect
            move(self._rows[row], self._columns[column])


def _hasty() -> Clock:
    """A clock that runs only while somebody sleeps."""
    now_s = [0.0]

    def sleep(duration_s: float) -> None:
        now_s[0] += duration_s

    return Clock(lambda: now_s[0], sleep)
