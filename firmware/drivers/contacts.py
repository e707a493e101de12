"""The telephone on the GPIO header: hook, keypad, dial, bell, lamp and shutdown key in one thread.

While nothing moves the thread sleeps until an edge wakes it, and looks all the same every
LOOK_S, because edges get lost; while something moves it samples every SAMPLE_S. It runs before all
other threads. Where it is late all the same, it tells what the edges have shown of hook, keypad
and dial in the order in which it happened: who lifts and dials is never heard to dial and lift.
Units: `_s` seconds.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from firmware.drivers import priority
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

    def __init__(self, gpio: Gpio, parts: Parts, look_s: float = LOOK_S) -> None:
        self.parts = parts
        self.samples = 0
        self.resting = False  # the thread sleeps until an edge, or for `look_s`
        self._look_s = look_s
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
        moments_s = sorted(at_s for part in self._told_by_edges for at_s in part.moments_s)
        now_s = max([now_s, *moments_s])  # of a thread that was stopped since it asked for the time
        for at_s in moments_s:
            for part in self._told_by_edges:
                facts += self._thinned(part.replay(at_s), at_s)
        if parts.hook is not None:
            facts.append(parts.hook.sample(now_s))
        for keys in (parts.keypad, parts.dial):
            facts += self._thinned(keys.sample(now_s) if keys is not None else [], now_s)
        facts.append(self._flood.judge(now_s))
        if parts.ringer is not None:
            facts.append(parts.ringer.sample(now_s))
        if parts.shutdown is not None:
            facts.append(parts.shutdown.sample(now_s))
        if parts.lamp is not None:
            parts.lamp.sample(now_s)
        return [fact for fact in facts if fact is not None]

    @property
    def _told_by_edges(self) -> tuple[Hook | Keypad | RotaryDial, ...]:
        parts = (self.parts.hook, self.parts.keypad, self.parts.dial)
        return tuple(part for part in parts if part is not None)

    def _thinned(self, facts: list[Fact], now_s: float) -> list[Fact]:
        """Without the keys that are too many for a hand."""
        return [
            fact for fact in facts if not isinstance(fact, KeyPressed) or self._flood.allows(now_s)
        ]

    @property
    def quiet(self) -> bool:
        """Nothing moves: no debounce runs, no key is down, nothing rings."""
        parts = self.parts
        alive = (
            parts.hook, parts.keypad, parts.dial, parts.ringer, parts.lamp, parts.shutdown,
        )  # fmt: skip
        return all(part is None or part.quiet for part in alive)

    def _run(self, on_fact: OnFact) -> None:
        priority.take(priority.CONTACTS, inherited=True)  # by lgpio's thread that reads the edges
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
                self.resting = now_s - moved_s > SETTLE_S
                edge = self._edge.wait(self._look_s if self.resting else SAMPLE_S)
                if edge and not self.resting:
                    self._closing.wait(SAMPLE_S)  # bouncing contacts must not set the pace
        finally:
            self._rest()

    def _watch_edges(self) -> None:
        for part in self._told_by_edges:
            for pin in part.pins:
                self._watch(pin, partial(self._note, part))
        for pin in self.parts.shutdown.pins if self.parts.shutdown is not None else ():
            self._watch(pin, self._edge.set)

    def _watch(self, pin: int, on_edge: Callable[[], object]) -> None:
        try:
            self._gpio.watch(pin, on_edge)
        except HardwareError as error:
            logger.warning("pin %d is sampled only: %s", pin, error)

    def _note(self, part: Hook | Keypad | RotaryDial) -> None:
        """In the thread that brings the edge: this one may be late, and all over by then."""
        if part.edge(time.monotonic()):
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
