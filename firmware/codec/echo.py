"""Echo canceller: takes the far end's voice out of what our microphone hears.

Knows no card and no call: each frame that goes to the ear is shown once by `heard`, each frame of
the microphone goes through `spoken`. First the linear filter of libspeexdsp; what it leaves of an
echo that stands alone is made softer, never while somebody speaks here. Where a few seconds of the
far voice prove that no echo comes back, it stops working.
Units: frames of 20 ms at 16 kHz; `_s` seconds.
Sources: speex/speex_echo.h of libspeexdsp 1.2; ITU-T G.167 and G.131.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import deque
from functools import cache

import numpy as np

from firmware.codec.resample import to_int16
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, silence

TAIL_SAMPLES = 4096  # 256 ms: what a card's buffers and a room make of it together
PROOF_FRAMES = 200  # 4 s of far voice, after which we know whether there is an echo
PROOF_WINDOW_FRAMES = 25  # in half a second without our own voice the filter shows what it can
ECHO_MIN_DB = 3.0  # in no window does it take away this much: there is no echo
WAITING_MAX = 16  # frames between ear and microphone, 320 ms

_LOUD_POWER = 150.0**2  # of the far voice; below it nothing can be learnt
# What the filter leaves: if it took away so much, nobody speaks here, and the rest is made softer.
_ALONE_DB, _SPEAKING_DB = 15.0, 9.0
_SOFTER = 10 ** (-12 / 20)
_RISE_SAMPLES = 32  # 2 ms, when somebody begins to speak
_ECHO_SET_RATE = 24


def is_available() -> bool:
    """True if libspeexdsp is installed."""
    try:
        _library()
    except HardwareError:
        return False
    return True


class EchoCanceller:
    """One call; `always` = also where no echo can be heard."""

    def __init__(self, *, always: bool = False) -> None:
        self._speex = _library()
        self.is_working = True
        self._waiting: deque[Frame] = deque()  # gone to the ear, not yet heard by the microphone
        self._proved = always
        self._frames = 0  # with the far voice in them
        self._before = self._after = 0.0  # power of the microphone in the window
        self._wanted = 1  # frames in `_waiting` when the microphone asks
        self._echo = self._speex.speex_echo_state_init(FRAME_SAMPLES, TAIL_SAMPLES)
        weakref.finalize(self, self._speex.speex_echo_state_destroy, self._echo)
        rate = ctypes.c_int(SAMPLE_RATE_HZ)
        self._speex.speex_echo_ctl(self._echo, _ECHO_SET_RATE, ctypes.byref(rate))
        self._gain = 1.0
        self._far, self._near, self._clean = silence(), silence(), silence()

    def heard(self, frame: Frame, delay_s: float) -> None:
        """`frame` will be heard in `delay_s` seconds: so long it waits in the card."""
        self._waiting.append(frame)
        # the microphone's frame is told of when it is over; one frame less is never too late
        self._wanted = min(max(round((delay_s + FRAME_S) / FRAME_S) - 1, 1), WAITING_MAX)
        while len(self._waiting) > self._wanted + 1:
            self._waiting.popleft()

    def spoken(self, frame: Frame) -> Frame:
        """`frame` of the microphone without the echo."""
        in_time = len(self._waiting) >= self._wanted
        far = self._waiting.popleft() if in_time else silence()
        if not self.is_working:
            return frame
        self._far[:], self._near[:] = far, frame
        self._speex.speex_echo_cancellation(
            self._echo, self._near.ctypes.data, self._far.ctypes.data, self._clean.ctypes.data
        )
        before, after = _power(frame), _power(self._clean)
        is_far_loud = _power(far) >= _LOUD_POWER
        if is_far_loud and not self._proved:
            self._learn(before, after)
        return self._softened(before / (after + 1.0) if is_far_loud else 1.0)

    def _softened(self, removed: float) -> Frame:
        """The clean frame, softer where the filter took away `removed` times what it left."""
        removed_db = 10 * np.log10(max(removed, 1.0))
        alone = min(max((removed_db - _SPEAKING_DB) / (_ALONE_DB - _SPEAKING_DB), 0.0), 1.0)
        gain = 1.0 - alone * (1.0 - _SOFTER)
        if gain == self._gain == 1.0:
            return self._clean.copy()
        count = _RISE_SAMPLES if gain > self._gain else FRAME_SAMPLES
        gains = np.full(FRAME_SAMPLES, gain, dtype=np.float32)
        gains[:count] = np.linspace(self._gain, gain, count)
        self._gain = gain
        return to_int16(self._clean * gains)

    def _learn(self, before: float, after: float) -> None:
        """Stop where nothing comes back."""
        self._frames += 1
        self._before += before
        self._after += after
        if self._frames % PROOF_WINDOW_FRAMES:
            return
        removed_db = 10 * np.log10((self._before + 1.0) / (self._after + 1.0))
        self._before = self._after = 0.0
        self._proved = bool(removed_db >= ECHO_MIN_DB)
        self.is_working = self._proved or self._frames < PROOF_FRAMES


def _power(frame: Frame) -> float:
    samples = frame.astype(np.float32)
    return float(np.dot(samples, samples)) / len(samples)


@cache
def _library() -> ctypes.CDLL:
    try:
        speex = ctypes.CDLL("libspeexdsp.so.1")
    except OSError as error:
        raise HardwareError(
            f"the echo canceller is missing: install the Debian package libspeexdsp1 ({error})"
        ) from error
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    speex.speex_echo_state_init.argtypes = [integer, integer]
    speex.speex_echo_state_init.restype = pointer
    speex.speex_echo_state_destroy.argtypes = [pointer]
    speex.speex_echo_ctl.argtypes = [pointer, integer, pointer]
    speex.speex_echo_cancellation.argtypes = [pointer] * 4
    return speex
