"""The GPIO header of a Raspberry Pi through the package `RPi.GPIO`.

On current kernels and the Pi 5 that package is rpi-lgpio; RPi.GPIO serves older boards.
Source: rpi-lgpio 0.6, the reference of its module RPi.GPIO.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from firmware.drivers import priority
from firmware.errors import HardwareError


class PiGpio:
    """The methods of `chips.Gpio`; raises HardwareError where there is no header or no package."""

    def __init__(self) -> None:
        self._vendor, self._errors = _load()
        with self._mapped("GPIO header"):
            self._vendor.setwarnings(False)  # pins change direction with every scan of the keypad
            self._vendor.setmode(self._vendor.BCM)

    def set_input(self, pin: int) -> None:
        """Input with the pull-up on."""
        with self._mapped(f"pin {pin}"):
            self._vendor.setup(pin, self._vendor.IN, pull_up_down=self._vendor.PUD_UP)

    def set_output(self, pin: int, level: bool) -> None:
        """Output, driving `level` from the first moment."""
        with self._mapped(f"pin {pin}"):
            self._vendor.setup(pin, self._vendor.OUT, initial=level)

    def read(self, pin: int) -> bool:
        """Level of an input, or what an output drives."""
        with self._mapped(f"pin {pin}"):
            return bool(self._vendor.input(pin))

    def write(self, pin: int, level: bool) -> None:
        """Drive an output."""
        with self._mapped(f"pin {pin}"):
            self._vendor.output(pin, level)

    def watch(self, pin: int, on_edge: Callable[[], object]) -> None:
        """From now on call `on_edge`, in a thread of lgpio's, whenever an input changes."""
        with self._mapped(f"pin {pin}"):
            both = self._vendor.BOTH
            self._vendor.add_event_detect(pin, both, callback=lambda _channel: on_edge())

    def close(self) -> None:
        """Give all pins back as inputs."""
        with self._mapped("GPIO header"):
            self._vendor.cleanup()

    @contextlib.contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise HardwareError(f"{what}: {error}") from None


def _load() -> tuple[Any, tuple[type[Exception], ...]]:
    """The vendor's module, and what it raises.

    lgpio makes a pipe in the current directory when it is imported, and stays in that directory:
    both are undone here, so that relative paths go on to mean what the operator meant.
    """
    import tempfile  # with all of its archives it is needed here only

    try:
        with (
            tempfile.TemporaryDirectory() as scratch,
            contextlib.chdir(scratch),
            priority.for_new_threads(priority.CONTACTS),  # lgpio's thread that tells edges
        ):
            from RPi import GPIO
    except ImportError:
        raise HardwareError("the package rpi-lgpio is not installed") from None
    except (RuntimeError, OSError) as error:
        raise HardwareError(f"no GPIO header: {error}") from None
    errors: tuple[type[Exception], ...] = (RuntimeError, ValueError, OSError)
    try:
        import lgpio
    except ImportError:
        return GPIO, errors  # the older package, which has no error of its own
    return GPIO, (*errors, lgpio.error)
