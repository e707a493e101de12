"""Microphone and earpiece: their threads, on PCMs that the test turns by hand."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import numpy as np

from firmware.drivers.audio import QUEUE_MAX, SILENCE, Earpiece, Microphone
from firmware.drivers.chips import PERIOD_BYTES, PLAYBACK_PERIODS
from firmware.errors import HardwareError
from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import FRAME_SAMPLES, Frame, Part

WAIT_S = 5.0  # for a thread that does not come
XRUN = -32  # EPIPE, as alsaaudio reports lost sound


class HandPcm:
    """A capture and playback PCM; each read or write waits until the test allows it."""

    def __init__(self) -> None:
        self.opened_s: float | None = 7.0
        self.closed = threading.Event()
        self.heard: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self.written: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.room = threading.Semaphore(0)
        self.result = FRAME_SAMPLES
        self.delay_s = 0.04

    def read(self) -> tuple[int, bytes]:
        period = self.heard.get(timeout=WAIT_S)
        if period is None:
            raise HardwareError("unplugged")
        return period

    def write(self, data: bytes) -> int:
        self.written.put(data)
        assert self.room.acquire(timeout=WAIT_S)
        if self.closed.is_set():
            raise HardwareError("unplugged")
        return self.result

    def close(self) -> None:
        self.closed.set()


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

    def next(self) -> HandPcm:
        return self.opened.get(timeout=WAIT_S)


def frame(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, dtype=np.int16)


def data(value: int) -> bytes:
    return frame(value).astype("<i2").tobytes()


class MicrophoneBench:
    """A microphone with what it says."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.microphone = Microphone(self.shelf.open, self.frames.put, self.facts.put)

    def end(self, pcm: HandPcm) -> None:
        self.microphone.close()
        pcm.heard.put((FRAME_SAMPLES, data(0)))
        assert self.microphone.join(WAIT_S)


class EarpieceBench:
    """An earpiece that is fed by `feed`, by default with frames 1, 2, 3, ..."""

    def __init__(self, feed: Callable[[], None] | None = None, starved_s: float = WAIT_S) -> None:
        self.shelf = Shelf()
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.asked = 0
        self._feed = feed
        self.earpiece = Earpiece(self.shelf.open, self._need, self.facts.put, starved_s)

    def start(self) -> HandPcm:
        """Open, and let the silence of the beginning through."""
        self.earpiece.open()
        pcm = self.shelf.next()
        for _ in range(PLAYBACK_PERIODS):
            assert pcm.written.get(timeout=WAIT_S) == SILENCE
            pcm.room.release()
        return pcm

    def end(self, pcm: HandPcm) -> None:
        self.earpiece.close()
        pcm.room.release()
        assert self.earpiece.join(WAIT_S)

    def _need(self) -> None:
        self.asked += 1
        if self._feed is None:
            self.earpiece.push(frame(self.asked))
        else:
            self._feed()


def test_microphone_each_period_becomes_a_frame() -> None:
    bench = MicrophoneBench()
    bench.microphone.open()
    pcm = bench.shelf.next()
    for value in (1, -32768, 32767):
        pcm.heard.put((FRAME_SAMPLES, data(value)))
        np.testing.assert_array_equal(bench.frames.get(timeout=WAIT_S), frame(value))
    assert (bench.microphone.frames, bench.microphone.opened_s) == (3, 7.0)
    bench.end(pcm)
    assert pcm.closed.is_set()
    assert bench.facts.empty()


def test_microphone_overrun_is_counted_and_its_sound_still_used() -> None:
    bench = MicrophoneBench()
    bench.microphone.open()
    pcm = bench.shelf.next()
    pcm.heard.put((XRUN, b""))
    pcm.heard.put((XRUN, data(5)))
    np.testing.assert_array_equal(bench.frames.get(timeout=WAIT_S), frame(5))
    assert bench.microphone.overruns == 2
    bench.end(pcm)


def test_microphone_close_and_open_many_times_ends_each_stream_before_the_next() -> None:
    bench = MicrophoneBench()
    for _ in range(100):
        bench.microphone.open()
        bench.microphone.open()
        pcm = bench.shelf.next()
        bench.microphone.close()
        bench.microphone.close()
        bench.microphone.open()
        assert not pcm.closed.is_set() and bench.shelf.opened.empty()
        pcm.heard.put((FRAME_SAMPLES, data(0)))
        following = bench.shelf.next()
        assert pcm.closed.is_set()
        bench.end(following)
    assert bench.frames.empty()  # each was closed when its period came


def test_microphone_pulled_off_is_reported_once_and_opened_again() -> None:
    bench = MicrophoneBench()
    bench.microphone.open()
    first = bench.shelf.next()
    bench.shelf.missing = True
    first.heard.put(None)
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.MICROPHONE, "unplugged")
    bench.shelf.missing = False
    second = bench.shelf.next()
    assert first.closed.is_set()
    second.heard.put((FRAME_SAMPLES, data(9)))
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.MICROPHONE)
    frames = [bench.frames.get(timeout=WAIT_S)]
    while frames[-1].any() == 0:
        frames.append(bench.frames.get(timeout=WAIT_S))
    assert len(frames) > 1  # silence went on meanwhile
    np.testing.assert_array_equal(frames[-1], frame(9))
    bench.end(second)
    assert bench.facts.empty()


def test_microphone_that_is_missing_can_be_closed_while_it_waits_to_retry() -> None:
    bench = MicrophoneBench()
    bench.shelf.missing = True
    bench.microphone.open()
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.MICROPHONE, "no such device")
    bench.microphone.close()
    assert bench.microphone.join(WAIT_S)


def test_microphone_of_another_period_is_a_failure() -> None:
    bench = MicrophoneBench()
    bench.microphone.open()
    bench.shelf.next().heard.put((100, bytes(200)))
    failed = bench.facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and str(PERIOD_BYTES) in failed.reason
    bench.microphone.close()
    assert bench.microphone.join(WAIT_S)


def test_earpiece_asks_once_for_each_period_and_plays_in_order() -> None:
    bench = EarpieceBench()
    pcm = bench.start()
    for value in range(1, 6):
        assert pcm.written.get(timeout=WAIT_S) == data(value)
        assert bench.asked == value
        pcm.room.release()
    bench.end(pcm)
    assert bench.earpiece.underruns == bench.earpiece.dropped == 0
    assert bench.earpiece.opened_s == 7.0


def test_earpiece_starved_plays_silence_and_counts_it() -> None:
    bench = EarpieceBench(lambda: None, starved_s=0.001)
    pcm = bench.start()
    for _ in range(3):
        assert pcm.written.get(timeout=WAIT_S) == SILENCE
        pcm.room.release()
    bench.end(pcm)
    assert bench.earpiece.underruns >= 3
    assert bench.earpiece.frames == 0


def test_earpiece_frames_that_come_in_a_burst_are_cut_to_the_newest() -> None:
    bench = EarpieceBench(lambda: None)
    pcm = bench.start()
    for value in range(10, 10 + QUEUE_MAX + 3):
        bench.earpiece.push(frame(value))
    played: list[bytes] = []
    while not played or played[-1] != data(10 + QUEUE_MAX + 2):
        played.append(pcm.written.get(timeout=WAIT_S))
        pcm.room.release()
    assert len(played) <= QUEUE_MAX + 1  # one may have been taken before the burst was over
    assert bench.earpiece.dropped >= 2
    bench.end(pcm)


def test_earpiece_card_that_ran_dry_is_counted() -> None:
    bench = EarpieceBench()
    pcm = bench.start()
    pcm.result = XRUN
    assert pcm.written.get(timeout=WAIT_S) == data(1)
    pcm.room.release()
    assert pcm.written.get(timeout=WAIT_S) == data(2)
    assert bench.earpiece.underruns == 1
    bench.end(pcm)


def test_earpiece_opened_again_plays_nothing_of_the_last_call() -> None:
    bench = EarpieceBench(lambda: None, starved_s=0.001)
    bench.end(bench.start())
    bench.earpiece.push(frame(1))
    pcm = bench.start()
    assert pcm.written.get(timeout=WAIT_S) == SILENCE
    bench.end(pcm)


def test_earpiece_pulled_off_is_reported_once_and_opened_again() -> None:
    bench = EarpieceBench()
    pcm = bench.start()
    pcm.closed.set()
    pcm.room.release()
    assert bench.facts.get(timeout=WAIT_S) == HardwareFailed(Part.EARPIECE, "unplugged")
    following = bench.shelf.next()
    assert bench.asked > 1  # speech went on meanwhile, unheard
    for _ in range(PLAYBACK_PERIODS):
        following.room.release()
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.EARPIECE)
    bench.end(following)
    assert bench.facts.empty()
