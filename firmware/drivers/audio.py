"""Microphone and earpiece, for who has the beat: sound comes and goes without waiting.

Know no call, codec or event loop. Each opening has a thread of its own, which opens the PCM, lends
it to whoever calls `hear` and `play` (always the same thread), takes it back when it is closed or
fails, and opens it again; the next opening waits until the last has let go of the device. While a
device is gone (unplugged in mid-call) silence goes on in its place, so that the call stays up until
it is back.
Units: `_s` seconds of CLOCK_MONOTONIC; counters count frames of 20 ms since the driver was made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from firmware.drivers.chips import PERIOD_BYTES, CapturePcm, PlaybackPcm
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import FRAME_S, SAMPLE_RATE_HZ, Frame, Part, silence

MILLISECOND = SAMPLE_RATE_HZ // 1000
RETRY_MAX_S = 1.0  # a plug that is put back is noticed within a word
RELEASE_MAX_S = 2.0  # for the last stream to end; a healthy one needs 20 ms

OnFact = Callable[[Fact], None]
OnReady = Callable[[], None]


class _Closable(Protocol):
    def close(self) -> None: ...


Pcm = TypeVar("Pcm", bound=_Closable)


class _Streaming(Generic[Pcm]):
    """What is opened for a call and closed after it."""

    _openings: _Openings[Pcm]

    def open(self) -> None:
        """Begin; returns at once, harmless when open."""
        self._openings.open()

    def close(self) -> None:
        """Stop; returns at once, harmless when closed."""
        self._openings.close()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the device is released; False if it is not."""
        return self._openings.join(timeout_s)


class Microphone(_Streaming[CapturePcm]):
    """Has a frame 50 times a second while open; `on_fact` is called once per failure and recovery.

    `on_ready` is called in the driver's thread as soon as `wait_s` has something new to say.
    """

    def __init__(
        self, open_pcm: Callable[[], CapturePcm], on_ready: OnReady, on_fact: OnFact
    ) -> None:
        self.frames = 0
        self.overruns = 0  # how often sound was lost because nobody asked for it in time
        self.opened_s: float | None = None  # of the first sample of the current stream
        self._openings = _Openings(
            "microphone", open_pcm, Health(Part.MICROPHONE, RETRY_MAX_S), on_ready, on_fact
        )

    def wait_s(self, now_s: float) -> float | None:
        """After how long there is a frame; None while closed, or not yet open."""
        opening = self._openings.current
        if opening is None:
            return None
        if opening.pcm is None:
            return opening.absence_wait_s(now_s)
        try:
            return opening.pcm.wait_s()
        except HardwareError as error:
            opening.fail(error)
            return None

    def hear(self, now_s: float) -> Frame | None:
        """The next frame, if it is there."""
        opening = self._openings.current
        wait_s = self.wait_s(now_s)
        if opening is None or wait_s is None or wait_s > 0:
            return None
        pcm = opening.pcm
        if pcm is None:
            opening.be_absent(now_s)
            return silence()
        try:
            length, data = pcm.read()
            if length >= 0 and len(data) != PERIOD_BYTES:
                raise HardwareError(f"gave {len(data)} bytes instead of a period of {PERIOD_BYTES}")
        except HardwareError as error:
            opening.fail(error)
            return None
        self.opened_s = pcm.opened_s
        self.overruns += length < 0
        self._openings.works()
        if len(data) != PERIOD_BYTES:
            return None
        self.frames += 1
        return np.frombuffer(data, dtype="<i2").astype(np.int16)


class Earpiece(_Streaming[PlaybackPcm]):
    """Wants a frame 50 times a second while open; `on_fact` as for the microphone.

    It keeps so much sound in the card as that needs, and at most a frame more: who comes to it by
    another clock, such as the microphone's, may always be a little early. A frame is due in
    `ahead_s`, and heard `delay_s` after that, however early it is there.
    """

    def __init__(
        self, open_pcm: Callable[[], PlaybackPcm], on_ready: OnReady, on_fact: OnFact
    ) -> None:
        self.frames = 0
        self.underruns = 0  # how often the card ran dry
        self.opened_s: float | None = None  # of the first sample of the current stream
        self.delay_s = 0.0  # from the moment a frame is due to hearing it
        self.ahead_s = 0.0  # queued above what there should be, when it was last asked
        self._begun: PlaybackPcm | None = None  # the PCM that has got its first silence
        self._openings = _Openings(
            "earpiece", open_pcm, Health(Part.EARPIECE, RETRY_MAX_S), on_ready, on_fact
        )

    def wait_s(self, now_s: float) -> float | None:
        """After how long it needs a frame; None while closed, or not yet open."""
        opening = self._openings.current
        if opening is None:
            return None
        pcm = opening.pcm
        if pcm is None:
            wait_s = opening.absence_wait_s(now_s)
            self.ahead_s = wait_s or 0.0
            return wait_s
        try:
            self.ahead_s = pcm.queued_s() - pcm.margin_s if self._begun is pcm else 0.0
        except HardwareError as error:
            opening.fail(error)
            return None
        return max(0.0, self.ahead_s)

    def play(self, frame: Frame, now_s: float) -> None:
        """Play `frame` next: 320 samples, or a few more or less."""
        opening = self._openings.current
        if opening is None:
            return
        pcm = opening.pcm
        if pcm is None:
            opening.be_absent(now_s)
            return
        try:
            if self._begun is not pcm:
                self._begin(pcm)
            written = pcm.write(frame.astype("<i2", copy=False).tobytes())
        except HardwareError as error:
            opening.fail(error)
            return
        self.frames += 1
        self.underruns += written < 0
        self.delay_s = pcm.delay_s
        self._openings.works()

    def _begin(self, pcm: PlaybackPcm) -> None:
        self._begun = pcm
        pcm.write(bytes(2 * MILLISECOND * round(pcm.margin_s * 1000)))
        self.opened_s = pcm.opened_s


class _Opening(Generic[Pcm]):
    """One time that the device is wanted, from open to close."""

    def __init__(self) -> None:
        self.pcm: Pcm | None = None  # lent to who has the beat
        self.closing = False
        self.over = threading.Event()  # closed, or `error`
        self.error: HardwareError | None = None
        self.is_absent = False
        self._absent_until_s: float | None = None  # the silence so far

    def close(self) -> None:
        self.pcm, self.closing = None, True
        self.over.set()

    def fail(self, error: HardwareError) -> None:
        """The PCM goes back to its thread."""
        self.pcm, self.error = None, error
        self.over.set()

    def lend(self, pcm: Pcm) -> None:
        self.is_absent, self._absent_until_s, self.pcm = False, None, pcm

    def absence_wait_s(self, now_s: float) -> float | None:
        """Until the next frame of silence; None if no device was missed yet."""
        if not self.is_absent:
            return None
        return 0.0 if self._absent_until_s is None else max(0.0, self._absent_until_s - now_s)

    def be_absent(self, now_s: float) -> None:
        until_s = now_s if self._absent_until_s is None else self._absent_until_s
        self._absent_until_s = max(until_s, now_s - FRAME_S) + FRAME_S


class _Openings(Generic[Pcm]):
    """One thread per opening, one after the other; a PCM that fails is opened again."""

    def __init__(
        self,
        name: str,
        open_pcm: Callable[[], Pcm],
        health: Health,
        on_ready: OnReady,
        on_fact: OnFact,
    ) -> None:
        self.current: _Opening[Pcm] | None = None
        self._name, self._open_pcm, self._health = name, open_pcm, health
        self._on_ready, self._on_fact = on_ready, on_fact
        self._last: threading.Thread | None = None

    def open(self) -> None:
        if self.current is not None:
            return
        self.current = _Opening()
        thread = threading.Thread(
            target=self._serve, args=(self.current, self._last), name=self._name, daemon=True
        )
        self._last = thread
        thread.start()

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
            self.current = None

    def join(self, timeout_s: float) -> bool:
        if self._last is not None:
            self._last.join(timeout_s)
        return self._last is None or not self._last.is_alive()

    def works(self) -> None:
        """A frame went through the PCM; from who has the beat."""
        self._report(self._health.worked())

    def _serve(self, opening: _Opening[Pcm], last: threading.Thread | None) -> None:
        while not opening.closing:
            try:
                self._stream(opening, last)
            except HardwareError as error:
                self._report(self._health.failed(error))
                opening.is_absent = True
                opening.over.clear()
                if not opening.closing:
                    self._on_ready()
                    opening.over.wait(self._health.retry_s())

    def _stream(self, opening: _Opening[Pcm], last: threading.Thread | None) -> None:
        if last is not None:
            last.join(RELEASE_MAX_S)
            if last.is_alive():
                raise HardwareError("does not end the stream before")
        pcm = self._open_pcm()
        try:
            if opening.closing:
                return
            opening.error = None
            opening.lend(pcm)
            self._on_ready()
            opening.over.wait()
            if opening.error is not None and not opening.closing:
                raise opening.error
        finally:
            pcm.close()

    def _report(self, fact: Fact | None) -> None:
        if fact is not None:
            self._on_fact(fact)
