import dataclasses

import pytest

from firmware.model import Endpoint
from firmware.number import hash_question
from firmware.overlay.contacts import LastReached
from firmware.overlay.swarm import (
    NUMBERS_KNOWN_MAX,
    Calendar,
    Known,
    info_hash_of,
    swarm_question,
)
from tests.overlay.network import certified

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


def test_known_contact_is_news_once_and_its_certificate_needs_no_hash() -> None:
    number, certificate = certified(1)
    contact = LastReached(number, certificate, (Endpoint("192.0.2.1", 1),))
    known = Known()
    assert known.keep_reached(contact)
    assert not known.keep_reached(contact)
    moved = dataclasses.replace(contact, endpoints=(Endpoint("192.0.2.2", 1),))
    assert known.keep_reached(moved)
    assert known.reached(number) == moved
    assert known.reached("2") is None
    again = Known(known.contacts())
    assert again.reached(number) == moved
    secret, _ = hash_question(certificate.public_key, certificate.modifier)
    assert again.number_of(secret) == (True, number)
