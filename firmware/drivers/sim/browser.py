"""The sound card of a simulated box whose handset is a page in a browser.

The page's microphone sets the pace of the capture, so that nothing is kept waiting: a frame is
read as soon as it has come, silence takes its place when it is long overdue, and what then comes
too late in one go is thrown away instead of delaying all that follows. The playback has the pace of
our clock and hands each period over at once, a frame early at most; the page keeps a small buffer
against the way.
Units: `_s` seconds of CLOCK_MONOTONIC; 16 kHz, mono, signed 16 bit, 20 ms a period.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable

from firmware.drivers.chips import PERIOD_BYTES, PLAYBACK_PERIODS
from firmware.drivers.sim.pcm import SAMPLE_BYTES, Clock
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

WAITING_MAX = 5  # frames of the page that nobody has read yet; the oldest goes
OVERDUE_S = 0.040  # beyond the 20 ms of a frame: a browser's main thread may be as late
BURST_S = FRAME_S / 2  # what follows sooner was held up on its way
FORGET_S = 1.0  # after so long without a gap the page owes us nothing
LOOK_S = 0.002  # so often it is looked whether a frame has come that is due
PAGE_DELAY_S = 0.060  # from handing over to the ear, until the page has measured its own
PAGE_DELAY_MAX_S = 1.0

Speak = Callable[[bytes], None]


class BrowserCard:
    """Between a page and the audio drivers; the methods of the page's side are for any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.delay_s = PAGE_DELAY_S
        self._clock = clock or Clock()
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._is_overrun = False
        self._speak: Speak | None = None

    def attach(self, speak: Speak) -> None:
        """From now on `speak` gets each period of the earpiece, in the driver's thread."""
        with self._changed:
            self._speak = speak
            self._waiting.clear()
            self.delay_s = PAGE_DELAY_S

    def detach(self, speak: Speak) -> None:
        """The page is gone; harmless when another one has taken over."""
        with self._changed:
            if self._speak == speak:
                self._speak = None
                self._waiting.clear()

    def hear(self, data: bytes) -> None:
        """A frame of the page's microphone, PERIOD_BYTES."""
        assert len(data) == PERIOD_BYTES
        with self._changed:
            if len(self._waiting) == WAITING_MAX:
                self._waiting.popleft()
                self._is_overrun = True
            self._waiting.append(data)
            self._changed.notify_all()

    def measured(self, delay_s: float) -> None:
        """The page says how long it takes from a period to the ear."""
        self.delay_s = min(max(delay_s, 0.0), PAGE_DELAY_MAX_S)

    def open_capture(self) -> BrowserCapture:
        """The page's microphone."""
        with self._changed:
            self._waiting.clear()  # of the last call
        return BrowserCapture(self, self._clock)

    def open_playback(self) -> BrowserPlayback:
        """The page's loudspeaker."""
        return BrowserPlayback(self, self._clock)

    def next(self, within_s: float) -> tuple[bytes | None, bool]:
        """The frame that has waited longest, None if none comes in time; True: some were lost."""
        with self._changed:
            if not self._waiting and self._speak is not None:
                self._changed.wait(within_s)
            lost, self._is_overrun = self._is_overrun, False
            return (self._waiting.popleft() if self._waiting else None), lost

    def speak(self, data: bytes) -> None:
        """Hand a period to the page, if there is one."""
        speak = self._speak
        if speak is not None:
            speak(data)

    @property
    def has_frame(self) -> bool:
        """A frame of the page waits."""
        return bool(self._waiting)

    @property
    def has_page(self) -> bool:
        """A page is there to hear and to speak."""
        return self._speak is not None


class BrowserCapture:
    """What the page hears, silence where it is silent; the methods of `chips.CapturePcm`."""

    def __init__(self, card: BrowserCard, clock: Clock) -> None:
        self.opened_s: float | None = None
        self._card, self._clock = card, clock
        self._last_s = 0.0  # when the last period was given
        self._filled_s = 0.0  # when silence was given last
        self._is_filling = False  # nothing has come since
        self._owed = 0  # periods of silence in whose place a frame may still come
        self._closed = False

    def wait_s(self) -> float:
        """See chips.py; frames in whose place there was silence go meanwhile."""
        now_s = self._clock.now()
        if self.opened_s is None:
            self.opened_s = self._last_s = now_s
        is_burst = now_s - self._last_s < BURST_S and now_s - self._filled_s <= FORGET_S
        while is_burst and self._owed and self._card.has_frame:
            self._card.next(0.0)
            self._owed -= 1
        if self._card.has_frame or self._closed:
            return 0.0
        silent_s = self._due_s() - now_s
        if silent_s <= 0:
            return 0.0
        return min(silent_s, max(self._last_s + FRAME_S - now_s, LOOK_S))

    def read(self) -> tuple[int, bytes]:
        """Wait for a frame of the page, or until it is time for silence."""
        if self._closed:
            raise HardwareError("the PCM is closed")
        if self.opened_s is None:
            self.opened_s = self._last_s = self._clock.now()
        while True:
            data, lost = self._next()
            now_s = self._clock.now()
            self._is_filling = data is None
            if data is None:
                self._owed = min(self._owed + self._card.has_page, WAITING_MAX)
                self._last_s = self._filled_s = now_s
                return FRAME_SAMPLES, bytes(PERIOD_BYTES)
            if now_s - self._filled_s > FORGET_S:
                self._owed = 0
            if self._owed and now_s - self._last_s < BURST_S:
                self._owed -= 1
                continue
            self._last_s = now_s
            return -errno.EPIPE if lost else FRAME_SAMPLES, data

    def close(self) -> None:
        """Stop."""
        self._closed = True

    def _next(self) -> tuple[bytes | None, bool]:
        """A frame; None when silence is due. Once it was, more of it comes at the pace of sound."""
        due_s = self._due_s()
        data, lost = self._card.next(max(0.0, due_s - self._clock.now()))
        if data is None:
            self._clock.sleep_until(due_s)
        return data, lost

    def _due_s(self) -> float:
        """When silence is due."""
        is_patient = self._card.has_page and not self._is_filling
        return self._last_s + FRAME_S + (OVERDUE_S if is_patient else 0.0)


class BrowserPlayback:
    """What the page plays; the methods of `chips.PlaybackPcm`."""

    margin_s = 0.0

    def __init__(self, card: BrowserCard, clock: Clock) -> None:
        self.opened_s: float | None = None
        self._card, self._clock = card, clock
        self._due_s = 0.0  # when the next period should be handed over
        self._rest = b""  # of a period that is not yet whole
        self._closed = False

    @property
    def delay_s(self) -> float:
        """How long what is written waits until it is heard."""
        return self._card.delay_s

    def queued_s(self) -> float:
        """How much was handed over before its time."""
        return 0.0 if self.opened_s is None else max(0.0, self._due_s - self._clock.now())

    def write(self, data: bytes) -> int:
        """Hand over what makes whole periods, no more than a frame early."""
        if self._closed:
            raise HardwareError("the PCM is closed")
        now_s = self._clock.now()
        if self.opened_s is None:
            self.opened_s = self._due_s = now_s
        is_dry = now_s - self._due_s > PLAYBACK_PERIODS * FRAME_S
        if is_dry:
            self._due_s = now_s
        self._clock.sleep_until(self._due_s - FRAME_S)
        self._rest += data
        while len(self._rest) >= PERIOD_BYTES:
            self._card.speak(self._rest[:PERIOD_BYTES])
            self._rest = self._rest[PERIOD_BYTES:]
        self._due_s += len(data) // SAMPLE_BYTES / SAMPLE_RATE_HZ
        return -errno.EPIPE if is_dry else len(data) // SAMPLE_BYTES

    def close(self) -> None:
        """Stop."""
        self._closed = True
