"""How long a datagram takes: nodes on a globe, each with an access line of its own.

Knows no node and no message; a place is an index. Units: `_s` seconds.
The shape is synthetic: great-circle distance at the speed of light in fibre with detours, plus two
access lines with a heavy tail. It is scaled to the median round trip that was measured between
nodes of the Mainline DHT, MEDIAN_RTT_S.
"""

from __future__ import annotations

import math
from array import array

import numpy as np
import numpy.typing as npt

MEDIAN_RTT_S = 0.137
JITTER = 0.1  # each datagram takes up to this much more or less
_EARTH_KM = 6371.0
_FIBRE_KM_PER_S = 200_000.0
_DETOUR = 1.6  # cables are longer than great circles
_ACCESS_S = 0.008  # median of one access line, round trip
_ACCESS_SPREAD = 0.9  # sigma of its logarithm
_PAIRS = 20_000  # from which the median is taken
# Where people are: share, latitude, longitude, spread in degrees.
_REGIONS = (
    (0.26, 49.0, 9.0, 7.0),  # western Europe
    (0.14, 54.0, 35.0, 9.0),  # eastern Europe
    (0.14, 39.0, -80.0, 7.0),  # North America, east
    (0.07, 37.0, -120.0, 5.0),  # North America, west
    (0.08, -20.0, -47.0, 8.0),  # South America
    (0.09, 22.0, 78.0, 7.0),  # India
    (0.10, 33.0, 115.0, 7.0),  # China
    (0.05, 36.0, 137.0, 4.0),  # Japan and Korea
    (0.04, 5.0, 105.0, 6.0),  # south-east Asia
    (0.03, -33.0, 148.0, 4.0),  # Australia
)


class LatencyMap:
    """Round trips between `places` places; the same seed gives the same map."""

    def __init__(self, places: int, seed: int) -> None:
        dice = np.random.default_rng([seed, 1])
        shares = np.array([region[0] for region in _REGIONS])
        region = dice.choice(len(_REGIONS), places, p=shares / shares.sum())
        centres = np.radians(np.array([entry[1:] for entry in _REGIONS]))[region]
        latitude = centres[:, 0] + dice.normal(size=places) * centres[:, 2]
        longitude = centres[:, 1] + dice.normal(size=places) * centres[:, 2]
        across = np.cos(latitude)
        access_s = _ACCESS_S * np.exp(_ACCESS_SPREAD * dice.normal(size=places))
        self._x = _column(across * np.cos(longitude))
        self._y = _column(across * np.sin(longitude))
        self._z = _column(np.sin(latitude))
        self._access_s = _column(access_s)
        self._scale = 1.0
        sample = [self.rtt_s(*pair) for pair in dice.integers(places, size=(_PAIRS, 2)).tolist()]
        self._scale = MEDIAN_RTT_S / float(np.median(sample))

    def rtt_s(self, one: int, other: int) -> float:
        """There and back, without jitter and loss."""
        x, y, z = self._x, self._y, self._z
        cosine = x[one] * x[other] + y[one] * y[other] + z[one] * z[other]
        arc = math.acos(cosine if -1.0 < cosine < 1.0 else math.copysign(1.0, cosine))
        way_s = 2 * _DETOUR * _EARTH_KM / _FIBRE_KM_PER_S * arc
        return self._scale * (way_s + self._access_s[one] + self._access_s[other])

    def rtts_s(self, one: int, others: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The same from one place to many."""
        x, y, z, access_s = (
            np.frombuffer(column) for column in (self._x, self._y, self._z, self._access_s)
        )
        cosine = x[one] * x[others] + y[one] * y[others] + z[one] * z[others]
        way_s = 2 * _DETOUR * _EARTH_KM / _FIBRE_KM_PER_S * np.arccos(np.clip(cosine, -1.0, 1.0))
        return np.asarray(self._scale * (way_s + access_s[one] + access_s[others]))

    def sample_s(self, count: int, seed: int) -> list[float]:
        """Round trips of `count` random pairs, for the report."""
        dice = np.random.default_rng([seed, 2])
        pairs = dice.integers(len(self._x), size=(count, 2)).tolist()
        return [self.rtt_s(*pair) for pair in pairs]


def _column(values: npt.NDArray[np.float64]) -> array[float]:
    """Plain doubles: a single element is read several times faster than from numpy."""
    return array("d", values.tobytes())
