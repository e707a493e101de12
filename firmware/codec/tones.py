"""Call-progress tones of several countries, as frames to be heard.

Knows no call: `TonePlayer` plays what it is told, from the first sample of the next frame on.
Units: hertz, milliseconds; levels in dBm0, where a sine of full scale is +3.14 dBm0 (G.711).
Sources: ITU-T E.180 and its Supplement 2; the table is in countries.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from firmware.codec.countries import HELD, HOWLER, SPECIAL_INFORMATION, TONES_OF, CountryTones
from firmware.errors import ConfigError
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Tone, silence

LEVEL_DBM0 = -13.0  # of the whole tone, all frequencies together; easy on the ear at any volume
RAMP_SAMPLES = 80  # 5 ms up and down, against clicks
COUNTRIES = frozenset(TONES_OF)

FULL_SCALE_DBM0 = 3.14
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_MODULATION = 0.9  # depth of `*`
_BURSTS = 6  # of the dial tone, before it goes on: a message waits

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a cadence: sines together, for a while."""

    sines: tuple[tuple[int, float], ...]  # hertz, and loudness beside the others; none = a pause
    duration_ms: int  # 0 = for ever
    once: bool = False  # not repeated


def amplitude(level_dbm0: float, frequencies: int = 1) -> float:
    """Peak of each of `frequencies` equal sines that together have `level_dbm0`."""
    level_db = level_dbm0 - FULL_SCALE_DBM0 - 10 * float(np.log10(frequencies))
    return float(32767 * 10 ** (level_db / 20))


def ramp() -> npt.NDArray[np.float32]:
    """The rising half of a raised cosine, RAMP_SAMPLES long; its mirror image falls."""
    rising: npt.NDArray[np.float32] = (
        0.5 - 0.5 * np.cos(np.pi * (np.arange(RAMP_SAMPLES) + 0.5) / RAMP_SAMPLES)
    ).astype(np.float32)
    return rising


class TonePlayer:
    """Plays one tone at a time, exact to the sample across the borders of frames."""

    def __init__(self, country: str) -> None:
        """`country` is a key of COUNTRIES in any case; ConfigError otherwise."""
        found = _country(country)
        self._cadences = {
            Tone.DIAL: cadence(found.dial),
            Tone.MESSAGE_WAITING: _message_waiting(found),
            Tone.RINGBACK: cadence(found.ringback),
            Tone.BUSY: cadence(found.busy),
            Tone.CONGESTION: cadence(found.congestion),
            Tone.CALL_WAITING: cadence(found.call_waiting),
            Tone.SPECIAL_INFORMATION: cadence(SPECIAL_INFORMATION),
            Tone.HELD: cadence(HELD),
            Tone.HOWLER: cadence(HOWLER),
        }
        self._waves: dict[Tone, tuple[Samples, Samples]] = {}  # made when first wanted
        self._ramp = ramp()
        self._tone: Tone | None = None
        self._position = 0  # samples of the tone played
        self._ending = np.zeros(RAMP_SAMPLES, dtype=np.float32)  # of the tone before, to be mixed

    @property
    def tone(self) -> Tone | None:
        """What plays now."""
        return self._tone

    def start(self, tone: Tone) -> None:
        """Begin `tone` with the next frame; no effect if it plays already."""
        if tone is self._tone:
            return
        self.stop()
        if tone not in self._waves:
            steps = self._cadences[tone]
            self._waves[tone] = (
                _wave(tuple(step for step in steps if step.once)),
                _wave(tuple(step for step in steps if not step.once)),
            )
        self._tone, self._position = tone, 0

    def stop(self) -> None:
        """Fade out within the first 5 ms of the next frame."""
        if self._tone is not None and self._position:
            self._ending += self._next(RAMP_SAMPLES) * self._ramp[::-1]
        self._tone = None

    def frame(self) -> Frame:
        """The next 20 ms; silence when nothing plays."""
        frame = silence().astype(np.float32)
        if self._tone is not None:
            first = self._position == 0
            frame += self._next(FRAME_SAMPLES)
            if first:
                frame[:RAMP_SAMPLES] *= self._ramp
        frame[:RAMP_SAMPLES] += self._ending
        self._ending[:] = 0
        return np.rint(frame).astype(np.int16)

    def _next(self, count: int) -> Samples:
        assert self._tone is not None
        once, wave = self._waves[self._tone]
        indices = np.arange(self._position, self._position + count)
        self._position += count
        if indices[-1] < len(once):
            return once[indices]
        sound = wave[(indices - len(once)) % len(wave)]
        first = indices < len(once)
        sound[first] = once[indices[first]]
        return sound


def cadence(text: str) -> tuple[Step, ...]:
    """The steps of a tone in the notation of countries.py."""
    return tuple(_step(element) for element in text.split(","))


def _step(element: str) -> Step:
    sound, _, duration = element.removeprefix("!").partition("/")
    carrier, _, swelling = sound.partition("*")
    sines = tuple((int(hz), 1.0) for hz in carrier.split("+") if hz != "0")
    if swelling:  # a product of two sines is a carrier between two side bands
        hz, side = int(carrier), int(swelling)
        sines = ((hz, 1.0), (hz - side, _MODULATION / 2), (hz + side, _MODULATION / 2))
    return Step(sines, int(duration or 0), element.startswith("!"))


def _message_waiting(tones: CountryTones) -> tuple[Step, ...]:
    if tones.message_waiting:
        return cadence(tones.message_waiting)
    dial = cadence(tones.dial)
    burst = replace(dial[0], duration_ms=100, once=True)
    return (burst, Step((), 100, once=True)) * _BURSTS + dial


def _wave(steps: tuple[Step, ...]) -> Samples:
    """One repetition; of a tone for ever 1 s, after which each whole frequency begins anew."""
    rising = ramp()
    waves = [np.zeros(0, dtype=np.float32)]
    for step in steps:
        n = np.arange((step.duration_ms or 1000) * _SAMPLES_PER_MS)
        wave = np.zeros(len(n), dtype=np.float32)
        power = sum(loudness**2 for _, loudness in step.sines)
        for frequency, loudness in step.sines:
            peak = amplitude(LEVEL_DBM0) * loudness / power**0.5
            wave += (peak * np.sin(2 * np.pi * frequency * n / SAMPLE_RATE_HZ)).astype(np.float32)
        if step.duration_ms:
            wave[:RAMP_SAMPLES] *= rising
            wave[-RAMP_SAMPLES:] *= rising[::-1]
        waves.append(wave)
    return np.concatenate(waves)


def _country(country: str) -> CountryTones:
    found = TONES_OF.get(country.upper())
    if found is None:
        known = ", ".join(sorted(COUNTRIES))
        raise ConfigError(f"[audio] country: no tones for {country!r}; known are {known}")
    return found
