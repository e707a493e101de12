"""What the OLED's driver expects of a panel: Adafruit's driver on a simulated and on a real bus."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from firmware.drivers.chips import I2cBus
from firmware.drivers.pi.i2c import LinuxI2c
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.errors import HardwareError
from tests.chips.conftest import skip_unless_real

ADDRESS, NOBODY = 0x3C, 0x3B
PIXELS = np.random.default_rng(1).integers(0, 256, 1024, dtype=np.uint8).tobytes()


@pytest.fixture(params=["sim", "real"])
def bus(request: pytest.FixtureRequest) -> Iterator[I2cBus]:
    if request.param == "sim":
        bus = SimI2c()
        bus.attach(ADDRESS, SimSsd1306())
        yield bus
    else:
        skip_unless_real(request)
        yield LinuxI2c(1)


def test_panel_shows_pictures_one_after_the_other(bus: I2cBus) -> None:
    panel = Ssd1306Panel(bus, 128, 64, ADDRESS)
    for _ in range(3):
        panel.show(PIXELS)
        panel.show(bytes(1024))
    panel.close()


def test_panel_at_an_address_where_nobody_answers_is_a_hardware_error(bus: I2cBus) -> None:
    with pytest.raises(HardwareError, match="OLED at 0x3b"):
        Ssd1306Panel(bus, 128, 64, NOBODY)


@pytest.mark.parametrize(("width", "height"), [(128, 64), (128, 32), (64, 48), (64, 32), (96, 16)])
def test_panel_of_each_size_shows_the_picture_as_it_was_drawn(width: int, height: int) -> None:
    bus, chip = SimI2c(), SimSsd1306(width, height)
    bus.attach(ADDRESS, chip)
    panel = Ssd1306Panel(bus, width, height, ADDRESS)
    pixels = PIXELS[: width * height // 8]
    panel.show(pixels)
    assert chip.pixels() == pixels
    assert chip.unknown_commands == 0
    panel.close()
    assert not chip.visible().any()


def test_panel_pulled_off_is_a_hardware_error_and_can_still_be_closed() -> None:
    bus = SimI2c()
    bus.attach(ADDRESS, SimSsd1306())
    panel = Ssd1306Panel(bus, 128, 64, ADDRESS)
    bus.detach(ADDRESS)
    with pytest.raises(HardwareError, match="Remote I/O error"):
        panel.show(PIXELS)
    panel.close()


def test_panel_is_initialised_again_after_its_supply_was_interrupted() -> None:
    bus, chip = SimI2c(), SimSsd1306()
    bus.attach(ADDRESS, chip)
    Ssd1306Panel(bus, 128, 64, ADDRESS).show(PIXELS)
    chip.power_cycle()
    assert not chip.visible().any()
    Ssd1306Panel(bus, 128, 64, ADDRESS).show(PIXELS)
    assert chip.pixels() == PIXELS
