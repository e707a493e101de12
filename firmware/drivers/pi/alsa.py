"""Microphone and earpiece through ALSA, by the package `alsaaudio`.

Outside always 16 kHz, mono, signed 16 bit, 20 ms at a time. A card that knows only another rate
or only stereo is converted here: ALSA's plug layer (`plughw:...`) would draw straight lines between
the samples.
The earpiece's buffer is deep, but little is kept in it: where card or computer does not keep up,
more, and that is remembered from one opening to the next.
Units: `_s` seconds. Source: pyalsaaudio 0.11, alsaaudio.PCM: data lost is a negative length, not an
exception, and after it a write has queued nothing; alsa-lib error.h.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections import deque
from functools import cache
from typing import Any

import numpy as np

from firmware.drivers.chips import CAPTURE_PERIODS
from firmware.drivers.rate import (
    RATE_MAX_HZ,
    RATE_MIN_HZ,
    RATE_STEP_HZ,
    from_wideband,
    to_wideband,
)
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

PERIOD_S, PERIODS = 0.010, 16  # of the earpiece
# What the earpiece still has to play when the next frame is written, the shortest delay first.
LADDER_S = (0.010, 0.020, 0.040, 0.080)
UNDERRUNS_MAX = 3  # in UNDERRUNS_S; then the next step of the ladder
UNDERRUNS_S = 10.0
BATCH_RETRY_S = 0.001  # a card that counts in whole periods is asked so often when one is due
PERIOD_MAX_S = 0.080  # a card that insists on more than this is no telephone
CHANNELS_MAX = 8


class Pace:
    """How fast one card can be fed; lives as long as the box does."""

    def __init__(self) -> None:
        self.step = 0  # of LADDER_S
        self._underruns_s: deque[float] = deque(maxlen=UNDERRUNS_MAX)

    def underrun(self, now_s: float) -> bool:
        """Count one; True if from now on more is kept in the card."""
        self._underruns_s.append(now_s)
        often = len(self._underruns_s) == UNDERRUNS_MAX
        if not often or now_s - self._underruns_s[0] > UNDERRUNS_S:
            return False
        self._underruns_s.clear()
        if self.step + 1 == len(LADDER_S):
            return False
        self.step += 1
        return True


class AlsaCapture:
    """The methods of `chips.CapturePcm`; making one opens the device."""

    def __init__(self, device: str) -> None:
        self.opened_s: float | None = None
        self._card = _Card(device, "PCM_CAPTURE", FRAME_S, CAPTURE_PERIODS)
        self._rate = to_wideband(self._card.rate_hz)
        self._period_bytes = round(self._card.bytes_per_s * FRAME_S)
        self._read = bytearray()  # as the card gave it, whatever its periods are
        self._last_s = 0.0  # when a period was read

    def wait_s(self) -> float:
        """See chips.py; the first call starts the device."""
        if self.opened_s is None:
            self._start()
        missing = self._period_bytes - len(self._read)
        if missing <= 0 or (available := self._card.available()) < 0:
            return 0.0
        missing -= available * self._card.frame_bytes
        if missing <= 0:
            return 0.0
        wait_s = missing / self._card.bytes_per_s
        if not self._card.is_batch:
            return wait_s
        return max(min(wait_s, self._last_s + FRAME_S - time.monotonic()), BATCH_RETRY_S)

    def read(self) -> tuple[int, bytes]:
        """Wait for one period; a negative length says that sound was lost before it."""
        if self.opened_s is None:
            self._start()
        while len(self._read) < self._period_bytes:
            length, data = self._card.call("read")
            if length < 0:
                self._read.clear()
                return int(length), b""
            self._read += data
            if not length:
                time.sleep(max(self.wait_s(), BATCH_RETRY_S))
        period = bytes(self._read[: self._period_bytes])
        del self._read[: self._period_bytes]
        if self._card.is_batch:
            self._last_s = time.monotonic()
        if self._card.suits:
            return FRAME_SAMPLES, period
        frames = np.frombuffer(period, dtype="<i2")
        mono = frames.reshape(-1, self._card.channels).mean(axis=1).astype(np.int16)
        return FRAME_SAMPLES, self._rate.convert(mono).astype("<i2").tobytes()

    def close(self) -> None:
        """Stop; harmless when closed."""
        self._card.close()

    def _start(self) -> None:
        self.opened_s = time.monotonic()
        self._read += self._card.call("read")[1]


class AlsaPlayback:
    """The methods of `chips.PlaybackPcm`; making one opens the device."""

    def __init__(self, device: str, pace: Pace | None = None) -> None:
        self.opened_s: float | None = None
        self._device, self._pace = device, pace or Pace()
        self._card = _Card(device, "PCM_PLAYBACK", PERIOD_S, PERIODS)
        self._rate = from_wideband(self._card.rate_hz)

    @property
    def delay_s(self) -> float:
        """See chips.py."""
        return self.margin_s

    @property
    def margin_s(self) -> float:
        """See chips.py."""
        card = self._card
        least_s = card.period_s if card.is_batch else 0.0
        return min(max(LADDER_S[self._pace.step], least_s), card.buffer_s - 2 * FRAME_S)

    def queued_s(self) -> float:
        """See chips.py."""
        return self._card.queued_s()

    def write(self, data: bytes) -> int:
        """See chips.py."""
        if self.opened_s is None:
            self.opened_s = time.monotonic()  # the first write starts the device
        elif (wait_s := self.queued_s() - self.margin_s - FRAME_S) > 0:
            time.sleep(wait_s)
        frames = data if self._card.suits else self._converted(data)
        written = int(self._card.call("write", frames))
        if written >= 0:
            return len(data) // 2
        if self._pace.underrun(time.monotonic()):
            logger.info("ALSA device %s: %.0f ms from now on", self._device, self.margin_s * 1000)
        self._card.call("write", frames)
        return written

    def close(self) -> None:
        """Stop at once, without playing what is queued; harmless when closed."""
        self._card.close()

    def _converted(self, data: bytes) -> bytes:
        wide = self._rate.convert(np.frombuffer(data, dtype="<i2").astype(np.int16))
        return np.repeat(wide.astype("<i2"), self._card.channels).tobytes()


class _Card:
    """A PCM of alsaaudio in the form that suits us best; its errors are HardwareError."""

    def __init__(self, device: str, direction: str, period_s: float, periods: int) -> None:
        try:
            import alsaaudio
        except ImportError:
            raise HardwareError("the package pyalsaaudio is not installed") from None
        _hush()
        self._device, self._error, self._alsa = device, alsaaudio.ALSAAudioError, alsaaudio
        self._pcm = self._open(direction, SAMPLE_RATE_HZ, 1, period_s, periods)
        found = self._pcm.info()
        rate_hz, channels = found["rate"], found["channels"]
        if (rate_hz, channels) != (SAMPLE_RATE_HZ, 1):
            # ALSA took the nearest that the card has; once more, with a period that fits to it
            self._pcm.close()
            self._pcm = self._open(direction, rate_hz, channels, period_s, periods)
            found = self._pcm.info()
        self.channels: int = found["channels"]
        self.rate_hz: int = found["rate"]
        self.suits = (self.rate_hz, self.channels) == (SAMPLE_RATE_HZ, 1)  # nothing to convert
        self.frame_bytes: int = 2 * self.channels
        self.bytes_per_s: int = self.frame_bytes * found["rate"]
        self.period_s: float = found["period_size"] / found["rate"]
        self.is_batch: bool = found["is_batch"]  # it counts whole periods only
        self._buffer: int = found["period_size"] * found["periods"]  # frames
        self.buffer_s: float = self._buffer / self.rate_hz
        if (reason := _unusable(found)) is not None:
            self._pcm.close()
            raise HardwareError(f"ALSA device {device} {reason}: try plug{device}")

    def call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._pcm, method)(*arguments)
        except self._error as error:
            raise HardwareError(f"ALSA device {self._device}: {error}") from None

    def available(self) -> int:
        """Frames that can be read or written at once; negative: sound was lost, or it is gone."""
        return int(self.call("avail"))

    def queued_s(self) -> float:
        available = self.available()
        return 0.0 if available < 0 else (self._buffer - available) / self.rate_hz

    def close(self) -> None:
        self._pcm.close()

    def _open(
        self, direction: str, rate_hz: int, channels: int, period_s: float, periods: int
    ) -> Any:
        try:
            capture = direction == "PCM_CAPTURE"  # only a read starts it, which must not wait
            return self._alsa.PCM(
                type=getattr(self._alsa, direction),
                mode=self._alsa.PCM_NONBLOCK if capture else self._alsa.PCM_NORMAL,
                device=self._device,
                rate=rate_hz,
                channels=channels,
                format=self._alsa.PCM_FORMAT_S16_LE,
                periodsize=round(rate_hz * period_s),
                periods=periods,
            )
        except self._error as error:
            raise HardwareError(f"ALSA device {self._device}: {error}") from None


def _unusable(found: dict[str, Any]) -> str | None:
    """Why we cannot work with what the card gives; None if we can."""
    rate_hz, channels = found["rate"], found["channels"]
    if rate_hz % RATE_STEP_HZ or not RATE_MIN_HZ <= rate_hz <= RATE_MAX_HZ:
        return f"gives {rate_hz} Hz, of which 20 ms are no whole samples or too many"
    if found["format_name"] != "S16_LE" or not 0 < channels <= CHANNELS_MAX:
        return f"gives {channels} channels of {found['format_name']}"
    if found["period_size"] > PERIOD_MAX_S * rate_hz:
        return f"gives periods of {found['period_size']} samples"
    return None


@cache
def _hush() -> None:
    """From now on alsa-lib tells our log what it would print on stderr at each failed opening."""
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_SAYS)
    except (OSError, AttributeError) as error:  # it prints, no more
        logger.debug("alsa-lib keeps printing: %s", error)


def _said(_file: bytes, _line: int, function: bytes, code: int, text: bytes) -> None:
    """The text is a format whose arguments C does not let us have."""
    logger.debug("alsa-lib: %s: %s (%d)", function.decode(), text.decode(), code)


_SAYS = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)(_said)
