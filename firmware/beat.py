"""The beat of the sound: what microphone, line and earpiece want, in one turn of the event loop.

A turn costs more than what is done in it, so the microphone sets the pace: whenever it has a frame,
what has come by the socket is read, the earpiece gets its next frame, and the microphone's goes on
its way. Only an earpiece without a microphone, or one that would run dry before, has turns of its
own. Decides nothing of the call.
Units: `_s` monotonic seconds, the clock of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.core import Message
from firmware.drivers import priority
from firmware.drivers.audio import Earpiece, Microphone
from firmware.model import Frame
from firmware.shell.shell import Step

FRAMES_MAX = 4  # each way in one turn: what was kept waiting longer than that is lost anyway
HURRY_S = 0.004  # an earpiece so far below what it should have does not wait for the microphone
SHORTEST_S = 0.001  # between two beats, whatever a card says

Capture = Callable[[Frame, float], list[Message]]
Playout = Callable[[float, float], Frame]


class Timer(Protocol):
    """What an event loop gives for a callback to come."""

    def cancel(self) -> object:
        """It does not come."""


class Timers(Protocol):
    """What we need of an event loop."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call it then, once."""


class Turns(Protocol):
    """What we need of the shell."""

    def beat(self, step: Step) -> None:
        """Do this now, in a turn of its own."""


class Beat:
    """Runs while microphone or earpiece is open; inside the event loop."""

    def __init__(
        self,
        loop: Timers,
        shell: Turns,
        microphone: Microphone,
        earpiece: Earpiece,
        capture: Capture,
        playout: Playout,
    ) -> None:
        self._loop = loop
        self._shell = shell
        self._microphone, self._earpiece = microphone, earpiece
        self._capture, self._playout = capture, playout
        self._timer: Timer | None = None
        self._goes_first = False

    def quicken(self) -> None:
        """Something was opened, or has come back: look at once."""
        if self._timer is not None:
            self._timer.cancel()
        self._beat()

    def _beat(self) -> None:
        self._timer = None
        self._shell.beat(self._step)
        now_s = self._loop.time()
        wait_s = self._wait_s(now_s)
        self._go_first(wanted=wait_s is not None)
        if wait_s is not None:
            self._timer = self._loop.call_at(now_s + max(wait_s, SHORTEST_S), self._beat)

    def _step(self, now_s: float) -> list[Message]:
        for _ in range(FRAMES_MAX):
            if not self._earpiece.wants(now_s):
                break
            self._earpiece.play(self._playout(now_s, self._earpiece.delay_s), now_s)
        messages: list[Message] = []
        for _ in range(FRAMES_MAX):
            frame = self._microphone.hear(now_s)
            if frame is None:
                break
            messages += self._capture(frame, now_s)
        return messages

    def _wait_s(self, now_s: float) -> float | None:
        """Until the next beat; None while everything is closed."""
        spoken_s, needed_s = self._microphone.wait_s(now_s), self._earpiece.wait_s(now_s)
        if spoken_s is None or needed_s is None:
            return needed_s if spoken_s is None else spoken_s
        return min(spoken_s, needed_s + HURRY_S)

    def _go_first(self, *, wanted: bool) -> None:
        if wanted is self._goes_first:
            return
        self._goes_first = wanted
        priority.take(priority.SOUND if wanted else priority.ORDINARY)
