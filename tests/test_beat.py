"""The beat of the sound: who gets which frame in which turn, on a clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
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
        self.readings = 0  # of the socket, before a turn
        self.after_datagrams: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], object]) -> HandLoop:
        self.timer = when, callback
        return self

    def cancel(self) -> None:
        self.timer = None

    def beat(self, step: Step, *, reads: bool) -> None:
        self.turns += 1
        self.readings += reads
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
        self.wanted: list[float] = []  # in which turns
        self.due: list[float] = []  # and for when
        self.is_missing = False
        self.is_ready = True
        self.clock = Clock(self.loop.time, self._never)
        self.microphone = Microphone(self._capture, _nothing, _ignored)
        self.earpiece = Earpiece(lambda: SimPlayback(None, self.clock), _nothing, _ignored)
        self.sound = Beat(
            self.loop,
            self.loop,
            self.microphone,
            self.earpiece,
            self._take,
            self._give,
            lambda: self.is_ready,
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

    def _give(self, due_s: float, delay_s: float) -> Frame:
        self.wanted.append(self.loop.now_s)
        self.due.append(due_s)
        if len(self.due) > 1:  # before the first frame nothing is known of the card
            assert delay_s == pytest.approx(due_s - self.loop.now_s + FRAME_S)
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


def test_frames_of_the_earpiece_are_due_every_20_ms_whenever_it_gets_them() -> None:
    stage = Stage()
    stage.open(stage.earpiece)
    stage.loop.run(0.5)
    stage.loop.now_s += 0.007
    stage.open(stage.microphone)
    for _ in range(100):
        stage.loop.run(FRAME_S, LATE_S)
    apart_s = np.diff(stage.due[30:])
    assert apart_s == pytest.approx(FRAME_S, abs=1e-6)
    stage.close()


@pytest.mark.parametrize("apart_s", [0.001, 0.006, 0.012, 0.019])
def test_frame_that_is_not_there_yet_goes_to_the_earpiece_when_its_packet_comes(
    apart_s: float,
) -> None:
    stage = Stage()
    stage.open(stage.earpiece)
    stage.loop.run(0.5)
    stage.loop.now_s += apart_s
    stage.open(stage.microphone)
    stage.loop.run(0.2)
    stage.is_ready = False
    for _ in range(50):
        came_s = stage.due[-1] + FRAME_S - 0.005  # 5 ms before the next frame is due
        stage.loop.run(came_s - stage.loop.now_s)
        stage.loop.now_s = came_s
        frames, turns = len(stage.wanted), stage.loop.turns
        stage.is_ready = True
        assert stage.loop.after_datagrams is not None
        stage.loop.after_datagrams()
        stage.is_ready = False
        assert len(stage.wanted) == frames + 1 and stage.wanted[-1] == came_s
        assert stage.loop.turns == turns
    assert stage.loop.turns <= 0.2 / FRAME_S + 0.5 / FRAME_S + 52 + 2  # of the microphone alone
    assert stage.earpiece.underruns == 0
    stage.close()


def test_frame_whose_packet_does_not_come_is_made_up_in_time() -> None:
    stage = Stage()
    stage.open(stage.earpiece)
    stage.loop.run(0.1)
    readings, turns = stage.loop.readings, stage.loop.turns
    stage.is_ready = False
    stage.loop.run(1.0, LATE_S)
    late_s = np.array(stage.wanted) - np.array(stage.due)
    assert late_s[10:].min() > 0 and late_s.max() < FRAME_S / 2  # not before it is due
    assert stage.earpiece.underruns == 0
    assert stage.loop.readings - readings == stage.loop.turns - turns  # its packet may be there
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
