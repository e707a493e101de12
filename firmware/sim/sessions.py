"""How long nodes stay: session times as they were measured.

Units: `_s` virtual seconds. Source: D. Stutzbach, R. Rejaie, "Understanding churn in peer-to-peer
networks", IMC 2006: session times are not exponential but follow a Weibull distribution with a
shape between 0.34 and 0.59, so many leave at once and those who have stayed will stay. Here the
shape is 0.59 and the median an hour.
"""

from __future__ import annotations

import math
from random import Random

SHAPE = 0.59
MEDIAN_S = 3600.0
SCALE_S = MEDIAN_S / math.pow(math.log(2.0), 1.0 / SHAPE)
_STEPS = 4096


def session_s(dice: Random) -> float:
    """How long a node stays that comes now."""
    return _length_s(dice.random())


def remaining_s(dice: Random) -> float:
    """How long a node will still stay that is met at a random moment.

    Long sessions are met more often, by their length, and at a random point of it.
    """
    length_s = _lengths_met()[int(dice.random() * _STEPS)]
    return dice.random() * length_s


def _length_s(share: float) -> float:
    """Sessions shorter than this are `share` of all."""
    return SCALE_S * math.pow(-math.log1p(-share), 1.0 / SHAPE)


def _lengths_met() -> list[float]:
    if not _TABLE:
        # Lengths at even steps of the share of all online time that shorter sessions make up.
        fine = 64 * _STEPS
        lengths = [_length_s((step + 0.5) / fine) for step in range(fine)]
        total, so_far, index = sum(lengths), 0.0, 0
        for step in range(_STEPS):
            wanted = (step + 0.5) / _STEPS * total
            while so_far + lengths[index] < wanted:
                so_far += lengths[index]
                index += 1
            _TABLE.append(lengths[index])
    return _TABLE


_TABLE: list[float] = []
