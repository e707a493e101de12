"""Ringer: an active buzzer on one pin, in the cadence of the country.

Knows no call; it sounds from `start` to `stop`. An active buzzer has its own pitch.
Units: `_s` seconds.
Source: ITU-T E.180 Supplement 2 and the `ringcadence` of Asterisk's indications.conf.
"""

from __future__ import annotations

from firmware.drivers.cadence import Cadence
from firmware.drivers.chips import Gpio
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact
from firmware.model import Part

CADENCES_S = {  # sound, pause, sound, pause, ...
    "AT": (1.0, 5.0),
    "AU": (0.4, 0.2, 0.4, 2.0),
    "BE": (1.0, 3.0),
    "BR": (1.0, 4.0),
    "CH": (1.0, 4.0),
    "CZ": (1.0, 4.0),
    "DE": (1.0, 4.0),
    "DK": (1.0, 4.0),
    "ES": (1.5, 3.0),
    "FI": (1.0, 4.0),
    "FR": (1.5, 3.5),
    "GB": (0.4, 0.2, 0.4, 2.0),
    "IN": (0.4, 0.2, 0.4, 2.0),
    "IT": (1.0, 4.0),
    "JP": (1.0, 2.0),
    "NL": (1.0, 4.0),
    "NO": (1.0, 4.0),
    "NZ": (0.4, 0.2, 0.4, 2.0),
    "PL": (1.0, 4.0),
    "PT": (1.0, 5.0),
    "SE": (1.0, 5.0),
    "UK": (0.4, 0.2, 0.4, 2.0),
    "US": (2.0, 4.0),
}


class Ringer:
    """The bell; only `sample` moves the pin, so call it every 50 ms or oftener while it rings."""

    def __init__(self, gpio: Gpio, pin: int, country: str) -> None:
        self._gpio, self._pin = gpio, pin
        self._cadence = Cadence(CADENCES_S[country])
        self._sounding = False
        self._health = Health(Part.RINGER)
        gpio.set_output(pin, False)

    @property
    def quiet(self) -> bool:
        """It is silent and will be."""
        return not (self._cadence.active or self._sounding)

    def start(self, now_s: float) -> None:
        """Ring from `now_s` until `stop`; harmless when it rings already."""
        self._cadence.start(now_s)

    def stop(self) -> None:
        """Silence from the next sample on."""
        self._cadence.stop()

    def sample(self, now_s: float) -> Fact | None:
        """Turn the buzzer on or off as the cadence wants it; a failure or recovery, if any."""
        sound = self._cadence.is_loud(now_s)
        if sound == self._sounding:
            return None
        try:
            self._gpio.write(self._pin, sound)
        except HardwareError as error:
            return self._health.failed(error)
        self._sounding = sound
        return self._health.worked()
