"""Microphone and earpiece: who has the beat, on PCMs and a clock that the test turns by hand."""

from __future__ import annotations

import queue
import threading
from typing import Generic, TypeVar

import numpy as np
import pytest

from firmware.beat import EARLY_S
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.chips import PERIOD_BYTES
from firmware.errors import HardwareError
from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Part

WAIT_S = 5.0  # for a thread that does not come
XRUN = -32  # EPIPE, as alsaaudio reports lost sound
DELAY_S = 0.010


class HandPcm:
    """A capture and playback PCM that never waits."""

    def __init__(self) -> None:
        self.opened_s: float | None = 7.0
        self.closed = threading.Event()
        self.heard: list[tuple[int, bytes]] = []
        self.written: list[bytes] = []
        self.queued = 0.0
        self.result = FRAME_SAMPLES
        self.margin_s = self.delay_s = DELAY_S
        self.is_unplugged = False

    def wait_s(self) -> float:
        return 0.0 if self.heard or self.is_unplugged else FRAME_S / 2

    def read(self) -> tuple[int, bytes]:
        self._check()
        return self.heard.pop(0)

    def queued_s(self) -> float:
        return self.queued

    def write(self, data: bytes) -> int:
        self._check()
        self.written.append(data)
        self.queued += len(data) / 2 / SAMPLE_RATE_HZ
        return self.result

    def close(self) -> None:
        self.closed.set()

    def _check(self) -> None:
        if self.is_unplugged:
            raise HardwareError("unplugged")


class Shelf:
    """Hands out PCMs, and keeps them for the test."""

    def __init__(self) -> None:
        self.opened: queue.SimpleQueue[HandPcm] = queue.SimpleQueue()
        self.missing = False

    def open(self) -> HandPcm:
        if self.missing:
            raise HardwareError("no such device")
        pcm = HandPcm()
        self.opened.put(pcm)
        return pcm


Stream = TypeVar("Stream", Microphone, Earpiece)


class Bench(Generic[Stream]):
    """A stream with what it says; `now_s` is turned by hand."""

    def __init__(self, kind: type[Stream]) -> None:
        self.shelf = Shelf()
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.now_s = 100.0
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.stream: Stream = kind(self.shelf.open, lambda: self._ready.put(None), self.facts.put)

    def ready(self) -> None:
        self._ready.get(timeout=WAIT_S)

    def start(self) -> HandPcm:
        self.stream.open()
        self.ready()
        return self.shelf.opened.get(timeout=WAIT_S)

    def again(self) -> HandPcm:
        """The PCM after one that failed; silence went on before."""
        while self.shelf.opened.empty():
            self.ready()
        return self.shelf.opened.get(timeout=WAIT_S)

    def end(self) -> None:
        self.stream.close()
        assert self.stream.join(WAIT_S)


def frame(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, dtype=np.int16)


def data(value: int) -> bytes:
    return frame(value).astype("<i2").tobytes()


def test_microphone_each_period_becomes_a_frame() -> None:
    bench = Bench(Microphone)
    pcm = bench.start()
    assert bench.stream.hear(bench.now_s) is None
    assert bench.stream.wait_s(bench.now_s) == FRAME_S / 2
    for value in (1, -32768, 32767):
        pcm.heard.append((FRAME_SAMPLES, data(value)))
        assert bench.stream.wait_s(bench.now_s) == 0.0
        np.testing.assert_array_equal(bench.stream.hear(bench.now_s), frame(value))
    assert (bench.stream.frames, bench.stream.opened_s) == (3, 7.0)
    bench.end()
    assert pcm.closed.is_set()
    assert bench.facts.empty()


def test_microphone_overrun_is_counted_and_its_sound_still_used() -> None:
    bench = Bench(Microphone)
    bench.start().heard.extend([(XRUN, b""), (XRUN, data(5))])
    assert bench.stream.hear(bench.now_s) is None
    np.testing.assert_array_equal(bench.stream.hear(bench.now_s), frame(5))
    assert bench.stream.overruns == 2
    bench.end()


def test_microphone_closed_has_nothing_to_wait_for_and_nothing_to_hear() -> None:
    bench = Bench(Microphone)
    assert bench.stream.wait_s(bench.now_s) is None
    bench.start().heard.append((FRAME_SAMPLES, data(1)))
    bench.stream.close()
    assert bench.stream.wait_s(bench.now_s) is None and bench.stream.hear(bench.now_s) is None
    bench.end()


def test_microphone_close_and_open_many_times_ends_each_stream_before_the_next() -> None:
    bench = Bench(Microphone)
    following = bench.start()
    for _ in range(100):
        pcm = following
        assert not pcm.closed.is_set() and bench.shelf.opened.empty()
        bench.stream.open()
        bench.stream.close()
        bench.stream.close()
        following = bench.start()
        assert pcm.closed.is_set()
    bench.end()


def test_microphone_pulled_off_is_reported_once_and_opened_again() -> None:
    bench = Bench(Microphone)
    first = bench.start()
    bench.shelf.missing = first.is_unplugged = True
    assert bench.stream.hear(bench.now_s) is None
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.MICROPHONE, "unplugged")
    bench.ready()
    assert first.closed.is_set()
    bench.shelf.missing = False
    second = bench.again()
    second.heard.append((FRAME_SAMPLES, data(9)))
    np.testing.assert_array_equal(bench.stream.hear(bench.now_s), frame(9))
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.MICROPHONE)
    bench.end()
    assert bench.facts.empty()


def test_microphone_that_is_missing_is_silent_at_the_pace_of_sound() -> None:
    bench = Bench(Microphone)
    bench.shelf.missing = True
    bench.stream.open()
    bench.ready()
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.MICROPHONE, "no such device")
    for _ in range(5):
        assert bench.stream.wait_s(bench.now_s) == 0.0
        np.testing.assert_array_equal(bench.stream.hear(bench.now_s), frame(0))
        assert bench.stream.hear(bench.now_s) is None
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(FRAME_S, abs=1e-4)
        bench.now_s += FRAME_S + 1e-6
    bench.end()  # while it waits to try again


def test_microphone_of_another_period_is_a_failure() -> None:
    bench = Bench(Microphone)
    bench.start().heard.append((100, bytes(200)))
    assert bench.stream.hear(bench.now_s) is None
    failed = bench.facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and str(PERIOD_BYTES) in failed.reason
    bench.end()


def test_earpiece_begins_with_the_silence_it_should_have_and_plays_in_order() -> None:
    bench = Bench(Earpiece)
    pcm = bench.start()
    for value in range(1, 6):
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(0.0)
        bench.stream.play(frame(1000 * value), bench.now_s)
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(FRAME_S)
        pcm.queued -= FRAME_S
    silence = bytes(2 * round(DELAY_S * SAMPLE_RATE_HZ))
    assert pcm.written == [silence, *(data(1000 * value) for value in range(1, 6))]
    assert (bench.stream.frames, bench.stream.underruns, bench.stream.opened_s) == (5, 0, 7.0)
    assert bench.stream.delay_s == DELAY_S
    bench.end()


def test_earpiece_knows_how_early_or_late_a_frame_is() -> None:
    bench = Bench(Earpiece)
    pcm = bench.start()
    assert (bench.stream.wait_s(bench.now_s), bench.stream.ahead_s) == (0.0, 0.0)
    bench.stream.play(frame(1), bench.now_s)
    for queued_s, ahead_s in ((DELAY_S + 0.015, 0.015), (DELAY_S - 0.004, -0.004)):
        pcm.queued = queued_s
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(max(ahead_s, 0.0))
        assert bench.stream.ahead_s == pytest.approx(ahead_s)
    bench.end()


def test_earpiece_takes_a_frame_of_any_length() -> None:
    bench = Bench(Earpiece)
    pcm = bench.start()
    bench.stream.play(frame(1), bench.now_s)
    for samples in (250, 512):
        pcm.queued = DELAY_S
        bench.stream.play(np.full(samples, 7, dtype=np.int16), bench.now_s)
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(samples / SAMPLE_RATE_HZ)
        assert len(pcm.written[-1]) == 2 * samples
    bench.end()


def test_earpiece_card_that_ran_dry_is_counted_and_filled_again() -> None:
    bench = Bench(Earpiece)
    pcm = bench.start()
    bench.stream.play(frame(1), bench.now_s)
    pcm.queued, pcm.result = 0.0, XRUN
    frames = 0
    while (bench.stream.wait_s(bench.now_s) or 0.0) < EARLY_S:
        bench.stream.play(frame(1), bench.now_s)
        pcm.result = FRAME_SAMPLES
        frames += 1
    assert (frames, bench.stream.underruns) == (2, 1)
    bench.end()


def test_earpiece_opened_again_plays_nothing_of_the_last_call() -> None:
    bench = Bench(Earpiece)
    bench.start()
    bench.stream.play(frame(1), bench.now_s)
    bench.stream.close()
    bench.stream.play(frame(2), bench.now_s)
    assert bench.start().written == []
    bench.end()


def test_earpiece_pulled_off_is_reported_once_and_opened_again() -> None:
    bench = Bench(Earpiece)
    pcm = bench.start()
    bench.stream.play(frame(1), bench.now_s)
    bench.shelf.missing = pcm.is_unplugged = True
    bench.stream.play(frame(2), bench.now_s)
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.EARPIECE, "unplugged")
    bench.ready()
    for _ in range(3):  # speech goes on meanwhile, unheard
        assert bench.stream.wait_s(bench.now_s) == 0.0
        bench.stream.play(frame(3), bench.now_s)
        assert bench.stream.wait_s(bench.now_s) == pytest.approx(FRAME_S, abs=1e-4)
        bench.now_s += FRAME_S + 1e-6
    bench.shelf.missing = False
    following = bench.again()
    bench.stream.play(frame(4), bench.now_s)
    assert following.written[1:] == [data(4)]
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.EARPIECE)
    bench.end()
    assert bench.facts.empty()
