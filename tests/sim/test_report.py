"""Percentiles and weights of the report."""

from __future__ import annotations

from firmware.sim import report


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [report.percentile(values, percent) for percent in (1, 50, 95, 99)] == [1, 50, 95, 99]
    assert report.percentile([7.0], 50) == report.percentile([7.0], 99) == 7.0


def test_distribution_of_nothing_is_null() -> None:
    assert report.distribution([]) is None
    assert report.milliseconds([None]) is None
    assert report.curve([]) == []


def test_milliseconds_leave_out_what_is_not_known() -> None:
    assert report.milliseconds([0.1, None, 0.3]) == {
        "p50": 100.0,
        "p95": 300.0,
        "p99": 300.0,
        "mean": 200.0,
        "max": 300.0,
        "count": 2,
    }


def test_timeline_is_told_by_column() -> None:
    timeline = report.Timeline("down")
    timeline.add(10.0, 0.25)
    timeline.add(20.0, 0.5)
    assert timeline.json() == {"t_s": [10.0, 20.0], "down": [0.25, 0.5]}
