"""Microphone and earpiece: a thread each around a blocking PCM, 20 ms at a time.

Know no call, codec or event loop: callbacks are called in the driver's thread, and who has an event
loop hands over with `call_soon_threadsafe`. Each opening has a thread of its own, which alone
touches the PCM; the next one waits until the last has let go of the device. While a device is gone
(unplugged in mid-call) silence goes on in its place, so that the call stays up until it is back.
Units: `_s` seconds of CLOCK_MONOTONIC; counters count periods of 20 ms since the driver was made.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from firmware.drivers.chips import PERIOD_BYTES, PLAYBACK_PERIODS, CapturePcm, PlaybackPcm
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import FRAME_S, FRAME_SAMPLES, Frame, Part, silence

logger = logging.getLogger(__name__)

QUEUE_MAX = 2  # frames between the event loop and the card; what is older is thrown away
STARVED_S = 0.020  # wait for a frame this long, of the 30 ms that the card still has
RETRY_MAX_S = 1.0  # a plug that is put back is noticed within a word
PRIORITY = 10  # of 1 to 99 (SCHED_RR): before everything that is not sound
RELEASE_MAX_S = 2.0  # for the last stream to end; a healthy one needs 20 ms
SILENCE = bytes(PERIOD_BYTES)

OnFact = Callable[[Fact], None]


class Microphone:
    """Calls `on_frame` 50 times a second while open; `on_fact` once per failure and recovery.

    After `close` at most the frame that is on its way arrives.
    """

    def __init__(
        self,
        open_pcm: Callable[[], CapturePcm],
        on_frame: Callable[[Frame], None],
        on_fact: OnFact,
    ) -> None:
        self.frames = 0
        self.overruns = 0  # how often sound was lost because nobody read it in time
        self.opened_s: float | None = None  # of the first sample of the current stream
        self._on_frame = on_frame
        self._openings = _Openings(
            "microphone",
            open_pcm,
            self._run,
            self._miss,
            Health(Part.MICROPHONE, RETRY_MAX_S),
            on_fact,
        )

    def open(self) -> None:
        """Begin to listen; returns at once, harmless when open."""
        self._openings.open()

    def close(self) -> None:
        """Stop; returns at once, harmless when closed."""
        self._openings.close()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released; False if it is not."""
        return self._openings.join(timeout_s)

    def _run(self, pcm: CapturePcm, opening: _Opening) -> None:
        while not opening.closing.is_set():
            length, data = pcm.read()
            self.opened_s = pcm.opened_s
            self.overruns += length < 0
            if length >= 0 and len(data) != PERIOD_BYTES:
                raise HardwareError(f"gave {len(data)} bytes instead of a period of {PERIOD_BYTES}")
            opening.works()
            if len(data) == PERIOD_BYTES and not opening.closing.is_set():
                self.frames += 1
                self._on_frame(np.frombuffer(data, dtype="<i2").astype(np.int16))

    def _miss(self) -> None:
        self._on_frame(silence())


class Earpiece:
    """Calls `on_need` once for each 20 ms it wants, and plays what is pushed.

    A frame is heard `delay_s` after it was asked for. `on_fact` is called once per failure and
    recovery.
    """

    def __init__(
        self,
        open_pcm: Callable[[], PlaybackPcm],
        on_need: Callable[[], None],
        on_fact: OnFact,
        starved_s: float = STARVED_S,
    ) -> None:
        self.frames = 0
        self.underruns = 0  # periods of silence played because no frame came, or the card ran dry
        self.dropped = 0  # frames that came when QUEUE_MAX were waiting
        self.opened_s: float | None = None  # of the first sample of the current stream
        self.delay_s = 0.0  # from asking for a frame to hearing it
        self._on_need, self._starved_s = on_need, starved_s
        self._queue: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._openings = _Openings(
            "earpiece",
            open_pcm,
            self._run,
            self._miss,
            Health(Part.EARPIECE, RETRY_MAX_S),
            on_fact,
        )

    def open(self) -> None:
        """Begin to play; returns at once, harmless when open."""
        self._openings.open()

    def close(self) -> None:
        """Silence; returns at once, harmless when closed."""
        self._openings.close()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released; False if it is not."""
        return self._openings.join(timeout_s)

    def push(self, frame: Frame) -> None:
        """Play `frame`, 320 samples, next; the oldest of more than QUEUE_MAX is dropped."""
        assert frame.shape == (FRAME_SAMPLES,) and frame.dtype == np.int16
        with self._changed:
            if len(self._queue) == QUEUE_MAX:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(frame.astype("<i2").tobytes())
            self._changed.notify()

    def _run(self, pcm: PlaybackPcm, opening: _Opening) -> None:
        with self._changed:
            self._queue.clear()  # of the last call
        for _ in range(PLAYBACK_PERIODS):
            pcm.write(SILENCE)
        self.opened_s = pcm.opened_s
        opening.works()
        while not opening.closing.is_set():
            self.delay_s = pcm.delay_s
            data = self._next()
            if opening.closing.is_set():
                return
            written = pcm.write(SILENCE if data is None else data)
            self.frames += data is not None
            self.underruns += data is None or written < 0

    def _miss(self) -> None:
        """Nobody hears it, but speech goes on: later it must not come from the past."""
        with self._changed:
            self._queue.clear()
        self._on_need()

    def _next(self) -> bytes | None:
        """The next frame, asked for if none is there; None if none came in time."""
        with self._changed:
            has_frame = bool(self._queue)
        if not has_frame:
            self._on_need()
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue), self._starved_s)
            return self._queue.popleft() if self._queue else None


class _Closable(Protocol):
    def close(self) -> None: ...


Pcm = TypeVar("Pcm", bound=_Closable)


class _Opening:
    """One time that the device is wanted, from open to close."""

    def __init__(self, works: Callable[[], None]) -> None:
        self.closing = threading.Event()
        self.works = works


class _Openings(Generic[Pcm]):
    """One thread per opening, one after the other; a PCM that fails is opened again."""

    def __init__(
        self,
        name: str,
        open_pcm: Callable[[], Pcm],
        run: Callable[[Pcm, _Opening], None],
        miss: Callable[[], None],
        health: Health,
        on_fact: OnFact,
    ) -> None:
        self._name, self._open_pcm, self._run, self._miss = name, open_pcm, run, miss
        self._health, self._on_fact = health, on_fact
        self._current: _Opening | None = None
        self._last: threading.Thread | None = None

    def open(self) -> None:
        if self._current is not None:
            return
        self._current = _Opening(self._works)
        thread = threading.Thread(
            target=self._serve, args=(self._current, self._last), name=self._name, daemon=True
        )
        self._last = thread
        thread.start()

    def close(self) -> None:
        if self._current is not None:
            self._current.closing.set()
            self._current = None

    def join(self, timeout_s: float) -> bool:
        if self._last is not None:
            self._last.join(timeout_s)
        return self._last is None or not self._last.is_alive()

    def _serve(self, opening: _Opening, last: threading.Thread | None) -> None:
        _go_first()
        while not opening.closing.is_set():
            try:
                self._stream(opening, last)
            except HardwareError as error:
                self._report(self._health.failed(error))
                self._do_without(opening, self._health.retry_s())

    def _do_without(self, opening: _Opening, duration_s: float) -> None:
        """What a frame of sound would have done, once for each, at its pace."""
        now_s = begun_s = time.monotonic()
        frames = 0
        while not opening.closing.is_set() and now_s < begun_s + duration_s:
            self._miss()
            frames += 1
            opening.closing.wait(max(0.0, begun_s + frames * FRAME_S - now_s))
            now_s = time.monotonic()

    def _stream(self, opening: _Opening, last: threading.Thread | None) -> None:
        if last is not None:
            last.join(RELEASE_MAX_S)
            if last.is_alive():
                raise HardwareError("does not end the stream before")
        pcm = self._open_pcm()
        try:
            self._run(pcm, opening)
        finally:
            pcm.close()

    def _works(self) -> None:
        self._report(self._health.worked())

    def _report(self, fact: Fact | None) -> None:
        if fact is not None:
            self._on_fact(fact)


def _go_first() -> None:
    """Real-time priority for this thread, where we may have it (LimitRTPRIO of the service)."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except (AttributeError, OSError) as error:
        logger.debug("no real-time priority: %s", error)
