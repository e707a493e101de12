"""The beat of the sound: who gets which frame in which turn, on a clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.beat import Beat
from firmware.core import Message
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.sim.pcm import Clock, SimCapture, SimPlayback
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import FRAME_S, Frame, silence
from firmware.shell.shell import Step

LATE_S = 0.001


class HandLoop:
    """An event loop of one timer, and the shell on it."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.timer: tuple[float, Callable[[], object]] | None = None
        self.sent: list[Message] = []
        self.turns = 0

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], object]) -> HandLoop:
        self.timer = when, callback
        return self

    def cancel(self) -> None:
        self.timer = None

    def beat(self, step: Step) -> None:
        self.turns += 1
        self.sent += step(self.now_s)

    def run(self, duration_s: float, late_s: float = 0.0) -> None:
        """Each timer `late_s` late."""
        end_s = self.now_s + duration_s
        while self.timer is not None and self.timer[0] + late_s <= end_s:
            (when, callback), self.timer = self.timer, None
            self.now_s = max(self.now_s, when + late_s)
            callback()


class Stage:
    """Simulated cards that keep exact time, and a beat that waits for both."""

    def __init__(self) -> None:
        self.loop = HandLoop()
        self.spoken: list[float] = []
        self.wanted: list[float] = []
        self.is_missing = False
        self.clock = Clock(self.loop.time, self._never)
        self.microphone = Microphone(self._capture, _nothing, _ignored)
        self.earpiece = Earpiece(lambda: SimPlayback(None, self.clock), _nothing, _ignored)
        self.sound = Beat(
            self.loop, self.loop, self.microphone, self.earpiece, self._take, self._give
        )

    def open(self, *streams: Microphone | Earpiece) -> None:
        for stream in streams:
            stream.open()
            while stream.wait_s(self.loop.now_s) is None:
                pass  # its thread opens it
        self.sound.quicken()

    def close(self) -> None:
        for stream in (self.microphone, self.earpiece):
            stream.close()
            assert stream.join(5.0)

    def _capture(self) -> SimCapture:
        if self.is_missing:
            raise HardwareError("no such device")
        return SimCapture(b"", self.clock)

    def _take(self, _frame: Frame, now_s: float) -> list[Message]:
        self.spoken.append(now_s)
        return []

    def _give(self, now_s: float, _delay_s: float) -> Frame:
        self.wanted.append(now_s)
        return silence() + 3000

    def _never(self, duration_s: float) -> None:
        raise AssertionError(f"nobody may wait, not even {duration_s} s")


def _nothing() -> None:
    """The test looks itself."""


def _ignored(_fact: Fact) -> None:
    """Nothing of it matters here."""


def test_beat_of_the_earpiece_alone_comes_every_20_ms() -> None:
    stage = Stage()
    stage.open(stage.earpiece)
    stage.loop.run(2.0, LATE_S)
    assert len(stage.wanted) == pytest.approx(2.0 / FRAME_S, abs=2)
    assert stage.loop.turns <= len(stage.wanted) + 1
    assert stage.earpiece.underruns == 0
    stage.close()


@pytest.mark.parametrize("apart_s", [0.0, 0.003, 0.009, 0.013, 0.0199])
def test_beat_serves_microphone_and_earpiece_in_one_turn(apart_s: float) -> None:
    stage = Stage()
    stage.open(stage.earpiece)
    stage.loop.run(0.5 + apart_s)
    stage.loop.now_s += apart_s
    stage.open(stage.microphone)
    stage.loop.run(0.2, LATE_S)
    before = stage.loop.turns
    stage.loop.run(2.0, LATE_S)
    assert stage.loop.turns - before <= 2.0 / FRAME_S + 1
    assert len(stage.spoken) == pytest.approx(2.2 / FRAME_S, abs=2)
    assert set(stage.wanted[-90:]) == set(stage.spoken[-90:])
    assert stage.earpiece.underruns == stage.microphone.overruns == 0
    stage.close()


def test_beat_that_comes_late_makes_up_for_it_and_loses_nothing() -> None:
    stage = Stage()
    stage.open(stage.earpiece, stage.microphone)
    stage.loop.run(0.5)
    spoken = len(stage.spoken)
    stage.loop.now_s += 3 * FRAME_S
    stage.loop.run(0.5)
    assert len(stage.spoken) - spoken == pytest.approx(0.56 / FRAME_S, abs=2)
    assert stage.microphone.overruns == 0 and stage.earpiece.underruns == 1
    stage.close()


def test_beat_goes_on_with_silence_where_there_is_no_microphone() -> None:
    stage = Stage()
    stage.is_missing = True
    stage.open(stage.earpiece, stage.microphone)
    stage.loop.run(1.0)
    assert len(stage.spoken) == pytest.approx(1.0 / FRAME_S, abs=2)
    stage.close()


def test_beat_ends_when_all_is_closed() -> None:
    stage = Stage()
    stage.open(stage.earpiece, stage.microphone)
    stage.loop.run(0.1)
    stage.close()
    stage.loop.run(1.0)
    assert stage.loop.timer is None
