"""What the keys and lamps of a USB phone mean: HID telephony, CM109 and Yealink.

Knows bytes, no device. Each decoder turns what was read into moves: ("hook", lifted), ("key",
which), ("flash", True), ("mute", True); each encoder turns lamps into bytes to write.
Source: HID Usage Tables 1.4, pages 0x08 and 0x0B; Linux 6.12, drivers/input/misc/cm109.c and
yealink.c, include/uapi/linux/input-event-codes.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from firmware.drivers.hid import Layout
from firmware.errors import MalformedError

Move = tuple[Literal["hook", "key", "flash", "mute"], bool | str]

TELEPHONY, LEDS = 0x0B << 16, 0x08 << 16
HOOK, FLASH, MUTE = TELEPHONY | 0x20, TELEPHONY | 0x21, TELEPHONY | 0x2F
RINGER = TELEPHONY | 0x9E
DIGITS = {TELEPHONY | 0xB0 + n: key for n, key in enumerate("0123456789*#ABCD")}
LED_MUTE, LED_OFF_HOOK, LED_RING, LED_MESSAGE = (LEDS | n for n in (0x09, 0x17, 0x18, 0x19))

INPUT_EVENT = struct.Struct("@llHHi")  # struct input_event: time (two longs), type, code, value
EV_KEY, EV_SND, SND_BELL = 0x01, 0x12, 0x01
KEY_ESC, KEY_ENTER, KEY_LEFTSHIFT, KEY_3, KEY_KPASTERISK = 1, 28, 42, 4, 55
CM109_KEYS = {512 + n: key for n, key in enumerate("0123456789*#")}  # KEY_NUMERIC_0 and on
YEALINK_KEYS = {1 + n: str(n) for n in range(1, 10)} | {11: "0", KEY_KPASTERISK: "*"}


@dataclass(frozen=True, slots=True)
class Lamps:
    """What the telephone shall show and sound."""

    ring: bool = False
    off_hook: bool = False
    mute: bool = False
    message: bool = False


class HidKeys:
    """A telephone that speaks HID telephony, as its report descriptor says."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._on: dict[int, bool] = {}
        self._toggles = {
            usage for part in layout.inputs if part.is_relative for usage in part.usages
        }
        self._lifted = False

    @staticmethod
    def fits(layout: Layout) -> bool:
        """It has a hook switch: a telephone, and no headset button or keyboard."""
        return HOOK in layout.usages()

    def decode(self, report: bytes) -> list[Move]:
        """The moves in one report; a report that makes no sense is none."""
        try:
            _, states = self._layout.active(report)
        except MalformedError:
            return []
        moves: list[Move] = []
        for usage, on in states.items():
            if on == self._on.get(usage, False):
                continue
            self._on[usage] = on
            moves += self._moved(usage, on)
        return sorted(moves, key=lambda move: move[0] != "hook")  # keys need a lifted handset

    def encode(self, lamps: Lamps) -> list[bytes]:
        """The reports that make it look and sound so."""
        wishes = {
            LED_RING: lamps.ring,
            RINGER: lamps.ring,
            LED_OFF_HOOK: lamps.off_hook,
            LED_MUTE: lamps.mute,
            LED_MESSAGE: lamps.message,
        }
        return self._layout.output_reports(frozenset(led for led, on in wishes.items() if on))

    def _moved(self, usage: int, on: bool) -> list[Move]:
        if usage == HOOK and usage not in self._toggles:
            return [("hook", on)]
        if not on:
            return []
        if usage == HOOK:
            self._lifted = not self._lifted
            return [("hook", self._lifted)]
        if usage in DIGITS:
            return [("key", DIGITS[usage])]
        return [("flash", True)] if usage == FLASH else [("mute", True)] if usage == MUTE else []


class EvdevKeys:
    """A telephone that Linux knows by a driver of its own: ENTER lifts, ESC hangs up."""

    def __init__(self, *, yealink: bool) -> None:
        self._yealink = yealink
        self._shift = False
        self._half = b""

    def decode(self, data: bytes) -> list[Move]:
        """The moves in some input events."""
        data = self._half + data
        whole = len(data) - len(data) % INPUT_EVENT.size
        self._half = data[whole:]
        moves: list[Move] = []
        for _, _, kind, code, value in INPUT_EVENT.iter_unpack(data[:whole]):
            if kind == EV_KEY and code == KEY_LEFTSHIFT:
                self._shift = value != 0
            elif kind == EV_KEY and value == 1:  # 2 = repeats
                moves += self._pressed(code)
        return moves

    def encode(self, lamps: Lamps) -> list[bytes]:
        """The CM109 has a buzzer; a Yealink rings by its sysfs file instead."""
        return [INPUT_EVENT.pack(0, 0, EV_SND, SND_BELL, int(lamps.ring))]

    def _pressed(self, code: int) -> list[Move]:
        if code in (KEY_ENTER, KEY_ESC):
            return [("hook", code == KEY_ENTER)]
        if self._yealink and self._shift:
            return [("key", "#")] if code == KEY_3 else []
        keys = YEALINK_KEYS if self._yealink else CM109_KEYS
        return [("key", keys[code])] if code in keys else []
