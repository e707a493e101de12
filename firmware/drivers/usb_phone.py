"""USB phone: hook, keys and lamps of a telephone on USB, opened again whenever it is plugged in.

Knows moves and lamps, no report: `open_device` finds the telephone and says how its bytes read. A
telephone that is unplugged for longer than ABSENT_MAX_S counts as hung up.
Units: `_s` seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from firmware.drivers.attendant import Attendant, OnFact
from firmware.drivers.cadence import Cadence
from firmware.drivers.chips import Stream
from firmware.drivers.flood import Flood
from firmware.drivers.phone_keys import Lamps, Move
from firmware.events import (
    Fact,
    HookFlashed,
    HookLifted,
    HookReplaced,
    KeyPressed,
    MicrophoneMuted,
)
from firmware.model import Part

IDLE_WAIT_S = 5.0
LAMP_WAIT_S = 0.05


class Keys(Protocol):
    """How the bytes of one telephone read: phone_keys.HidKeys or EvdevKeys."""

    def decode(self, data: bytes) -> list[Move]:
        """The moves in what was read."""

    def encode(self, lamps: Lamps) -> list[bytes]:
        """What to write, one report or event each."""


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A telephone that was found."""

    stream: Stream
    keys: Keys
    initial: tuple[bytes, ...] = ()  # its input reports as they are now, where it tells them
    ring: Callable[[bool], None] | None = None  # for one that rings otherwise


class UsbPhone:
    """The methods of `telephone.Telephone`; a thread owns the device."""

    def __init__(self, open_device: Callable[[], UsbDevice], cadence_s: tuple[float, ...]) -> None:
        self._open_device = open_device
        self._cadence = Cadence(cadence_s)
        self._lamps = Lamps()
        self._shown: Lamps | None = None
        self._lifted = False  # as told
        self._contact = False  # as it is
        self._stream: Stream | None = None
        self._flood = Flood(Part.USB_PHONE)
        self._attendant = Attendant(Part.USB_PHONE, self._serve, self._absent)

    def open(self, on_fact: OnFact) -> None:
        """Start the thread."""
        self._attendant.open(on_fact)

    def ring(self, *, on: bool) -> None:
        """Its ring lamp, in the cadence; most telephones sound while it shines."""
        if on:
            self._cadence.start(time.monotonic())
        else:
            self._cadence.stop()
        self._wake()

    def light(self, *, on: bool) -> None:
        """Its message lamp."""
        self._lamps = replace(self._lamps, message=on)
        self._wake()

    def in_use(self, *, on: bool) -> None:
        """Its off-hook lamp; headsets open their microphone by it."""
        self._lamps = replace(self._lamps, off_hook=on)
        self._wake()

    def close(self) -> None:
        """Dark and silent."""
        self._cadence.stop()
        self._attendant.close()
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released."""
        return self._attendant.join(timeout_s)

    def _wake(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.wake()

    def _serve(self) -> None:
        device = self._open_device()
        stream = self._stream = device.stream
        try:
            self._shown = None
            for report in device.initial:
                self._tell(device.keys.decode(report))
            while not self._attendant.closing.is_set():
                self._show(device)
                self._attendant.works()
                in_short = self._cadence.active or self._contact != self._lifted
                data = stream.read(LAMP_WAIT_S if in_short else IDLE_WAIT_S)
                self._tell(device.keys.decode(data) if data else [])
                self._attendant.report(self._flood.judge(time.monotonic()))
            self._lamps = Lamps()
            self._show(device)
        finally:
            self._stream = None
            stream.close()

    def _show(self, device: UsbDevice) -> None:
        lamps = replace(self._lamps, ring=self._cadence.is_loud(time.monotonic()))
        if lamps == self._shown:
            return
        if device.ring is not None and lamps.ring != (self._shown or Lamps()).ring:
            device.ring(lamps.ring)
        for report in device.keys.encode(lamps):
            device.stream.write(report)
        self._shown = lamps

    def _tell(self, moves: list[Move]) -> None:
        """A flood is thinned out; where the hook ended is told all the same, a little later."""
        for kind, value in moves:
            if kind == "hook":
                self._contact = bool(value)
            elif self._flood.allows(time.monotonic()):
                self._attendant.report(self._fact(kind, value))
            self._settle()
        self._settle()

    def _settle(self) -> None:
        if self._contact != self._lifted and self._flood.allows(time.monotonic()):
            self._attendant.report(self._hook(self._contact))

    def _fact(self, kind: str, value: bool | str) -> Fact | None:
        match kind:
            case "key":
                return KeyPressed(str(value))
            case "flash" if self._lifted:
                return HookFlashed()
            case "mute" if self._lifted:
                self._lamps = replace(self._lamps, mute=not self._lamps.mute)
                return MicrophoneMuted(self._lamps.mute)
        return None

    def _hook(self, lifted: bool) -> Fact | None:
        if lifted == self._lifted:
            return None
        self._lifted = self._contact = lifted
        self._lamps = replace(self._lamps, off_hook=lifted, mute=False)
        return HookLifted() if lifted else HookReplaced()

    def _absent(self) -> None:
        """Gone for too long: nobody is left who could hang up."""
        self._attendant.report(self._hook(lifted=False))
