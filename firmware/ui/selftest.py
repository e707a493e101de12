"""Test numbers: what the box does with its own sound while one of them is connected.

Knows no network: what is spoken is answered here. A test is a row of TESTS; it is told each frame
of the microphone and asked for each frame of the ear, and ends when the handset is replaced.
Units: frames of 20 ms at 16 kHz; `_s` monotonic seconds.
Source: ITU-T O.133 (1004 to 1020 Hz at 0 dBm0 as the reference, the "milliwatt").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from firmware.codec.tones import amplitude, ramp
from firmware.events import CallChanged, KeyPressed, LoopMeasured, Message, Untimed
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, CallState, Frame, silence

ECHO_FRAMES = 25  # the echo comes after half a second, so that it is not taken for side tone
MILLIWATT_HZ = 1004
RECORDED_FRAMES_MAX = 500  # 10 s; or until a key is pressed
BURST_FRAMES = 50  # a burst of noise each second
BURST_PEAK = 8000
LOOP_MAX_S = 0.8  # the burst must be heard within this time
LIKENESS_MIN = 0.3  # correlation; below it the microphone did not hear the burst
MEASUREMENTS = 5  # the median of the last ones is shown


class Test(Protocol):
    """One of the test numbers."""

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """Take a frame of the microphone."""

    def heard(self, now_s: float) -> Frame:
        """Give the next frame for the ear."""

    def press(self) -> None:
        """Some key."""


class SelfTest(Untimed):
    """The core of the test numbers."""

    def __init__(self) -> None:
        self._test: Test | None = None

    @property
    def is_running(self) -> bool:
        """The sound is ours."""
        return self._test is not None

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """A test begins and ends with the view of the call; keys are for the test."""
        del now_s
        if isinstance(fact, CallChanged):
            view = fact.view
            connected = view.state is CallState.CONNECTED and view.codec is None
            wanted = TESTS.get(view.digits) if connected else None
            if wanted is None:
                self._test = None
            elif self._test is None:
                self._test = wanted()
        elif isinstance(fact, KeyPressed) and self._test is not None:
            self._test.press()
        return []

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """A frame of the microphone."""
        return [] if self._test is None else self._test.spoken(frame, now_s)

    def heard(self, now_s: float) -> Frame | None:
        """The next frame for the ear; None = no test is running."""
        return None if self._test is None else self._test.heard(now_s)


class EchoTest:
    """What was said comes back half a second later."""

    def __init__(self) -> None:
        self._said: deque[Frame] = deque([silence()] * ECHO_FRAMES, maxlen=2 * ECHO_FRAMES)

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """Keep it."""
        del now_s
        self._said.append(frame)
        return []

    def heard(self, now_s: float) -> Frame:
        """The oldest that is kept."""
        del now_s
        return self._said.popleft() if self._said else silence()

    def press(self) -> None:
        """Keys do nothing."""


class Milliwatt:
    """1004 Hz at 0 dBm0, for as long as the handset is lifted."""

    def __init__(self) -> None:
        self._position = 0

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """Nobody listens."""
        del frame, now_s
        return []

    def heard(self, now_s: float) -> Frame:
        """Softly begun, then without an end."""
        del now_s
        n = np.arange(self._position, self._position + FRAME_SAMPLES)
        tone = amplitude(0.0) * np.sin(2 * np.pi * MILLIWATT_HZ * n / SAMPLE_RATE_HZ)
        if self._position == 0:
            tone[: len(ramp())] *= ramp()
        self._position += FRAME_SAMPLES
        return np.rint(tone).astype(np.int16)

    def press(self) -> None:
        """Keys do nothing."""


class PlayBack:
    """Records up to 10 s or a key, plays it, and begins again."""

    def __init__(self) -> None:
        self._recorded: list[Frame] = []
        self._to_play: deque[Frame] = deque()

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """Kept while nothing plays."""
        del now_s
        if not self._to_play:
            self._recorded.append(frame)
            if len(self._recorded) >= RECORDED_FRAMES_MAX:
                self.press()
        return []

    def heard(self, now_s: float) -> Frame:
        """The recording, or silence while it is made."""
        del now_s
        return self._to_play.popleft() if self._to_play else silence()

    def press(self) -> None:
        """Play what was recorded; while it plays: end that."""
        self._to_play = deque() if self._to_play else deque(self._recorded)
        self._recorded = []


class LoopDelay:
    """How long sound takes from the box to its ear and back through its mouth."""

    def __init__(self) -> None:
        self._burst = _noise()
        self._frames = 0
        self._sent_s: float | None = None  # of the burst that is not yet heard
        self._listened: list[Frame] = []
        self._began_s = 0.0  # of the first sample listened to
        self._delays_s: deque[float] = deque(maxlen=MEASUREMENTS)

    def spoken(self, frame: Frame, now_s: float) -> list[Message]:
        """Look for the burst once enough was heard after it."""
        if self._sent_s is None:
            return []
        if not self._listened:
            self._began_s = now_s - FRAME_S
        self._listened.append(frame)
        if len(self._listened) * FRAME_S < LOOP_MAX_S:
            return []
        sent_s, self._sent_s = self._sent_s, None
        place = _place_of(self._burst, np.concatenate(self._listened))
        if place is not None:
            self._delays_s.append(self._began_s + place / SAMPLE_RATE_HZ - sent_s)
        delay_s = _median(self._delays_s) if self._delays_s else None
        return [LoopMeasured(delay_s)]

    def heard(self, now_s: float) -> Frame:
        """A burst each second, else silence."""
        first = self._frames % BURST_FRAMES == 0
        self._frames += 1
        if not first:
            return silence()
        self._sent_s, self._listened = now_s, []
        return self._burst

    def press(self) -> None:
        """Keys do nothing."""


def _noise() -> Frame:
    """The same noise each time: a frame of pseudo-random signs, softened at its edges."""
    register, signs = 0b1010_1010_1, []
    for _ in range(FRAME_SAMPLES // 2):  # two samples a sign: below 4 kHz, for any earpiece
        bit = (register >> 8 ^ register >> 4) & 1  # x^9 + x^5 + 1, ITU-T O.150
        register = (register << 1 | bit) & 0x1FF
        signs += [bit, bit]
    noise = BURST_PEAK * (2.0 * np.array(signs) - 1.0) * np.hanning(FRAME_SAMPLES)
    return np.rint(noise).astype(np.int16)


def _place_of(burst: Frame, sound: Frame) -> int | None:
    """Where `burst` begins in `sound`; None if it is not there."""
    pattern, heard = burst.astype(np.float64), sound.astype(np.float64)
    likeness = np.abs(np.correlate(heard, pattern, mode="valid"))
    energy = np.convolve(np.square(heard), np.ones(len(pattern)), mode="valid")
    likeness /= np.sqrt((energy + len(pattern)) * np.sum(np.square(pattern)))
    place = int(np.argmax(likeness))
    return place if likeness[place] >= LIKENESS_MIN else None


TESTS: dict[str, Callable[[], Test]] = {
    "*1": EchoTest,
    "*2": Milliwatt,
    "*3": PlayBack,
    "*4": LoopDelay,
}


def _median(values: Iterable[float]) -> float:
    """The lower one of an even number; the package `statistics` costs a megabyte."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
