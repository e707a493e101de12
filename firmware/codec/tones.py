"""Call-progress tones of several countries, as frames to be heard.

Knows no call: `TonePlayer` plays what it is told, from the first sample of the next frame on.
Units: hertz, milliseconds; levels in dBm0, where a sine of full scale is +3.14 dBm0 (G.711).
Sources: ITU-T E.180 and its Supplement 2 as collected in Asterisk's indications.conf.sample (at:
ITU tones-0203, uk: BT SIN 350); ITU-T E.180 clause 7 (special information tone).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware.errors import ConfigError
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Tone, silence

LEVEL_DBM0 = -13.0  # of the whole tone, two frequencies together; easy on the ear at any volume
RAMP_SAMPLES = 80  # 5 ms up and down, against clicks

_FULL_SCALE_DBM0 = 3.14
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000

Step = tuple[tuple[int, ...], int]  # frequencies (none = pause), milliseconds (0 = for ever)
Cadence = tuple[Step, ...]  # repeated from the beginning


@dataclass(frozen=True, slots=True)
class _Country:
    dial: Cadence
    ringback: Cadence
    busy: Cadence
    congestion: Cadence


def amplitude(level_dbm0: float, frequencies: int = 1) -> float:
    """Peak of each of `frequencies` equal sines that together have `level_dbm0`."""
    level_db = level_dbm0 - _FULL_SCALE_DBM0 - 10 * float(np.log10(frequencies))
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
        self._waves = {
            Tone.DIAL: _wave(found.dial),
            Tone.RINGBACK: _wave(found.ringback),
            Tone.BUSY: _wave(found.busy),
            Tone.CONGESTION: _wave(found.congestion),
            Tone.SPECIAL_INFORMATION: _wave(_SPECIAL_INFORMATION),
        }
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

    def _next(self, count: int) -> npt.NDArray[np.float32]:
        assert self._tone is not None
        wave = self._waves[self._tone]
        indices = np.arange(self._position, self._position + count) % len(wave)
        self._position += count
        return wave[indices]


def _wave(cadence: Cadence) -> npt.NDArray[np.float32]:
    """One repetition; of a tone for ever 1 s, after which each whole frequency begins anew."""
    rising, steps = ramp(), []
    for frequencies, duration_ms in cadence:
        n = np.arange((duration_ms or 1000) * _SAMPLES_PER_MS)
        step = np.zeros(len(n), dtype=np.float32)
        for frequency in frequencies:
            peak = amplitude(LEVEL_DBM0, len(frequencies))
            step += (peak * np.sin(2 * np.pi * frequency * n / SAMPLE_RATE_HZ)).astype(np.float32)
        if duration_ms:
            step[:RAMP_SAMPLES] *= rising
            step[-RAMP_SAMPLES:] *= rising[::-1]
        steps.append(step)
    return np.concatenate(steps)


def _country(country: str) -> _Country:
    found = _COUNTRIES.get(country.upper())
    if found is None:
        known = ", ".join(sorted(COUNTRIES))
        raise ConfigError(f"[audio] country: no tones for {country!r}; known are {known}")
    return found


def _for_ever(*frequencies: int) -> Cadence:
    return ((frequencies, 0),)


def _beats(frequencies: int | tuple[int, ...], *on_off_ms: int) -> Cadence:
    sound = (frequencies,) if isinstance(frequencies, int) else frequencies
    return tuple((() if i % 2 else sound, ms) for i, ms in enumerate(on_off_ms))


# The same three in every country: E.180 allows each +-50 Hz, and 1 s +-0.25 s of pause. The tables
# have oddities here (one tone only in Spain, once only in the United States) that help nobody.
_SPECIAL_INFORMATION: Cadence = (((950,), 330), ((1400,), 330), ((1800,), 330), ((), 1000))

_UNITED_KINGDOM = _Country(
    dial=_for_ever(350, 440),
    ringback=_beats((400, 450), 400, 200, 400, 2000),
    busy=_beats(400, 375, 375),
    congestion=_beats(400, 400, 350, 225, 525),
)
_COUNTRIES = {
    "AT": _Country(
        dial=_for_ever(420),
        ringback=_beats(420, 1000, 5000),
        busy=_beats(420, 400, 400),
        congestion=_beats(420, 200, 200),
    ),
    "CH": _Country(
        dial=_for_ever(425),
        ringback=_beats(425, 1000, 4000),
        busy=_beats(425, 500, 500),
        congestion=_beats(425, 200, 200),
    ),
    "DE": _Country(
        dial=_for_ever(425),
        ringback=_beats(425, 1000, 4000),
        busy=_beats(425, 480, 480),
        congestion=_beats(425, 240, 240),
    ),
    "ES": _Country(
        dial=_for_ever(425),
        ringback=_beats(425, 1500, 3000),
        busy=_beats(425, 200, 200),
        congestion=_beats(425, 200, 200, 200, 200, 200, 600),
    ),
    "FR": _Country(
        dial=_for_ever(440),
        ringback=_beats(440, 1500, 3500),
        busy=_beats(440, 500, 500),
        congestion=_beats(440, 250, 250),
    ),
    "GB": _UNITED_KINGDOM,
    "IT": _Country(
        dial=_beats(425, 200, 200, 600, 1000),
        ringback=_beats(425, 1000, 4000),
        busy=_beats(425, 500, 500),
        congestion=_beats(425, 200, 200),
    ),
    "UK": _UNITED_KINGDOM,
    "US": _Country(
        dial=_for_ever(350, 440),
        ringback=_beats((440, 480), 2000, 4000),
        busy=_beats((480, 620), 500, 500),
        congestion=_beats((480, 620), 250, 250),
    ),
}
COUNTRIES = frozenset(_COUNTRIES)
