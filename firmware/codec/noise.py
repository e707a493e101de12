"""Comfort noise: the sound of a room in which nobody speaks, so that silence is not a dead line.

`Background` listens to what is received and can go on with its quietest moments; a `ComfortNoise`
is what a sender that pauses tells of its room. Knows no packet and no time.
Units: samples at 8 kHz; levels in dBov, 0 = a square wave of full scale.
Source: RFC 3389 (payload: level and reflection coefficients).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from firmware.errors import MalformedError
from firmware.model import Frame

PAYLOAD_TYPE = 13  # RFC 3551 table 4
PAYLOAD_BYTES_MAX = 32  # level and 31 coefficients; we use ORDER_MAX of them
ORDER_MAX = 10
LEVEL_MAX = 127
BACKGROUND_MAX = 180.0  # root mean square, 45 dB below full scale: louder is no background
LISTENED_EVERY = 4  # frames: a pause is longer than that
FORGET = 1.02  # the quietest moment counts less each time by so much: doubled after 3 s
LISTENED_MIN = 50  # frames: who has not paused yet tells nothing of the room

_FULL_SCALE = 32768.0
_NOISE_PERIOD = 8000 + 161  # samples; a second, so that nobody hears it come again

Samples = npt.NDArray[np.float64]


class Background:
    """The noise behind the voice, as far as the voice paused."""

    def __init__(self) -> None:
        self._rms = 0.0
        self._frames = 0
        self._source = _Source()

    def listen(self, narrow: Frame) -> None:
        """A received frame."""
        self._frames += 1
        if self._frames % LISTENED_EVERY:
            return
        samples = narrow.astype(np.float32)
        rms = math.sqrt(float(samples @ samples) / max(len(samples), 1))
        if self._rms == 0.0 or rms < self._rms * FORGET:
            self._rms = rms
        else:
            self._rms *= FORGET

    def noise(self, count: int) -> Samples:
        """As loud as the quietest moment, but never loud; silence before LISTENED_MIN frames."""
        if self._frames < LISTENED_MIN:
            return np.zeros(count)
        return self._source.take(count) * min(self._rms, BACKGROUND_MAX)


class ComfortNoise:
    """What a sender says its room sounds like."""

    def __init__(self, level: int, reflections: tuple[float, ...] = ()) -> None:
        assert 0 <= level <= LEVEL_MAX and len(reflections) <= ORDER_MAX
        self.level, self.reflections = level, reflections
        self._source = _Source()
        self._response = _response(reflections)
        self._before = np.zeros(len(self._response) - 1)

    @classmethod
    def decode(cls, payload: bytes) -> ComfortNoise:
        """Read a payload of RFC 3389 section 3; MalformedError for anything else."""
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            raise MalformedError(f"comfort noise of {len(payload)} bytes")
        if payload[0] > LEVEL_MAX:
            raise MalformedError("comfort noise with an unknown level")
        coefficients = tuple((byte - 127) / 128 for byte in payload[1 : 1 + ORDER_MAX])
        if any(abs(one) >= 1 for one in coefficients):
            raise MalformedError("comfort noise with an unstable filter")
        return cls(payload[0], coefficients)

    def become(self, other: ComfortNoise) -> None:
        """The room has changed; its noise goes on."""
        self.level, self.reflections = other.level, other.reflections
        self._response = other._response

    def encode(self) -> bytes:
        """A payload of RFC 3389 section 3."""
        return bytes([self.level, *(round(one * 128) + 127 for one in self.reflections)])

    def take(self, count: int) -> Frame:
        """The next samples, never louder than a background."""
        white = np.concatenate([self._before, self._source.take(count)])
        self._before = white[len(white) - len(self._before) :]
        rms = min(_FULL_SCALE * 10 ** (-self.level / 20), BACKGROUND_MAX)
        coloured = np.convolve(white, self._response, mode="valid") * rms
        return np.clip(np.rint(coloured), -32768, 32767).astype(np.int16)


class _Source:
    """White noise of root mean square 1, the same in every run."""

    def __init__(self) -> None:
        self._position = 0

    def take(self, count: int) -> Samples:
        positions = (self._position + np.arange(count)) % _NOISE_PERIOD
        self._position = (self._position + count) % _NOISE_PERIOD
        return _WHITE[positions]


def _response(reflections: tuple[float, ...]) -> Samples:
    """The first samples of the filter with these reflection coefficients, with a power of 1."""
    prediction = np.array([1.0])
    for reflection in reflections:
        longer = np.append(prediction, 0.0)
        prediction = longer + reflection * longer[::-1]
    response = np.zeros(64)
    for n in range(len(response)):
        past = sum(prediction[i] * response[n - i] for i in range(1, min(len(prediction), n + 1)))
        response[n] = (n == 0) - past
    normalized: Samples = response / np.sqrt(response @ response)
    return normalized


def _white() -> Samples:
    """Hashed indices (splitmix64), four to a sample: numpy's own dice cost 7 MB of memory."""
    bits = np.arange(1, 4 * _NOISE_PERIOD + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    bits ^= bits >> np.uint64(31)
    noise = (bits >> np.uint64(11)).reshape(-1, 4).sum(axis=1) / 2**53 - 2.0
    normalized: Samples = noise / np.sqrt(np.mean(np.square(noise)))
    return normalized


_WHITE = _white()
