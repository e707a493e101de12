"""What a driver may ask of a chip; pi/ has the real ones, sim/ the simulated ones.

Only what we use of each chip, in the words of the vendor's package. Each method raises
HardwareError when the chip is gone, the I2C bus alone OSError, as Adafruit's drivers expect it.
Units: `_s` seconds of CLOCK_MONOTONIC; sound in frames of one sample, signed 16 bit, mono, 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PERIOD_BYTES = 640  # 20 ms: model.FRAME_SAMPLES samples of 16 bit, little-endian
CAPTURE_PERIODS = 4  # a reader may be 60 ms late before sound is lost
PLAYBACK_PERIODS = 3  # so deep is a simulated card

Bytes = bytes | bytearray | memoryview


class Gpio(Protocol):
    """The pins of the header, by BCM number; True is high."""

    def set_input(self, pin: int) -> None:
        """Input with the pull-up on."""

    def set_output(self, pin: int, level: bool) -> None:
        """Output, driving `level` from the first moment."""

    def read(self, pin: int) -> bool:
        """Level of an input, or what an output drives."""

    def write(self, pin: int, level: bool) -> None:
        """Drive an output."""

    def watch(self, pin: int, on_edge: Callable[[], object]) -> None:
        """From now on call `on_edge`, in any thread, whenever an input changes; once per pin."""

    def close(self) -> None:
        """Give all pins back as inputs."""


class I2cBus(Protocol):
    """An I2C bus as CircuitPython's `busio.I2C`; a missing acknowledge is OSError."""

    def try_lock(self) -> bool:
        """Take the bus; False if another has it."""

    def unlock(self) -> None:
        """Give the bus back."""

    def writeto(
        self, address: int, buffer: Bytes, *, start: int = 0, end: int | None = None
    ) -> None:
        """One write transaction of `buffer[start:end]`."""

    def readfrom_into(
        self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None
    ) -> None:
        """One read transaction into `buffer[start:end]`."""

    def deinit(self) -> None:
        """Close the bus."""


class Panel(Protocol):
    """A monochrome display."""

    def show(self, pixels: bytes) -> None:
        """Show `model.Picture.pixels`; returns when the panel has what is new in them."""

    def contrast(self, level: int) -> None:
        """From 1 to 255; 0 = blank, the picture stays in the memory."""

    def close(self) -> None:
        """Dark, and off the bus; never raises."""


class CapturePcm(Protocol):
    """A microphone that runs, in the style of alsaaudio."""

    opened_s: float | None  # when its first sample was taken; None before the first read

    def wait_s(self) -> float:
        """After how long a read would not have to wait; 0.0 = now, also when it would fail."""

    def read(self) -> tuple[int, bytes]:
        """Wait for one period; frames and their bytes. Negative: sound was lost before."""

    def close(self) -> None:
        """Stop; a read of another thread may still be waiting."""


class PlaybackPcm(Protocol):
    """An earpiece that runs, in the style of alsaaudio."""

    opened_s: float | None  # when its first sample is heard; None before the first write

    @property
    def margin_s(self) -> float:
        """How much should be queued when the next frame is written, so that it never runs dry."""

    @property
    def delay_s(self) -> float:
        """How long what is written then waits until it is heard."""

    def queued_s(self) -> float:
        """How much is still to be heard; 0.0 = it is dry, or broken."""

    def write(self, data: bytes) -> int:
        """Queue frames, in whole milliseconds; their count. Negative: queued too, but it was dry.

        Waits while more than `margin_s` and a frame are queued.
        """

    def close(self) -> None:
        """Stop at once; what is queued may be lost."""


class Stream(Protocol):
    """A device of bytes or of reports: serial line, hidraw, evdev."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, waiting for it `timeout_s` at most; empty = nothing, or woken."""

    def write(self, data: bytes) -> None:
        """Send `data`."""

    def wake(self) -> None:
        """From any thread: the read that waits, or the next one, returns at once."""

    def close(self) -> None:
        """Give the device back; harmless when closed."""
