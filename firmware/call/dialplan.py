"""The dial plan: what the keys dialled so far amount to.

Knows no time and no call. Source: ITU-T E.161 for the keys; ETSI ETS 300 738 for codes that begin
with a star, *67 (caller unknown) as in North America; the number space is number.py's.
"""

from __future__ import annotations

from enum import Enum

from firmware import number

FIRST_DIGIT_S = 20.0  # of dial tone; usual are 15 to 20 s
NEXT_DIGIT_S = 10.0  # between digits of a number that is not complete
SEND_KEY = "#"
CLEAR_KEY = "*"  # takes all digits back and gives dial tone again, without a flick of the hook
TEST_NUMBERS = ("*1", "*2", "*3", "*4")  # what they do: ui/selftest.py
RELAYED_PREFIX = "*67"  # before a number: the callee learns no address of ours


class Verdict(Enum):
    """What digits amount to."""

    INCOMPLETE = "incomplete"
    COMPLETE = "complete"  # can be somebody's number
    WRONG = "wrong"  # no digit that could follow makes it a number
    EMERGENCY = "emergency"
    TEST = "test"  # of our own sound


def split(dialled: str) -> tuple[bool, str]:
    """Whether the call shall be relayed only, and the digits of the number so far."""
    is_relayed = dialled.startswith(RELAYED_PREFIX)
    return is_relayed, dialled.removeprefix(RELAYED_PREFIX)


def judge(dialled: str, *, sent: bool = False) -> Verdict:
    """Verdict on the keys; `sent` = the caller pressed `#`, so nothing will follow.

    No number begins with an emergency number, and no emergency number with another: the third
    digit decides, with no pause to wait for.
    """
    if dialled in TEST_NUMBERS:
        return Verdict.TEST
    _, digits = split(dialled)
    if digits.startswith(RELAYED_PREFIX[0]):
        is_begun = RELAYED_PREFIX.startswith(dialled) and not sent
        return Verdict.INCOMPLETE if is_begun else Verdict.WRONG
    if number.is_emergency(digits):
        return Verdict.EMERGENCY
    if number.is_valid(digits):
        return Verdict.COMPLETE
    if sent or len(digits) >= number.NUMBER_DIGITS:
        return Verdict.WRONG
    if any(emergency.startswith(digits) for emergency in number.EMERGENCY_NUMBERS):
        return Verdict.INCOMPLETE
    return Verdict.WRONG if number.is_reserved(digits) else Verdict.INCOMPLETE
