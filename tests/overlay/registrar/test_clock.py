"""When exchanges are believed about the time, and when they are not."""

from __future__ import annotations

import json

import pytest

from firmware.overlay.registrar.clock import NEAR_S, WITNESSES_MAX, WITNESSES_MIN, WRONG_S, Clocks

NOW_S, UTC_S = 1000.0, 1_800_000_000
RIGHT = UTC_S - NOW_S  # Unix time less monotonic time


def clocks(*said_s: float) -> Clocks:
    """Each of another network."""
    heard = Clocks()
    for place, each_s in enumerate(said_s):
        heard.hear(f"198.{place}.100.1", int(each_s), NOW_S)
    return heard


def corrected(heard: Clocks, ours: float) -> int | None:
    data = heard.correction(ours, NOW_S)
    return None if data is None else int(json.loads(data)["utc_s"])


def test_box_whose_clock_stands_in_1970_learns_the_time_of_three_networks() -> None:
    heard = clocks(UTC_S, UTC_S + 2, UTC_S - 1)
    assert corrected(heard, ours=-NOW_S) == UTC_S
    assert corrected(heard, ours=-NOW_S) is None, "once is enough"


def test_two_are_too_few_and_three_of_one_network_are_one() -> None:
    assert corrected(clocks(UTC_S, UTC_S), ours=0.0) is None
    heard = Clocks()
    for place in range(WITNESSES_MIN):
        heard.hear(f"198.51.100.{place}", UTC_S, NOW_S)
    assert corrected(heard, ours=0.0) is None


def test_clock_that_is_nearly_right_is_left_alone() -> None:
    assert corrected(clocks(*[UTC_S] * 3), ours=RIGHT + WRONG_S - 1) is None
    assert corrected(clocks(*[UTC_S] * 3), ours=RIGHT + WRONG_S + 1) == UTC_S


@pytest.mark.parametrize("lie_s", [-1e9, NEAR_S * 3, 1e9])
def test_minority_of_liars_changes_nothing_and_a_tie_is_no_agreement(lie_s: float) -> None:
    lie = UTC_S + lie_s
    assert corrected(clocks(UTC_S, UTC_S, UTC_S, lie, lie), ours=0.0) == UTC_S
    assert corrected(clocks(UTC_S, UTC_S, UTC_S, lie, lie, lie), ours=0.0) is None


def test_more_networks_than_are_counted_are_not_heard() -> None:
    heard = clocks(*[UTC_S] * WITNESSES_MAX, *[0.0] * 100)
    assert corrected(heard, ours=0.0) == UTC_S
