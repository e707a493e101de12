"""The chips that the contract tests run over: simulated, real packages on simulated chips, real."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.drivers.chips import Gpio
from firmware.drivers.pi.gpio import PiGpio
from firmware.drivers.sim.gpio import SimGpio
from tests.chips.card import Card, build, plugged_in

FAKE_LGPIO = Path(__file__).parent / "fake_lgpio"
REVISION = "RPI_LGPIO_REVISION"  # of the board; rpi-lgpio refuses to work where there is none
RASPBERRY_PI_4B = "c03114"
VENDOR_MODULES = ("lgpio", "RPi", "RPi.GPIO")
JOINED_PINS = (17, 27)  # by a wire on the real board, by simulated copper elsewhere


@dataclass(frozen=True, slots=True)
class Header:
    """A GPIO header, and the copper outside it; a real one has no copper that a test can move."""

    gpio: Gpio
    world: SimGpio | None = None
    busy: set[int] | None = None  # put a pin in here, and another process holds it


@pytest.fixture(params=["sim", "pi", "real"])
def header(request: pytest.FixtureRequest) -> Iterator[Header]:
    """Two pins joined, on: the simulation, rpi-lgpio on a simulated chip, and with --real a Pi."""
    if request.param == "sim":
        yield joined(Header(SimGpio()))
    elif request.param == "pi":
        yield from lgpio_header()
    else:
        skip_unless_real(request)
        gpio = PiGpio()
        yield Header(gpio)
        gpio.close()


@pytest.fixture(scope="session")
def card_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ALSA plug-in that is a sound card made of a timer."""
    return build(tmp_path_factory.mktemp("card"))


@pytest.fixture
def card(card_library: Path, tmp_path: Path) -> Iterator[Card]:
    """It is plugged in for the time of one test."""
    with plugged_in(card_library, tmp_path) as one:
        yield one


def joined(header: Header) -> Header:
    """With a wire between the two pins; a header that is its own copper gets itself as world."""
    world = header.world or header.gpio
    assert isinstance(world, SimGpio)
    world.connect(*JOINED_PINS)
    return Header(header.gpio, world, header.busy)


def lgpio_header() -> Iterator[Header]:
    """The real rpi-lgpio, which finds the simulated chip in the place of the package lgpio."""
    hidden = {name: sys.modules.pop(name, None) for name in VENDOR_MODULES}
    sys.path.insert(0, str(FAKE_LGPIO))
    os.environ[REVISION] = RASPBERRY_PI_4B
    try:
        gpio = PiGpio()
        chip = sys.modules["lgpio"]
        assert chip.__file__ == str(FAKE_LGPIO / "lgpio.py")
        yield joined(Header(gpio, chip.world, chip.busy))
        chip.busy.clear()
        gpio.close()
    finally:
        del os.environ[REVISION]
        sys.path.remove(str(FAKE_LGPIO))
        for name, module in hidden.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def skip_unless_real(request: pytest.FixtureRequest) -> None:
    """Real chips are tested only where somebody says that they are there."""
    if not request.config.getoption("--real"):
        pytest.skip("no real chips here (--real)")
