"""How long a finger takes to become a fact, a picture and a tone; for bench.box.

Real drivers, shell and phone in this process, on simulated chips; a real MicroPython for the
adapter. Units: `_s` seconds, reports in milliseconds.
"""

from __future__ import annotations

import asyncio
import math
import os
import queue
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firmware import events
from firmware.beat import Beat
from firmware.drivers.adapter import Adapter
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.contacts import Contacts, Parts
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.oled import Oled
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.pi.stream import FdStream
from firmware.drivers.sim.gpio import SimGpio
from firmware.drivers.sim.hand import Hand
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.pcm import SimCapture, SimPlayback
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.events import Fact, HookLifted, HookReplaced, KeyPressed, Message
from firmware.handset import Handset
from firmware.model import Endpoint
from firmware.phone import Phone, PhoneSetup
from firmware.shell.shell import Shell
from tests.adapter.pico_process import SHK, Pico, lay_out

I2C_HZ = 400_000
BITS_PER_BYTE = 9  # with the acknowledge
LOUD = 500
WAIT_S = 5.0


class Glass(SimSsd1306):
    """A panel that knows when it was last written to, and how long the bus needed since."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_since = 0
        self.written = threading.Event()

    def write(self, data: bytes) -> None:
        super().write(data)
        self.bytes_since += 1 + len(data)
        if len(data) > 7:  # dots, no command
            self.written.set()


class Ear(SimPlayback):
    """A card that tells when the first loud sample will be heard."""

    def __init__(self, heard: Callable[[float], None]) -> None:
        super().__init__()
        self._heard, self._written = heard, 0
        self._told = False

    def write(self, data: bytes) -> int:
        result = super().write(data)
        samples = np.abs(np.frombuffer(data, "<i2").astype(int)) > LOUD
        if samples.any() and not self._told and self.opened_s is not None:
            self._told = True
            self._heard(self.opened_s + (self._written + int(samples.argmax())) / 16_000)
        self._written += len(samples)
        return result


def _ignore(_fact: events.Fact) -> None:
    """What the earpiece and the display report does not matter here."""


class PhoneBench:
    """One telephone without a network."""

    def __init__(self, setup: PhoneSetup) -> None:
        self._setup = setup
        self.gpio, self.bus, self.glass = SimGpio(), SimI2c(), Glass()
        self.bus.attach(0x3C, self.glass)
        handset = Handset()
        self.hand, pads = Hand(self.gpio, handset), handset.keypad
        hook = Hook(self.gpio, handset.hook.pin, handset.hook.debounce_s)
        keypad = Keypad(self.gpio, pads.rows, pads.columns, pads.keys, pads.debounce_s)
        self.contacts = Contacts(self.gpio, Parts(hook=hook, keypad=keypad))
        self.oled = Oled(lambda: Ssd1306Panel(self.bus, 128, 64))
        self.facts: queue.SimpleQueue[tuple[Fact, float]] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[float] = queue.SimpleQueue()

    async def run(self, rounds: int) -> dict[str, Any]:
        """Median and worst of each latency, in milliseconds."""
        self.loop = asyncio.get_running_loop()
        self.phone = Phone(self._setup, os.urandom)
        self.shell = Shell(self.phone, perform=self._perform)
        self.ear = Earpiece(lambda: Ear(self.heard.put), self._ready, _ignore)
        self.mouth = Microphone(SimCapture, self._ready, _ignore)
        self.beat = Beat(
            self.loop,
            self.shell,
            self.mouth,
            self.ear,
            self.phone.capture,
            self.phone.playout,
            lambda: self.phone.is_ready,
        )
        await self.shell.open(Endpoint("127.0.0.1", 0))
        running = asyncio.create_task(self.shell.run())
        self.contacts.open(self._fact)
        self.oled.open(_ignore)
        await asyncio.sleep(2.0)
        report = await asyncio.to_thread(self._measure, rounds)
        self.contacts.close()
        self.oled.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return report

    def _measure(self, rounds: int) -> dict[str, Any]:
        to_fact, to_glass, to_ear = [], [], []
        for number in range(rounds):
            self.hand.lift()
            began_s = time.monotonic()
            self._until(HookLifted())
            to_ear.append(self.heard.get(timeout=WAIT_S) - began_s)
            time.sleep(0.3 + number % 7 * 0.013)
            for key in "24":
                self._quiet()
                began_s = time.monotonic()
                self.hand.hold(key)
                to_fact.append(self._until(KeyPressed(key)) - began_s)
                assert self.glass.written.wait(WAIT_S)
                bus_s = self.glass.bytes_since * BITS_PER_BYTE / I2C_HZ
                to_glass.append(time.monotonic() - began_s + bus_s)
                self.hand.release(key)
                time.sleep(0.1 + number % 5 * 0.007)
            self.hand.replace()
            self._until(HookReplaced())
            time.sleep(0.4)
        return (
            spread("key_to_fact_ms", to_fact)
            | spread("key_to_shown_ms", to_glass)
            | spread("hook_to_dial_tone_ms", to_ear)
        )

    def _quiet(self) -> None:
        time.sleep(0.1)
        self.glass.bytes_since = 0
        self.glass.written.clear()

    def _until(self, wanted: Fact) -> float:
        while True:
            fact, at_s = self.facts.get(timeout=WAIT_S)
            if fact == wanted:
                return at_s

    def _fact(self, fact: Fact) -> None:
        self.facts.put((fact, time.monotonic()))
        self.loop.call_soon_threadsafe(self.shell.tell, fact)

    def _ready(self) -> None:
        self.loop.call_soon_threadsafe(self.beat.quicken)

    def _perform(self, message: Message) -> None:
        match message:
            case events.OpenEarpiece():
                self.ear.open()
            case events.CloseEarpiece():
                self.ear.close()
            case events.ShowPicture(picture=picture):
                self.oled.show(picture)


class AdapterBench:
    """The adapter's program in MicroPython behind a pty, with the host's driver."""

    def __init__(self, folder: Path) -> None:
        self._pico = Pico(lay_out(folder))
        self._facts: queue.SimpleQueue[tuple[Fact, float]] = queue.SimpleQueue()
        self._adapter = Adapter(self._open_line, Handset().keypad.keys, "", (1.0, 4.0), 25)

    def run(self, rounds: int) -> dict[str, Any]:
        """From the edge at the pin to the fact, debounce included, and without it."""
        self._pico.level(SHK, 0)
        self._adapter.open(lambda fact: self._facts.put((fact, time.monotonic())))
        time.sleep(1.0)
        found = []
        for number in range(rounds):
            began_s = time.monotonic()
            self._pico.level(SHK, 1)
            found.append(self._until(HookLifted()) - began_s)
            self._pico.level(SHK, 0)
            self._until(HookReplaced())
            time.sleep(0.05 + number % 7 * 0.003)
        self._adapter.close()
        self._adapter.join(WAIT_S)
        self._pico.close()
        return spread("adapter_edge_to_fact_ms", found)

    def _open_line(self) -> FdStream:
        return FdStream(os.dup(self._pico.line.ours), "serial line")

    def _until(self, wanted: Fact) -> float:
        while True:
            fact, at_s = self._facts.get(timeout=WAIT_S)
            if fact == wanted:
                return at_s


def spread(name: str, found_s: list[float]) -> dict[str, Any]:
    """Median, 99th percentile and worst."""
    ordered = sorted(value * 1000 for value in found_s)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return {
        name: {
            "median": round(statistics.median(ordered), 1),
            "p99": round(p99, 1),
            "worst": round(ordered[-1], 1),
            "rounds": len(ordered),
        }
    }
