"""The OLED's thread, with Adafruit's real driver on the simulated bus and chip."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from firmware.drivers.oled import Oled
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import Part, Picture

ADDRESS = 0x3C
WAIT_S = 5.0  # for a thread that does not come


class WatchedChip(SimSsd1306):
    """Tells the test of each picture that is complete."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def write(self, data: bytes) -> None:
        super().write(data)
        if len(data) == 1025:
            self.pictures.put(data[1:])


class Bench:
    """An OLED, its wires, and what it reports."""

    def __init__(self, *, soldered: bool = True) -> None:
        self.bus, self.chip = SimI2c(), WatchedChip()
        if soldered:
            self.bus.attach(ADDRESS, self.chip)
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.oled = Oled(lambda: Ssd1306Panel(self.bus, 128, 64, ADDRESS))
        self.oled.open(self.facts.put)

    def shown(self) -> bytes:
        """The next picture that is not the dark one of the initialisation."""
        while True:
            pixels = self.chip.pictures.get(timeout=WAIT_S)
            if any(pixels):
                return pixels


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.oled.close()
    assert bench.oled.join(WAIT_S)


def picture(byte: int) -> Picture:
    return Picture((str(byte),), bytes([byte]) * 1024)


def test_oled_picture_reaches_the_glass(bench: Bench) -> None:
    bench.oled.show(picture(1))
    assert bench.shown() == picture(1).pixels
    assert bench.chip.pixels() == picture(1).pixels
    assert bench.chip.unknown_commands == 0


def test_oled_latest_of_many_pictures_is_the_one_that_stays(bench: Bench) -> None:
    for byte in range(1, 200):
        bench.oled.show(picture(byte))
    pixels = b""
    while pixels != picture(199).pixels:
        pixels = bench.shown()
    assert bench.chip.pictures.empty()


def test_oled_same_pixels_again_are_not_sent_again(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.shown()
    bench.oled.show(picture(1))
    bench.oled.show(picture(2))
    assert bench.shown() == picture(2).pixels
    assert bench.oled.shown <= 2


def test_oled_pulled_off_is_reported_once_and_initialised_when_it_is_back(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.shown()
    bench.bus.detach(ADDRESS)
    bench.oled.show(picture(2))
    failed = bench.facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and failed.part is Part.OLED
    bench.chip.power_cycle()
    bench.oled.show(picture(3))
    bench.bus.attach(ADDRESS, bench.chip)
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.OLED)
    assert bench.chip.pixels() == picture(3).pixels
    assert bench.facts.empty()


def test_oled_missing_from_the_start_is_reported_with_its_address() -> None:
    bench = Bench(soldered=False)
    failed = bench.facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and "0x3c" in failed.reason
    bench.oled.close()
    assert bench.oled.join(WAIT_S)


def test_oled_closed_goes_dark() -> None:
    bench = Bench()
    bench.oled.show(picture(255))
    bench.shown()
    bench.oled.close()
    bench.oled.close()
    assert bench.oled.join(WAIT_S)
    assert not bench.chip.visible().any()
