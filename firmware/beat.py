"""The beat of the sound: what microphone, line and earpiece want, in one turn of the event loop.

A turn costs more than what is done in it, so there are no more than needed: the microphone has one
for each frame, and the earpiece gets its next frame when the packet comes that holds it, or with
the microphone. It has a turn of its own only if nothing else comes in time; then the socket is read
before, as the packet may be in it. However early the earpiece gets a frame, what it gets is decided
for the moment at which the card needs it: neither turn nor packet sets the delay. Decides nothing
of the call.
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
EARLY_S = 0.016  # before it is due a frame may go to the earpiece
HURRY_S = 0.004  # an earpiece so far below what it should have does not wait for anybody
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

    after_datagrams: Callable[[], None] | None

    def beat(self, step: Step, *, reads: bool) -> None:
        """Do this now, in a turn of its own; `reads`: after what waits in the socket."""


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
        is_ready: Callable[[], bool],
    ) -> None:
        """`is_ready`: what `playout` gives before it is due would not be better later."""
        self._loop = loop
        self._shell = shell
        self._microphone, self._earpiece = microphone, earpiece
        self._capture, self._playout, self._is_ready = capture, playout, is_ready
        self._timer: Timer | None = None
        self._is_ears = False  # the timer is for the earpiece
        # the next frame of each, as far as is known; None while closed, or not yet open
        self._spoken_at_s: float | None = None
        self._needed_at_s: float | None = None
        self._goes_first = False
        shell.after_datagrams = self._packets_came

    def quicken(self) -> None:
        """Something was opened, or has come back: look at once."""
        if self._timer is not None:
            self._timer.cancel()
        self._beat()

    def _beat(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        self._look_at_ear(now_s)
        self._spoken_at_s = None
        is_dry = self._needed_at_s is not None and self._needed_at_s <= now_s
        self._shell.beat(self._step, reads=is_dry and not self._is_ready())
        if self._spoken_at_s is None:  # the step has yet to come, or there is no microphone
            self._look_at_microphone(self._loop.time())
        self._go_first(wanted=self._arm())

    def _packets_came(self) -> None:
        """The next frame for the earpiece may be among them."""
        if self._timer is None:
            return
        now_s = self._loop.time()
        self._look_at_ear(now_s)
        if self._feed(now_s) and self._is_ears:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> bool:
        """Be there for the next frame of either; False while everything is closed."""
        spoken_s, needed_s = self._spoken_at_s, self._needed_at_s
        if needed_s is not None and spoken_s is not None:
            needed_s += HURRY_S
        self._is_ears = needed_s is not None and (spoken_s is None or needed_s < spoken_s)
        next_s = needed_s if self._is_ears else spoken_s
        self._timer = None
        if next_s is not None:
            soonest_s = self._loop.time() + SHORTEST_S
            self._timer = self._loop.call_at(max(next_s, soonest_s), self._beat)
        return next_s is not None

    def _look_at_microphone(self, now_s: float) -> None:
        wait_s = self._microphone.wait_s(now_s)
        self._spoken_at_s = None if wait_s is None else now_s + wait_s

    def _look_at_ear(self, now_s: float) -> None:
        wait_s = self._earpiece.wait_s(now_s)
        self._needed_at_s = None if wait_s is None else now_s + wait_s

    def _feed(self, now_s: float) -> bool:
        """Give the earpiece what it wants and can have; False if that is nothing."""
        earpiece = self._earpiece
        for count in range(FRAMES_MAX):
            at_s = self._needed_at_s
            if at_s is None or at_s >= now_s + EARLY_S or (at_s > now_s and not self._is_ready()):
                return count > 0
            ahead_s = earpiece.ahead_s
            earpiece.play(self._playout(now_s + ahead_s, ahead_s + earpiece.delay_s), now_s)
            self._look_at_ear(now_s)
        return True

    def _step(self, now_s: float) -> list[Message]:
        self._feed(now_s)
        messages: list[Message] = []
        for _ in range(FRAMES_MAX):
            frame = self._microphone.hear(now_s)
            if frame is not None:
                messages += self._capture(frame, now_s)
            self._look_at_microphone(now_s)
            if frame is None or self._spoken_at_s is None or self._spoken_at_s > now_s:
                break
        return messages

    def _go_first(self, *, wanted: bool) -> None:
        if wanted is self._goes_first:
            return
        self._goes_first = wanted
        priority.take(priority.SOUND if wanted else priority.ORDINARY)
