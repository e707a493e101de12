"""The telephone on the GPIO header: hook, keypad, dial, bell, lamp and shutdown key in one thread.

While nothing moves the thread sleeps until an edge wakes it, and looks all the same every
LOOK_S, because edges get lost; while something moves it samples every SAMPLE_S. A key is looked at
in the thread of the edge as well: on a busy machine this one can come after its release.
Units: `_s` seconds.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass

from firmware.drivers.attendant import OnFact
from firmware.drivers.chips import Gpio
from firmware.drivers.dial import RotaryDial
from firmware.drivers.flood import Flood
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.lamp import Lamp
from firmware.drivers.ringer import Ringer
from firmware.drivers.shutdown import ShutdownKey
from firmware.errors import HardwareError
from firmware.events import Fact, KeyPressed
from firmware.model import Part

logger = logging.getLogger(__name__)

SAMPLE_S = 0.003  # three samples fit into the shortest debounce time
LOOK_S = 0.25  # without an edge: for those that got lost, and wires that are cut or mended
SETTLE_S = 1.0  # after the last movement: contacts bounce again while a hand rests on them


@dataclass(frozen=True, slots=True)
class Parts:
    """What is soldered; None = not there."""

    hook: Hook | None = None
    keypad: Keypad | None = None
    dial: RotaryDial | None = None
    ringer: Ringer | None = None
    lamp: Lamp | None = None
    shutdown: ShutdownKey | None = None


class Contacts:
    """The methods of `telephone.Telephone`; one thread touches the pins."""

    def __init__(self, gpio: Gpio, parts: Parts) -> None:
        self.parts = parts
        self.samples = 0
        self._gpio = gpio
        self._flood = Flood(Part.KEYPAD)
        self._edge, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, on_fact: OnFact) -> None:
        """Start the thread."""
        assert self._thread is None, "opened once"
        self._thread = threading.Thread(
            target=self._run, args=(on_fact,), name="contacts", daemon=True
        )
        self._thread.start()

    def ring(self, *, on: bool) -> None:
        """The buzzer, and the lamp with it."""
        if self.parts.ringer is not None:
            if on:
                self.parts.ringer.start(time.monotonic())
            else:
                self.parts.ringer.stop()
        if self.parts.lamp is not None:
            self.parts.lamp.ringing = on
        self._edge.set()

    def light(self, *, on: bool) -> None:
        """The lamp that says that somebody has called."""
        if self.parts.lamp is not None:
            self.parts.lamp.waiting = on
        self._edge.set()

    def in_use(self, *, on: bool) -> None:
        """Nothing here shows that."""

    def close(self) -> None:
        """Silence, dark, stop."""
        self._closing.set()
        self._edge.set()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until nobody touches the pins."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def sample(self, now_s: float) -> list[Fact]:
        """Look at every contact once, move bell and lamp; what happened."""
        self.samples += 1
        parts, facts = self.parts, list[Fact | None]()
        if parts.hook is not None:
            facts.append(parts.hook.sample(now_s))
        for keys in (parts.keypad, parts.dial):
            found = keys.sample(now_s) if keys is not None else []
            facts += [
                fact
                for fact in found
                if not isinstance(fact, KeyPressed) or self._flood.allows(now_s)
            ]
        facts.append(self._flood.judge(now_s))
        if parts.ringer is not None:
            facts.append(parts.ringer.sample(now_s))
        if parts.shutdown is not None:
            facts.append(parts.shutdown.sample(now_s))
        if parts.lamp is not None:
            parts.lamp.sample(now_s)
        return [fact for fact in facts if fact is not None]

    @property
    def quiet(self) -> bool:
        """Nothing moves: no debounce runs, no key is down, nothing rings."""
        parts = self.parts
        alive = (
            parts.hook, parts.keypad, parts.dial, parts.ringer, parts.lamp, parts.shutdown,
        )  # fmt: skip
        return all(part is None or part.quiet for part in alive)

    def _run(self, on_fact: OnFact) -> None:
        self._watch_edges()
        moved_s = time.monotonic()
        try:
            while not self._closing.is_set():
                self._edge.clear()
                now_s = time.monotonic()
                for fact in self.sample(now_s):
                    on_fact(fact)
                if not self.quiet or self._edge.is_set():
                    moved_s = now_s
                idle = now_s - moved_s > SETTLE_S
                if self._edge.wait(LOOK_S if idle else SAMPLE_S) and not idle:
                    self._closing.wait(SAMPLE_S)  # bouncing contacts must not set the pace
        finally:
            self._rest()

    def _watch_edges(self) -> None:
        for part in (self.parts.hook, self.parts.keypad, self.parts.dial, self.parts.shutdown):
            for pin in part.pins if part is not None else ():
                on_edge = self._keypad_edge if part is self.parts.keypad else self._edge.set
                try:
                    self._gpio.watch(pin, on_edge)
                except HardwareError as error:
                    logger.warning("pin %d is sampled only: %s", pin, error)

    def _keypad_edge(self) -> None:
        """In the thread that brings the edge: this one may be late, and the key up by then."""
        if self.parts.keypad is None or self.parts.keypad.edge(time.monotonic()):
            self._edge.set()

    def _rest(self) -> None:
        self.ring(on=False)
        self.light(on=False)
        now_s = time.monotonic()
        with contextlib.suppress(HardwareError):
            if self.parts.ringer is not None:
                self.parts.ringer.sample(now_s)
            if self.parts.lamp is not None:
                self.parts.lamp.sample(now_s)
