from __future__ import annotations

from firmware.call.freshness import FRESH_S, SESSIONS_REMEMBERED_MAX, Freshness

UTC_S = 1_800_000_000


def running() -> Freshness:
    """On since 1000 s."""
    freshness = Freshness()
    freshness.set_clock(UTC_S - 1000.0, now_s=0.0)
    return freshness


def test_new_invite_is_accepted_once() -> None:
    freshness = running()
    assert freshness.accept(b"1", UTC_S, now_s=1000.0)
    assert not freshness.accept(b"1", UTC_S, now_s=1000.0)


def test_invite_of_another_time_is_not_accepted() -> None:
    for utc_s in (UTC_S - int(FRESH_S) - 1, UTC_S + int(FRESH_S) + 1):
        assert not running().accept(b"1", utc_s, now_s=1000.0)


def test_without_a_clock_at_either_end_nothing_is_accepted() -> None:
    assert not Freshness().accept(b"1", UTC_S, now_s=0.0)
    assert Freshness().utc_s(now_s=0.0) is None
    assert not running().accept(b"1", None, now_s=1000.0)


def test_invite_from_before_the_start_is_not_accepted() -> None:
    freshness = Freshness()
    freshness.set_clock(UTC_S, now_s=0.0)
    assert not freshness.accept(b"1", UTC_S - 1, now_s=1.0)
    assert freshness.accept(b"2", UTC_S + 1, now_s=1.0)


def test_forgotten_session_is_not_accepted_again() -> None:
    freshness = running()
    for i in range(SESSIONS_REMEMBERED_MAX + 1):
        assert freshness.accept(i.to_bytes(8, "big"), UTC_S + i // 20, now_s=1000.0)
    assert not freshness.accept(bytes(8), UTC_S, now_s=1000.0)
    assert freshness.accept(b"new", UTC_S + 60, now_s=1060.0)


def test_time_goes_on_from_the_last_reading() -> None:
    freshness = running()
    assert freshness.utc_s(now_s=1000.5) == UTC_S
    freshness.set_clock(UTC_S + 3600.0, now_s=1000.0)
    assert freshness.utc_s(now_s=1001.0) == UTC_S + 3601
