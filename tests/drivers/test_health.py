"""Failures and recoveries of a part, said once each."""

from __future__ import annotations

from firmware.drivers.health import RETRY_FIRST_S, RETRY_MAX_S, Health
from firmware.events import HardwareFailed, HardwareRecovered
from firmware.model import Part


def test_health_many_failures_in_a_row_are_one_fact() -> None:
    health = Health(Part.OLED)
    assert health.failed("gone") == HardwareFailed(Part.OLED, "gone")
    assert [health.failed("gone"), health.failed("still gone")] == [None, None]


def test_health_recovery_is_one_fact_and_success_before_is_none() -> None:
    health = Health(Part.OLED)
    assert health.worked() is None
    health.failed("gone")
    assert health.worked() == HardwareRecovered(Part.OLED)
    assert health.worked() is None
    assert health.failed("again") == HardwareFailed(Part.OLED, "again")


def test_health_retries_double_up_to_the_limit_and_begin_again_after_success() -> None:
    health = Health(Part.OLED)
    waits_s = []
    for _ in range(100):
        health.failed("gone")
        waits_s.append(health.retry_s())
    assert waits_s[:3] == [RETRY_FIRST_S, 2 * RETRY_FIRST_S, 4 * RETRY_FIRST_S]
    assert set(waits_s[6:]) == {RETRY_MAX_S}
    health.worked()
    health.failed("again")
    assert health.retry_s() == RETRY_FIRST_S
