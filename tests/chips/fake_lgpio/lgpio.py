"""A kernel's GPIO chip for the real rpi-lgpio: the functions of `lgpio` that it calls.

Stands first on the path instead of the package lgpio; the pins are simulated copper (`world`).
Returns and raises what lgpio 0.2.2 does. Not simulated: groups, PWM.
Source: lgpio.py 0.2.2.0.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from firmware.drivers.sim.gpio import SimGpio

SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
GPIO_BUSY, GPIO_NOT_ALLOCATED = -79, -80
GPIOS = 58  # BCM2711
_INPUT, _OUTPUT, _ALERT = 0x100, 0x200, 0x400  # mode bits: this process owns the pin
_HANDLE = 0

world = SimGpio()
busy: set[int] = set()  # pins that another process holds
_modes: dict[int, int] = {}
_open = False


class error(Exception):  # noqa: N801, N818 - its name in lgpio
    """What every function raises instead of returning a negative number."""


def error_text(number: int) -> str:
    return {GPIO_BUSY: "GPIO busy", GPIO_NOT_ALLOCATED: "GPIO not allocated"}.get(number, "error")


def gpiochip_open(number: int) -> int:
    global _open
    if number != 0:
        raise error("can not open gpiochip")
    _open = True
    return _HANDLE


def gpiochip_close(handle: int) -> int:
    global _open
    _check(handle)
    for gpio in list(_modes):
        gpio_free(handle, gpio)
    _open = False
    return 0


def gpio_get_chip_info(handle: int) -> list[object]:
    _check(handle)
    return [0, GPIOS, "gpiochip0", "pinctrl-bcm2711"]


def gpio_get_mode(handle: int, gpio: int) -> int:
    _check(handle, gpio)
    return _modes.get(gpio, 0)


def gpio_claim_input(handle: int, gpio: int, flags: int = 0) -> int:
    _check(handle, gpio)
    _modes[gpio] = _INPUT | flags
    world.set_input(gpio)
    return 0


def gpio_claim_output(handle: int, gpio: int, level: int = 0, flags: int = 0) -> int:
    _check(handle, gpio)
    _modes[gpio] = _OUTPUT | flags
    world.set_output(gpio, bool(level))
    return 0


def gpio_claim_alert(handle: int, gpio: int, edges: int, flags: int = 0, notify: int = -1) -> int:
    _check(handle, gpio)
    _modes[gpio] = _INPUT | _ALERT | flags
    world.set_input(gpio)
    return 0


class callback:  # noqa: N801 - its name in lgpio
    """Calls `func(chip, gpio, level, timestamp)` at each edge, as lgpio's own thread does."""

    def __init__(
        self, handle: int, gpio: int, edge: int = 1, func: Callable[..., object] | None = None
    ) -> None:
        assert func is not None
        self._gpio = gpio
        world.watch(gpio, lambda: func(handle, gpio, int(world.read(gpio)), time.monotonic_ns()))

    def cancel(self) -> None:
        world.unwatch(self._gpio)


def gpio_free(handle: int, gpio: int) -> int:
    _check(handle, gpio)
    if gpio not in _modes:
        raise error(error_text(GPIO_NOT_ALLOCATED))
    del _modes[gpio]
    world.set_input(gpio)
    return 0


def gpio_read(handle: int, gpio: int) -> int:
    _check(handle, gpio)
    return int(world.read(gpio))


def gpio_write(handle: int, gpio: int, level: int) -> int:
    _check(handle, gpio)
    if not _modes.get(gpio, 0) & _OUTPUT:
        raise error(error_text(GPIO_NOT_ALLOCATED))
    world.write(gpio, bool(level))
    return 0


def _check(handle: int, gpio: int = 0) -> None:
    if not _open or handle != _HANDLE:
        raise error("unknown handle")
    if not 0 <= gpio < GPIOS:
        raise error("bad GPIO number")
    if gpio in busy:
        raise error(error_text(GPIO_BUSY))
