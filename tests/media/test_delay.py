"""What is known of the way of the packets."""

from __future__ import annotations

import random

import pytest

from firmware.media.delay import (
    BURST_S,
    FASTEST_OF,
    LATE_FRACTION,
    MARGIN_S,
    OBSERVED_MAX,
    TARGET_MAX_S,
    TARGET_MIN_S,
    DelayObserver,
)
from firmware.model import FRAME_S


def _observed(delays_s: list[float]) -> DelayObserver:
    observer = DelayObserver()
    times = [(number * FRAME_S, delay_s) for number, delay_s in enumerate(delays_s)]
    for media_s, delay_s in sorted(times, key=sum):
        observer.observe(media_s, media_s + delay_s)
    return observer


def test_steady_line_needs_the_least_target() -> None:
    assert _observed([0.080] * 100).target_s == TARGET_MIN_S


def test_target_leaves_the_slowest_few_behind() -> None:
    every = round(1 / LATE_FRACTION)
    some = _observed([0.31 if n == 50 else 0.02 for n in range(OBSERVED_MAX)])
    assert some.target_s == TARGET_MIN_S
    more = _observed([0.31 if n % (every // 2) == 25 else 0.02 for n in range(OBSERVED_MAX)])
    assert more.target_s == pytest.approx(0.29 + MARGIN_S)


def test_target_has_a_limit() -> None:
    assert _observed([0.0, 1.9] * 50).target_s == TARGET_MAX_S


def test_packets_of_one_burst_count_once() -> None:
    observer = _observed([0.0] * 200)
    stalled_s = 200 * FRAME_S + 0.300
    for number in range(200, 215):
        observer.observe(number * FRAME_S, stalled_s)
        stalled_s += BURST_S / 2
    assert observer.target_s == TARGET_MIN_S


def test_longer_path_is_the_new_normal_after_two_seconds() -> None:
    observer = _observed([0.0] * 100 + [0.5] * FASTEST_OF)
    assert observer.fastest_s == pytest.approx(0.5)
    assert observer.target_s == TARGET_MIN_S


def test_target_follows_uniform_jitter_closely() -> None:
    seed = 9
    dice = random.Random(seed)
    target_s = _observed([dice.uniform(0.020, 0.080) for _ in range(OBSERVED_MAX)]).target_s
    assert 0.057 <= target_s <= 0.066, f"seed {seed}"
