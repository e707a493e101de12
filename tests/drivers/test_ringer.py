"""The bell, on a simulated pin."""

from __future__ import annotations

import pytest

from firmware.config import COUNTRIES
from firmware.drivers.ringer import CADENCES_S, Ringer
from firmware.drivers.sim.gpio import SimGpio
from firmware.errors import HardwareError
from firmware.events import HardwareFailed, HardwareRecovered
from firmware.model import Part

PIN = 12


class LooseGpio(SimGpio):
    """A header whose writes fail while it is `loose`."""

    loose = False

    def write(self, pin: int, level: bool) -> None:
        if self.loose:
            raise HardwareError("loose")
        super().write(pin, level)


def changes(country: str, until_s: float) -> list[tuple[float, bool]]:
    """When the buzzer goes on and off, to 10 ms, ringing from 100 s on."""
    gpio = SimGpio()
    ringer = Ringer(gpio, PIN, country)
    ringer.start(100.0)
    ringer.sample(100.0)
    found = [(0.0, gpio.read(PIN))]
    for step in range(round(until_s * 100)):
        ringer.sample(100.0 + step * 0.01 + 0.001)
        if gpio.read(PIN) != found[-1][1]:
            found.append((step / 100, gpio.read(PIN)))
    return found


def test_ringer_knows_each_country_of_the_configuration() -> None:
    assert tuple(sorted(CADENCES_S)) == COUNTRIES


@pytest.mark.parametrize("country", COUNTRIES)
def test_ringer_cadence_begins_with_sound_and_ends_with_a_pause(country: str) -> None:
    assert len(CADENCES_S[country]) % 2 == 0


def test_ringer_in_germany_sounds_one_second_in_five() -> None:
    assert changes("DE", 7.0) == [(0.0, True), (1.0, False), (5.0, True), (6.0, False)]


def test_ringer_in_britain_sounds_twice_and_pauses() -> None:
    assert changes("GB", 3.5) == [
        (0.0, True), (0.4, False), (0.6, True), (1.0, False), (3.0, True), (3.4, False)
    ]  # fmt: skip


def test_ringer_not_started_is_silent() -> None:
    gpio = SimGpio()
    ringer = Ringer(gpio, PIN, "DE")
    assert ringer.sample(0.0) is None
    assert gpio.outputs == {PIN: False}


def test_ringer_stopped_while_it_sounds_is_silent_with_the_next_sample() -> None:
    gpio = SimGpio()
    ringer = Ringer(gpio, PIN, "DE")
    ringer.start(0.0)
    ringer.sample(0.0)
    assert gpio.outputs == {PIN: True}
    ringer.stop()
    ringer.sample(0.005)
    assert gpio.outputs == {PIN: False}


def test_ringer_started_twice_keeps_its_cadence() -> None:
    gpio = SimGpio()
    ringer = Ringer(gpio, PIN, "DE")
    ringer.start(0.0)
    ringer.start(0.9)
    ringer.sample(1.1)
    assert not gpio.read(PIN)


def test_ringer_that_fails_is_reported_once_and_sounds_after_its_recovery() -> None:
    gpio = LooseGpio()
    ringer = Ringer(gpio, PIN, "DE")
    gpio.loose = True
    ringer.start(0.0)
    assert ringer.sample(0.0) == HardwareFailed(Part.RINGER, "loose")
    assert ringer.sample(0.1) is None
    gpio.loose = False
    assert ringer.sample(0.2) == HardwareRecovered(Part.RINGER)
    assert gpio.read(PIN)
