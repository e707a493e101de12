"""The OLED's thread, with Adafruit's real driver on the simulated bus and chip."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

import pytest

from firmware.drivers.burn_in import BRIGHT, DIM, BurnIn, shifted
from firmware.drivers.oled import Oled
from firmware.drivers.pi.ssd1306 import Ssd1306Panel
from firmware.drivers.sim.i2c import SimI2c
from firmware.drivers.sim.ssd1306 import SimSsd1306
from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import Part, Picture

ADDRESS = 0x3C
WAIT_S = 5.0  # for a thread that does not come


class WatchedChip(SimSsd1306):
    """Tells the test of each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def write(self, data: bytes) -> None:
        super().write(data)
        self.writes.put(data)


class Bench:
    """An OLED, its wires, and what it reports."""

    def __init__(
        self, *, soldered: bool = True, dim_s: float = 3600.0, blank_s: float = 3600.0
    ) -> None:
        self.bus, self.chip = SimI2c(), WatchedChip()
        if soldered:
            self.bus.attach(ADDRESS, self.chip)
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.oled = Oled(lambda: Ssd1306Panel(self.bus, 128, 64, ADDRESS), dim_s, blank_s)
        self.oled.open(self.facts.put)

    def until(self, holds: Callable[[], bool]) -> int:
        """Wait for it; bytes sent to the chip meanwhile."""
        sent = 0
        while not holds():
            sent += len(self.chip.writes.get(timeout=WAIT_S))
        return sent

    def shows(self, wanted: Picture) -> bool:
        pixels = wanted.pixels
        return self.chip.pixels() in (pixels, shifted(pixels, 128, 1))


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.oled.close()
    assert bench.oled.join(WAIT_S)


def picture(byte: int, changed: bytes = b"", at: int = 0) -> Picture:
    pixels = bytearray(bytes([byte]) * 1024)
    pixels[at : at + len(changed)] = changed
    return Picture((str(byte),), bytes(pixels))


def test_oled_picture_reaches_the_glass(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.until(lambda: bench.shows(picture(1)))
    assert bench.chip.unknown_commands == 0


def test_oled_latest_of_many_pictures_is_the_one_that_stays(bench: Bench) -> None:
    for byte in range(1, 200):
        bench.oled.show(picture(byte))
    bench.until(lambda: bench.shows(picture(199)))


def test_oled_same_pixels_again_are_not_sent_again(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.until(lambda: bench.shows(picture(1)))
    bench.oled.show(picture(1))
    bench.oled.show(picture(2))
    bench.until(lambda: bench.shows(picture(2)))
    assert bench.oled.shown <= 2


def test_oled_sends_of_a_changed_digit_only_its_columns(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.until(lambda: bench.shows(picture(1)))
    while not bench.chip.writes.empty():
        bench.chip.writes.get()
    changed = picture(1, b"\x7e" * 8, at=3 * 128 + 40)
    bench.oled.show(changed)
    assert bench.until(lambda: bench.shows(changed)) <= 7 + 9 + 1  # window, dots, moved by one


def test_oled_unused_dims_then_goes_blank_and_use_lights_it_again() -> None:
    bench = Bench(dim_s=0.2, blank_s=0.5)
    bench.oled.show(picture(3))
    bench.oled.use(on=True)
    bench.until(lambda: bench.shows(picture(3)) and bench.chip.contrast == BRIGHT)
    bench.oled.use(on=False)
    bench.until(lambda: bench.chip.contrast == DIM)
    assert bench.chip.on
    bench.until(lambda: not bench.chip.on)
    bench.oled.show(picture(4))  # such as the time of day: no reason to light up
    bench.until(lambda: bench.oled.shown >= 2)
    assert not bench.chip.on
    bench.oled.use(on=True)
    bench.until(lambda: bench.shows(picture(4)) and bench.chip.contrast == BRIGHT)
    bench.oled.close()
    assert bench.oled.join(WAIT_S)


def test_burn_in_moves_the_picture_and_never_while_it_is_blank() -> None:
    burn_in = BurnIn(dim_s=30.0, blank_s=300.0)
    burn_in.use(0.0, on=True)
    assert {burn_in.look(step * 10.0).shift for step in range(20)} == {0, 1}
    assert {burn_in.look(step * 10.0).contrast for step in range(20)} == {BRIGHT}
    burn_in.use(1000.0, on=False)
    looks = [burn_in.look(1000.0 + unused_s).contrast for unused_s in (29.9, 30.0, 299.9, 300.0)]
    assert looks == [BRIGHT, DIM, DIM, 0]
    assert burn_in.wait_s(1300.0) is None
    waits = [burn_in.wait_s(1000.0 + unused_s) or 0.0 for unused_s in (0.0, 29.5, 250.0, 299.0)]
    assert all(0.0 < wait_s <= 60.0 for wait_s in waits) and waits[1] == waits[3] / 2 == 0.5


def test_picture_shifted_loses_only_its_last_columns() -> None:
    assert shifted(bytes(range(8)), 4, 1) == bytes([0, 0, 1, 2, 0, 4, 5, 6])
    assert shifted(bytes(range(8)), 4, 0) == bytes(range(8))


def test_oled_pulled_off_is_reported_once_and_initialised_when_it_is_back(bench: Bench) -> None:
    bench.oled.show(picture(1))
    bench.until(lambda: bench.shows(picture(1)))
    bench.bus.detach(ADDRESS)
    bench.oled.show(picture(2))
    failed = bench.facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and failed.part is Part.OLED
    bench.chip.power_cycle()
    bench.oled.show(picture(3))
    bench.bus.attach(ADDRESS, bench.chip)
    assert bench.facts.get(timeout=WAIT_S) == HardwareRecovered(Part.OLED)
    assert bench.shows(picture(3))
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
    bench.until(lambda: bench.shows(picture(255)))
    bench.oled.close()
    bench.oled.close()
    assert bench.oled.join(WAIT_S)
    assert not bench.chip.visible().any()
