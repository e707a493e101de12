from __future__ import annotations

import random

import pytest

from firmware import number
from firmware.call.dialplan import Verdict
from firmware.call.dialplan import judge as judge_by
from firmware.codes import plan_of
from tests.call.link import person

GERMAN = plan_of("DE")


def judge(dialled: str, *, sent: bool = False) -> Verdict:
    return judge_by(dialled, GERMAN, sent=sent)


def test_valid_number_is_complete_at_the_twelfth_digit_and_not_before() -> None:
    digits = person("Bert").number
    assert [judge(digits[:i]) for i in range(12)] == [Verdict.INCOMPLETE] * 12
    assert judge(digits) is Verdict.COMPLETE
    assert judge(digits, sent=True) is Verdict.COMPLETE


def test_wrong_check_digit_is_wrong_at_the_twelfth_digit() -> None:
    digits = person("Bert").number
    for wrong in set("0123456789") - {digits[-1]}:
        assert judge(digits[:-1] + wrong) is Verdict.WRONG


def test_sending_too_few_digits_is_wrong() -> None:
    assert judge("4711", sent=True) is Verdict.WRONG
    assert judge("471", sent=True) is Verdict.WRONG
    assert judge("11", sent=True) is Verdict.WRONG


@pytest.mark.parametrize("digits", sorted(number.EMERGENCY_NUMBERS))
def test_emergency_number_is_recognised_at_its_last_digit(digits: str) -> None:
    for i in range(len(digits)):
        assert judge(digits[:i]) is Verdict.INCOMPLETE
    assert judge(digits) is Verdict.EMERGENCY
    assert judge(digits, sent=True) is Verdict.EMERGENCY


def test_no_number_begins_with_an_emergency_number() -> None:
    """Why the dial plan needs no pause before it recognises one."""
    for digits in number.EMERGENCY_NUMBERS:
        others = number.EMERGENCY_NUMBERS - {digits}
        assert number.is_reserved(digits)
        assert not any(other.startswith(digits) for other in others)


@pytest.mark.parametrize("digits", ["004", "123", "941", "012"])
def test_reserved_prefix_is_wrong_as_soon_as_no_emergency_number_is_left(digits: str) -> None:
    assert judge(digits) is Verdict.WRONG


def test_every_way_to_dial_ends_within_twelve_digits() -> None:
    seed = 15
    dice = random.Random(seed)
    for _ in range(2000):
        digits = "".join(dice.choices("0123456789", k=12))
        verdicts = [judge(digits[:i]) for i in range(13)]
        assert any(verdict is not Verdict.INCOMPLETE for verdict in verdicts), f"seed {seed}"


def test_star_67_goes_before_a_number_and_changes_nothing_else() -> None:
    digits = person("Bert").number
    assert [judge("*67"[:i]) for i in range(1, 4)] == [Verdict.INCOMPLETE] * 3
    assert judge("*67" + digits[:-1]) is Verdict.INCOMPLETE
    assert judge("*67" + digits) is Verdict.COMPLETE
    assert judge("*67112") is Verdict.EMERGENCY
    assert GERMAN.split("*67" + digits) == (True, digits)
    assert GERMAN.split(digits) == (False, digits)


@pytest.mark.parametrize("dialled", ["*7", "*66", "**", "*67**", "*22", "*61*#", "##1"])
def test_code_that_means_nothing_is_wrong(dialled: str) -> None:
    assert judge(dialled) is Verdict.WRONG


def test_code_without_a_number_is_wrong_when_it_is_sent() -> None:
    assert judge("*67", sent=True) is judge("*6", sent=True) is Verdict.WRONG
