"""How good a call is, in figures: the E-model, from loss and delay to a mean opinion score.

Knows no packet. Source: ITU-T G.107 (06/2015) with its default values; equipment factors of G.711
with concealment from G.113 appendix I. Opus has no factors there: G.711's are used, with a
robustness fitted to our own PESQ figures (bench/voice_line.py).
Units: loss as a fraction, delays in seconds.
"""

from __future__ import annotations

RATING_BEST = 93.2  # everything at its default, clause 7.7
ROBUSTNESS = 10.0  # Bpl, in percent: at this loss half of the possible impairment is reached
_KNEE_S = 0.1773  # beyond it people interrupt each other


def rating(loss: float, burst_ratio: float, mouth_to_ear_s: float) -> float:
    """The transmission rating R, 0 to 93.2; `burst_ratio` is 1 for random loss, clause 7.5."""
    return RATING_BEST - delay_impairment(mouth_to_ear_s) - loss_impairment(loss, burst_ratio)


def loss_impairment(loss: float, burst_ratio: float = 1.0) -> float:
    """Ie,eff of clause 7.5 with Ie = 0."""
    percent = 100 * min(max(loss, 0.0), 1.0)
    return 95 * percent / (percent / max(burst_ratio, 1.0) + ROBUSTNESS)


def delay_impairment(mouth_to_ear_s: float) -> float:
    """Idd in the simple form that is used for planning: 0.024 a millisecond, then 0.134."""
    late_s = max(mouth_to_ear_s - _KNEE_S, 0.0)
    return 24 * mouth_to_ear_s + 110 * late_s


def opinion(transmission_rating: float) -> float:
    """The mean opinion score of a rating, 1 to 4.5; annex B."""
    r = min(max(transmission_rating, 0.0), 100.0)
    return min(max(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1.0), 4.5)
