"""Who may ring: contacts, strangers, blocked numbers, quiet hours, and lists of any length."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import pytest

from firmware.book import blocklist
from firmware.book.blocklist import contains, read_block_list
from firmware.book.rules import Doorkeeper, decode_rules, encode_rules
from firmware.errors import MalformedError
from firmware.events.book import Contact, Ring, RingRules, Rule
from tests.book.numbers import valid_numbers

BERT, SPAM, *_ = islice(valid_numbers(), 5)
CONTACT = Contact(BERT, "Bert")
FAVOURITE = replace(CONTACT, is_favourite=True)
NIGHT = RingRules(Ring.RINGS, quiet_from_minute=22 * 60, quiet_to_minute=7 * 60)


def test_contacts_ring_while_strangers_do_as_they_are_told() -> None:
    for wanted in Ring:
        door = Doorkeeper(RingRules(strangers=wanted))
        assert door.judge(BERT, CONTACT, 720) is Ring.RINGS
        assert door.judge(BERT, None, 720) is wanted


def test_blocked_number_never_rings_even_of_a_favourite() -> None:
    door = Doorkeeper(numbers={BERT: Rule.BLOCKED})
    assert door.judge(BERT, FAVOURITE, 720) is Ring.REFUSED


def test_list_blocks_strangers_but_neither_contacts_nor_who_is_allowed() -> None:
    listed = read_block_list([BERT]).data
    door = Doorkeeper(RingRules(strangers=Ring.SILENT), lists={"spam": listed})
    assert door.judge(BERT, None, 720) is Ring.REFUSED
    assert door.judge(BERT, CONTACT, 720) is Ring.RINGS
    assert door.judge(SPAM, None, 720) is Ring.SILENT
    door.numbers[BERT] = Rule.ALLOWED
    assert door.judge(BERT, None, 720) is Ring.RINGS
    assert door.blocked == 1


@pytest.mark.parametrize(
    ("minute", "rings"),
    [(21 * 60 + 59, True), (22 * 60, False), (0, False), (419, False), (420, True)],
)
def test_quiet_hours_go_over_midnight_and_let_favourites_through(minute: int, rings: bool) -> None:
    door = Doorkeeper(NIGHT)
    assert door.judge(BERT, CONTACT, minute) is (Ring.RINGS if rings else Ring.SILENT)
    assert door.judge(BERT, FAVOURITE, minute) is Ring.RINGS
    refusing = Doorkeeper(replace(NIGHT, quiet=Ring.REFUSED))
    assert refusing.judge(BERT, None, minute) is (Ring.RINGS if rings else Ring.REFUSED)


def test_quiet_hours_need_a_clock_and_two_times() -> None:
    assert Doorkeeper(NIGHT).judge(BERT, CONTACT, None) is Ring.RINGS
    always = Doorkeeper(RingRules(quiet_from_minute=5, quiet_to_minute=5))
    assert always.judge(BERT, CONTACT, 5) is Ring.RINGS


def test_rules_are_read_as_they_were_written_and_nothing_else_is() -> None:
    assert decode_rules(encode_rules(NIGHT)) == NIGHT
    for data in (b"", b"{}", b"7", encode_rules(NIGHT)[:-1], b'{"strangers": "loud"}'):
        with pytest.raises(MalformedError):
            decode_rules(data)
    with pytest.raises(MalformedError):
        decode_rules(encode_rules(replace(NIGHT, quiet_from_minute=1440)))


def test_list_is_read_out_of_many_kinds_of_files() -> None:
    grouped = f"{BERT[:4]} {BERT[4:8]} {BERT[8:]}"
    lines = ["# spam", "", "; more", f'"{grouped}",junk,2024', f"+{SPAM}\tSpammer", "not a number"]
    lines.append(BERT[:-1] + str((int(BERT[-1]) + 1) % 10))  # a wrong check digit
    read = read_block_list(lines)
    assert (read.numbers, read.skipped) == (2, 2)
    assert contains(read.data, BERT) and contains(read.data, SPAM)


def test_list_of_a_hundred_thousand_is_searched_without_a_mistake() -> None:
    seed = 5
    dice = random.Random(seed)
    numbers = list(islice(valid_numbers(), 100_002))
    listed = numbers[1::2]
    dice.shuffle(listed)
    read = read_block_list(listed)
    assert read.numbers == 50_001 and len(read.data) == 5 * 50_001
    for place in dice.sample(range(len(numbers)), 2000):
        assert contains(read.data, numbers[place]) is bool(place % 2), f"seed {seed}"
    assert not contains(b"", BERT)


def test_file_that_is_no_list_is_refused_in_words() -> None:
    with pytest.raises(MalformedError, match="longer than"):
        read_block_list(["7" * 100_000])
    too_many = islice(valid_numbers(), blocklist.NUMBERS_MAX + 1)
    with pytest.raises(MalformedError, match="split the list"):
        read_block_list(too_many)
