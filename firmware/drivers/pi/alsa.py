"""Microphone and earpiece through ALSA, by the package `alsaaudio`.

16 kHz, mono, signed 16 bit, periods of 20 ms; ALSA's plug layer converts where the card cannot.
Source: pyalsaaudio 0.11, alsaaudio.PCM: data lost is a negative length, not an exception.
"""

from __future__ import annotations

import time
from typing import Any

from firmware.drivers.chips import CAPTURE_PERIODS, PLAYBACK_PERIODS
from firmware.errors import HardwareError
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ


class AlsaCapture:
    """The methods of `chips.CapturePcm`; making one opens the device."""

    def __init__(self, device: str) -> None:
        self.opened_s: float | None = None
        self._pcm = _Pcm(device, "PCM_CAPTURE", CAPTURE_PERIODS)

    def read(self) -> tuple[int, bytes]:
        """Wait for one period; a negative length says that sound was lost before it."""
        if self.opened_s is None:
            self.opened_s = time.monotonic()  # the first read starts the device
        length, data = self._pcm.call("read")
        return int(length), bytes(data)

    def close(self) -> None:
        """Stop; harmless when closed."""
        self._pcm.close()


class AlsaPlayback:
    """The methods of `chips.PlaybackPcm`; making one opens the device."""

    def __init__(self, device: str) -> None:
        self.opened_s: float | None = None
        self._pcm = _Pcm(device, "PCM_PLAYBACK", PLAYBACK_PERIODS)

    def write(self, data: bytes) -> int:
        """Wait for room and queue one period; negative: queued, but after an underrun."""
        if self.opened_s is None:
            self.opened_s = time.monotonic()  # the first write starts the device
        return int(self._pcm.call("write", data))

    def close(self) -> None:
        """Stop at once, without playing what is queued; harmless when closed."""
        self._pcm.close()


class _Pcm:
    """A PCM of alsaaudio with the one format we use; its errors are HardwareError."""

    def __init__(self, device: str, direction: str, periods: int) -> None:
        try:
            import alsaaudio
        except ImportError:
            raise HardwareError("the package pyalsaaudio is not installed") from None
        self._device, self._error = device, alsaaudio.ALSAAudioError
        try:
            self._pcm = alsaaudio.PCM(
                type=getattr(alsaaudio, direction),
                mode=alsaaudio.PCM_NORMAL,
                device=device,
                rate=SAMPLE_RATE_HZ,
                channels=1,
                format=alsaaudio.PCM_FORMAT_S16_LE,
                periodsize=FRAME_SAMPLES,
                periods=periods,
            )
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"ALSA device {device}: {error}") from None
        found = self._pcm.info()
        if (found["rate"], found["period_size"]) != (SAMPLE_RATE_HZ, FRAME_SAMPLES):
            self._pcm.close()
            raise HardwareError(
                f"ALSA device {device} gives {found['rate']} Hz, periods of {found['period_size']},"
                f" not {SAMPLE_RATE_HZ} and {FRAME_SAMPLES}: try plug{device}"
            )

    def call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._pcm, method)(*arguments)
        except self._error as error:
            raise HardwareError(f"ALSA device {self._device}: {error}") from None

    def close(self) -> None:
        self._pcm.close()
