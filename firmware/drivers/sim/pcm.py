"""Simulated sound: WAV files and silence, paced in real time as a sound card would.

A capture reads its file from the beginning at each opening, then silence. A playback writes one
recording over all its openings, in which the pauses between them are silence, so that a second of
the file is a second of the clock. Every deadline is counted from the start of its stream, so the
pace does not drift.
Units: `_s` seconds of CLOCK_MONOTONIC; 16 kHz, mono, signed 16 bit, 20 ms a period.
Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF WAVE).
"""

from __future__ import annotations

import errno
import os
import struct
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.drivers.chips import CAPTURE_PERIODS, PERIOD_BYTES, PLAYBACK_PERIODS
from firmware.errors import HardwareError
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ

SAMPLE_BYTES = 2
HEADER_BYTES = 44
HEADER_INTERVAL_PERIODS = 25  # the header is at most half a second behind the samples
PAUSE_MAX_S = 3600.0  # a longer pause is recorded as this; holes in a file cost no space
RECORDING_BYTES_MAX = 1 << 31  # 18 hours; what comes after is not recorded (RIFF ends at 4 GiB)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from; tests pass one that they turn by hand."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def sleep_until(self, due_s: float) -> None:
        """Return at `due_s`, or at once if that is past."""
        wait_s = due_s - self.now()
        if wait_s > 0:
            self.sleep(wait_s)


def read_wav(path: Path) -> bytes:
    """The samples of a WAV file; HardwareError if it is not mono, 16 kHz, 16 bit."""
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getnchannels(), file.getframerate(), 8 * file.getsampwidth())
            if found == (1, SAMPLE_RATE_HZ, 16):
                return file.readframes(file.getnframes())
    except OSError as error:
        raise HardwareError(f"cannot read {path}: {error.strerror}") from None
    except (wave.Error, EOFError) as error:
        raise HardwareError(f"{path} is no WAV file ({error or 'it ends early'})") from None
    channels, rate_hz, bits = found
    raise HardwareError(
        f"{path} has {channels} channel(s), {rate_hz} Hz, {bits} bit;"
        f" needed are 1 channel, {SAMPLE_RATE_HZ} Hz, 16 bit"
    )


class SimCapture:
    """`samples` from the beginning, then silence; the methods of `chips.CapturePcm`."""

    def __init__(self, samples: bytes = b"", clock: Clock | None = None) -> None:
        self.opened_s: float | None = None
        self._samples, self._clock = samples, clock or Clock()
        self._period = 0
        self._closed = False

    def wait_s(self) -> float:
        """Until the next period has been heard."""
        if self.opened_s is None:
            self.opened_s = self._clock.now()
        return max(0.0, self.opened_s + (self._period + 1) * FRAME_S - self._clock.now())

    def read(self) -> tuple[int, bytes]:
        """Wait until the next period has been heard; after an overrun it is a later one."""
        if self._closed:
            raise HardwareError("the PCM is closed")
        now_s = self._clock.now()
        if self.opened_s is None:
            self.opened_s = now_s
        late_periods = int((now_s - self.opened_s) / FRAME_S) - self._period
        lost = late_periods > CAPTURE_PERIODS
        if lost:
            self._period += late_periods  # the card threw these away
        self._clock.sleep_until(self.opened_s + (self._period + 1) * FRAME_S)
        start = self._period * PERIOD_BYTES
        self._period += 1
        data = self._samples[start : start + PERIOD_BYTES].ljust(PERIOD_BYTES, b"\0")
        return -errno.EPIPE if lost else FRAME_SAMPLES, data

    def close(self) -> None:
        """Stop."""
        self._closed = True


class SimPlayback:
    """Plays into `recording`, or nowhere; the methods of `chips.PlaybackPcm`."""

    margin_s = delay_s = FRAME_S

    def __init__(self, recording: Recording | None = None, clock: Clock | None = None) -> None:
        self.opened_s: float | None = None
        self._recording, self._clock = recording, clock or Clock()
        self._start_s = 0.0  # when the first sample would have been heard without the underruns
        self._samples = 0
        self._closed = False

    def queued_s(self) -> float:
        """How much is still to be heard."""
        return 0.0 if self.opened_s is None else max(0.0, self._end_s() - self._clock.now())

    def write(self, data: bytes) -> int:
        """Wait until no more than the card's buffer is queued, then record what was written."""
        if self._closed:
            raise HardwareError("the PCM is closed")
        now_s = self._clock.now()
        if self.opened_s is None:
            self.opened_s = self._start_s = now_s
        dry_s = now_s - self._end_s()
        if dry_s > 0:  # the card has nothing left, and starts again with this
            self._start_s += dry_s
        begins_s = self._end_s()
        self._clock.sleep_until(begins_s - (PLAYBACK_PERIODS - 1) * FRAME_S)
        if self._recording is not None:
            self._recording.play(data, begins_s)
        self._samples += len(data) // SAMPLE_BYTES
        return -errno.EPIPE if dry_s > 0 else len(data) // SAMPLE_BYTES

    def close(self) -> None:
        """Stop; what was written is in the recording."""
        self._closed = True
        if self._recording is not None:
            self._recording.sync()

    def _end_s(self) -> float:
        """When all that was written has been heard."""
        return self._start_s + self._samples / SAMPLE_RATE_HZ


class Recording:
    """A WAV file that grows, readable at every moment, also after its process was killed."""

    def __init__(self, path: Path) -> None:
        self.opened_s: float | None = None  # CLOCK_MONOTONIC of its first sample
        self.cut_s = 0.0  # taken out of pauses longer than PAUSE_MAX_S
        self._end_bytes = self._synced_bytes = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HardwareError(f"cannot write {path}: {error.strerror}") from None
        self._write_header()

    def play(self, data: bytes, heard_s: float) -> None:
        """Put samples where they are heard; what a closing left unheard is overwritten."""
        if self.opened_s is None:
            self.opened_s = heard_s
        end_samples = self._end_bytes // SAMPLE_BYTES
        at_samples = round((heard_s - self.opened_s - self.cut_s) * SAMPLE_RATE_HZ)
        if at_samples - end_samples > PAUSE_MAX_S * SAMPLE_RATE_HZ:
            kept_samples = round(PAUSE_MAX_S * SAMPLE_RATE_HZ)
            self.cut_s += (at_samples - end_samples - kept_samples) / SAMPLE_RATE_HZ
            at_samples = end_samples + kept_samples
        elif abs(at_samples - end_samples) <= 1:  # rounding; the same sound goes on
            at_samples = end_samples
        start_bytes = max(0, at_samples) * SAMPLE_BYTES
        if start_bytes + len(data) > RECORDING_BYTES_MAX:
            return
        self._write(data, HEADER_BYTES + start_bytes)
        self._end_bytes = start_bytes + len(data)
        if abs(self._end_bytes - self._synced_bytes) >= HEADER_INTERVAL_PERIODS * PERIOD_BYTES:
            self.sync()

    def sync(self) -> None:
        """Let the header tell of all samples."""
        if self._synced_bytes != self._end_bytes:
            self._synced_bytes = self._end_bytes
            self._write_header()

    def close(self) -> None:
        """Finish the file; harmless when closed."""
        if self._file >= 0:
            self.sync()
            os.close(self._file)
            self._file = -1

    def _write_header(self) -> None:
        size_bytes = self._synced_bytes
        riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size_bytes, b"WAVE")
        rate = (SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
        layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, *rate)
        self._write(riff + layout + struct.pack("<4sI", b"data", size_bytes), 0)

    def _write(self, data: bytes, at_bytes: int) -> None:
        if self._file < 0:
            raise HardwareError("the recording is closed")
        try:
            os.pwrite(self._file, data, at_bytes)
        except OSError as error:
            raise HardwareError(f"cannot record: {error.strerror}") from None
