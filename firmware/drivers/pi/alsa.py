"""Microphone and earpiece through ALSA, by the package `alsaaudio`.

Outside always 16 kHz, mono, signed 16 bit, 20 ms at a time. A card that knows only another rate
or only stereo is converted here, if its rate is a multiple of 16 kHz; ALSA's plug layer
(`plughw:...`) converts everything else.
The period of the earpiece is 10 ms where the card takes it; a card or computer that does not keep
up gets longer ones, and that is remembered from one opening to the next.
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

from firmware.drivers.chips import CAPTURE_PERIODS, PERIOD_BYTES
from firmware.drivers.rate import FACTOR_MAX, FromWideband, ToWideband
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

# Period and number of periods, the shortest delay first: sound waits for all of them.
LADDER = ((0.010, 3), (0.020, 2), (0.020, 3), (0.020, 5))
UNDERRUNS_MAX = 3  # in UNDERRUNS_S; then the next step of the ladder
UNDERRUNS_S = 10.0
PERIOD_MAX_S = 0.080  # a card that insists on more than this is no telephone
CHANNELS_MAX = 8


class Pace:
    """How fast one card can be fed; lives as long as the box does."""

    def __init__(self) -> None:
        self.step = 0  # of LADDER
        self._underruns_s: deque[float] = deque(maxlen=UNDERRUNS_MAX)

    def underrun(self, now_s: float) -> bool:
        """Count one; True if the card has to be opened anew with longer periods."""
        self._underruns_s.append(now_s)
        often = len(self._underruns_s) == UNDERRUNS_MAX
        if not often or now_s - self._underruns_s[0] > UNDERRUNS_S:
            return False
        self._underruns_s.clear()
        if self.step + 1 == len(LADDER):
            return False
        self.step += 1
        return True


class AlsaCapture:
    """The methods of `chips.CapturePcm`; making one opens the device."""

    def __init__(self, device: str) -> None:
        self.opened_s: float | None = None
        self._card = _Card(device, "PCM_CAPTURE", FRAME_S, CAPTURE_PERIODS)
        self._rate = ToWideband(self._card.factor)
        self._period_bytes = PERIOD_BYTES * self._card.factor * self._card.channels
        self._read = bytearray()  # as the card gave it, whatever its periods are

    def read(self) -> tuple[int, bytes]:
        """Wait for one period; a negative length says that sound was lost before it."""
        if self.opened_s is None:
            self.opened_s = time.monotonic()  # the first read starts the device
        while len(self._read) < self._period_bytes:
            length, data = self._card.call("read")
            if length < 0:
                self._read.clear()
                return int(length), b""
            self._read += data
        period = bytes(self._read[: self._period_bytes])
        del self._read[: self._period_bytes]
        if self._card.suits:
            return FRAME_SAMPLES, period
        frames = np.frombuffer(period, dtype="<i2")
        mono = frames.reshape(-1, self._card.channels).mean(axis=1).astype(np.int16)
        return FRAME_SAMPLES, self._rate.convert(mono).astype("<i2").tobytes()

    def close(self) -> None:
        """Stop; harmless when closed."""
        self._card.close()


class AlsaPlayback:
    """The methods of `chips.PlaybackPcm`; making one opens the device."""

    def __init__(self, device: str, pace: Pace | None = None) -> None:
        self.opened_s: float | None = None
        self._device, self._pace = device, pace or Pace()
        self._open()

    @property
    def delay_s(self) -> float:
        """How long what is written waits until it is heard."""
        return self._card.buffer_s

    def write(self, data: bytes) -> int:
        """Wait for room and queue one period; negative: queued, but after an underrun."""
        if self.opened_s is None:
            self.opened_s = time.monotonic()  # the first write starts the device
        frames = data if self._card.suits else self._converted(data)
        written = int(self._card.call("write", frames))
        if written >= 0:
            return len(data) // 2
        if self._pace.underrun(time.monotonic()):
            self._card.close()
            self._open()
            logger.info("ALSA device %s: now %.0f ms deep", self._device, self.delay_s * 1000)
        self._card.call("write", frames)
        return written

    def close(self) -> None:
        """Stop at once, without playing what is queued; harmless when closed."""
        self._card.close()

    def _converted(self, data: bytes) -> bytes:
        wide = self._rate.convert(np.frombuffer(data, dtype="<i2").astype(np.int16))
        return np.repeat(wide.astype("<i2"), self._card.channels).tobytes()

    def _open(self) -> None:
        self._card = _Card(self._device, "PCM_PLAYBACK", *LADDER[self._pace.step])
        self._rate = FromWideband(self._card.factor)


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
        self.factor: int = found["rate"] // SAMPLE_RATE_HZ
        self.suits = self.factor == self.channels == 1  # nothing to convert
        self.buffer_s: float = found["period_size"] * found["periods"] / found["rate"]
        if (reason := _unusable(found)) is not None:
            self._pcm.close()
            raise HardwareError(f"ALSA device {device} {reason}: try plug{device}")

    def call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._pcm, method)(*arguments)
        except self._error as error:
            raise HardwareError(f"ALSA device {self._device}: {error}") from None

    def close(self) -> None:
        self._pcm.close()

    def _open(
        self, direction: str, rate_hz: int, channels: int, period_s: float, periods: int
    ) -> Any:
        try:
            return self._alsa.PCM(
                type=getattr(self._alsa, direction),
                mode=self._alsa.PCM_NORMAL,
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
    if rate_hz % SAMPLE_RATE_HZ or not 0 < rate_hz <= FACTOR_MAX * SAMPLE_RATE_HZ:
        return f"gives {rate_hz} Hz, no multiple of {SAMPLE_RATE_HZ}"
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
