import pytest

from firmware.model import Endpoint
from firmware.overlay.swarm import (
    ENDPOINTS_KNOWN_MAX,
    NUMBERS_KNOWN_MAX,
    Calendar,
    Known,
    info_hash_of,
    swarm_question,
)

MIDNIGHT_UTC_S = 20_000 * 86_400.0


def test_swarm_question_names_the_number_and_the_day() -> None:
    assert swarm_question("322820133771", 20_000) == (b"322820133771", b"fernruf swarm 20000")
    assert info_hash_of(bytes(range(32))) == bytes(range(20))


@pytest.mark.parametrize(
    ("offset_s", "days"),
    [(-1801, (19_999,)), (-1799, (19_999, 20_000)), (1799, (19_999, 20_000)), (1801, (20_000,))],
)
def test_calendar_announces_both_days_around_midnight(
    offset_s: float, days: tuple[int, ...]
) -> None:
    calendar = Calendar(utc_s=MIDNIGHT_UTC_S - 7200.0, read_s=50.0)
    now_s = 50.0 + 7200.0 + offset_s
    assert calendar.announced_days(now_s) == days
    assert calendar.today(now_s) == (19_999 if offset_s < 0 else 20_000)


def test_calendar_says_when_the_announced_days_change_next() -> None:
    calendar = Calendar(utc_s=MIDNIGHT_UTC_S - 7200.0, read_s=50.0)
    assert calendar.next_change_s(50.0) == 50.0 + 7200.0 - 1800.0
    assert calendar.next_change_s(50.0 + 7200.0) == 50.0 + 7200.0 + 1800.0
    assert calendar.next_change_s(50.0 + 5400.0 - 0.001) >= 50.0 + 5400.0


def test_known_forgets_what_was_not_used_longest_at_its_limit() -> None:
    known = Known()
    for index in range(NUMBERS_KNOWN_MAX):
        known.keep_number(index.to_bytes(2, "big"), str(index))
    assert known.number_of(b"\x00\x00") == (True, "0")
    known.keep_number(b"new", None)
    assert known.number_of(b"new") == (True, None)
    assert known.number_of(b"\x00\x00") == (True, "0")
    assert known.number_of(b"\x00\x01") == (False, None)


def test_known_endpoints_of_a_number_are_few_and_the_first_ones() -> None:
    known = Known()
    endpoints = tuple(Endpoint("192.0.2.1", port) for port in range(1, 10))
    known.keep_endpoints("1", endpoints)
    assert known.endpoints_of("1") == endpoints[:ENDPOINTS_KNOWN_MAX]
    assert known.endpoints_of("2") == ()
