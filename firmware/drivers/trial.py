"""Trial of a telephone that knows its own contacts, a USB phone or one behind the adapter.

Knows no terminal and no port: a Person does what it is told, the driver tells what it hears of it.
Units: `_s` seconds.
"""

from __future__ import annotations

import queue
import time

from firmware.drivers.telephone import Telephone
from firmware.drivers.wiring import KEY_WAIT_S, Person
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookFlashed,
    HookLifted,
    HookReplaced,
    KeyPressed,
)

KEYS = "123456789*0#"
DEAD_MAX = 3  # in a row: then no more are asked for


def said(fact: Fact) -> str:
    """What the driver heard, in words."""
    match fact:
        case HookLifted():
            return "hook: lifted"
        case HookReplaced():
            return "hook: replaced"
        case HookFlashed():
            return "hook: flashed"
        case KeyPressed(key=key):
            return f"key: {key}"
        case HardwareFailed(part=part, reason=reason):
            return f"{part}: {reason}"
        case HardwareRecovered(part=part):
            return f"{part}: works"
        case _:
            return type(fact).__name__


class Trial:
    """One round: hook, keys, bell."""

    def __init__(self, telephone: Telephone, person: Person, wait_s: float = KEY_WAIT_S) -> None:
        self._telephone, self._person, self._wait_s = telephone, person, wait_s
        self._heard: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self._failure = ""

    def run(self) -> list[str]:
        """What is wrong; empty = nothing. Opens the telephone and closes it."""
        self._telephone.open(self._heard.put)
        try:
            faults = self._hook()
            faults += [] if self._failure else self._keys()
            faults += [] if self._failure else self._hung_up()
            faults += [] if self._failure else self._bell()
        finally:
            self._telephone.close()
            self._telephone.join(timeout_s=2.0)
        return [self._failure] if self._failure else faults

    def _hook(self) -> list[str]:
        self._person.do("replace")
        hook = self._latest_hook()
        self._person.do("lift")
        if isinstance(hook, HookLifted):
            inverted = isinstance(self._wait(HookReplaced), HookReplaced)
            return ["hook: inverted" if inverted else "hook: always lifted: a short"]
        return [] if self._wait(HookLifted) else ["hook: nothing is told when you lift"]

    def _keys(self) -> list[str]:
        faults: list[str] = []
        dead = ""
        for key in KEYS:
            self._person.do("hold", key)
            fact = self._wait(KeyPressed)
            self._person.do("release", key)
            if self._failure:
                return []
            if not isinstance(fact, KeyPressed):
                dead += key
                faults.append(f"keypad: key {key} is dead")
            elif fact.key != key:
                faults.append(f"keypad: key {key} is told as {fact.key}")
            if len(dead) == DEAD_MAX and KEYS.startswith(dead):
                return ["keypad: no key is told"]
        return faults

    def _hung_up(self) -> list[str]:
        self._person.do("replace")
        return [] if self._wait(HookReplaced) else ["hook: nothing is told when you hang up"]

    def _bell(self) -> list[str]:
        self._telephone.ring(on=True)
        rings = self._person.sees("Does it ring now?")
        self._telephone.ring(on=False)
        return [] if rings else ["bell: no ring"]

    def _latest_hook(self) -> Fact | None:
        """What is told within a moment of how the hook is."""
        latest = None
        end_s = time.monotonic() + min(1.0, self._wait_s)
        while (fact := self._next(end_s)) is not None:
            if isinstance(fact, HookLifted | HookReplaced):
                latest = fact
        return latest

    def _wait(self, wanted: type[Fact]) -> Fact | None:
        """The next fact of that kind; None if it does not come, or the device has failed."""
        end_s = time.monotonic() + self._wait_s
        while (fact := self._next(end_s)) is not None:
            if isinstance(fact, wanted):
                self._failure = ""
                return fact
        return None

    def _next(self, end_s: float) -> Fact | None:
        try:
            fact = self._heard.get(timeout=max(0.0, end_s - time.monotonic()))
        except queue.Empty:
            return None
        self._person.say(f"  {said(fact)}")
        if isinstance(fact, HardwareFailed):
            self._failure = said(fact)
        elif isinstance(fact, HardwareRecovered):
            self._failure = ""
        return fact
