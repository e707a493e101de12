"""The dial plan: what the keys dialled so far amount to.

Knows no time and no call. Source: ITU-T E.161 for the keys; the codes of services are codes.py's,
the number space is number.py's.
"""

from __future__ import annotations

from enum import Enum

from firmware import number
from firmware.codes import CodePlan, Progress

FIRST_DIGIT_S = 20.0  # of dial tone; usual are 15 to 20 s
NEXT_DIGIT_S = 10.0  # between digits of a number that is not complete
SEND_KEY = "#"
CLEAR_KEY = "*"  # takes all digits back and gives dial tone again, without a flick of the hook
TEST_NUMBERS = ("*1", "*2", "*3", "*4")  # what they do: ui/selftest.py
PAUSE_S = 3.0  # after what is complete but could go on
MENU_KEY = "#"  # alone; with more it begins a code
MENU_S = 60.0  # of dial tone after a key of the menu
MENU_PAUSE_S = 1.5


class Verdict(Enum):
    """What digits amount to."""

    INCOMPLETE = "incomplete"
    COMPLETE = "complete"  # can be somebody's number
    WRONG = "wrong"  # no key that could follow makes it a number or a code
    EMERGENCY = "emergency"
    TEST = "test"  # of our own sound
    PAUSE = "pause"  # a test number, unless more follows
    MENU = "menu"  # the same for the menu
    CODE = "code"  # of a service


def judge(dialled: str, plan: CodePlan, *, sent: bool = False) -> Verdict:
    """Verdict on the keys; `sent` = the caller pressed `#`, so nothing will follow.

    No number begins with an emergency number, and no emergency number with another: the third
    digit decides, with no pause to wait for.
    """
    if number.is_emergency(plan.split(dialled)[1]):
        return Verdict.EMERGENCY
    progress = Progress.NONE if sent else plan.progress(dialled)
    if progress is Progress.COMPLETE:
        return Verdict.CODE
    if dialled in TEST_NUMBERS:
        return Verdict.PAUSE if progress is Progress.BEGUN else Verdict.TEST
    if dialled == MENU_KEY:
        return Verdict.MENU
    if progress is Progress.BEGUN:
        return Verdict.INCOMPLETE
    return _judge_number(plan.split(dialled)[1], sent=sent)


def _judge_number(digits: str, *, sent: bool) -> Verdict:
    if number.is_valid(digits):
        return Verdict.COMPLETE
    if sent or len(digits) >= number.NUMBER_DIGITS or digits.strip("0123456789"):
        return Verdict.WRONG
    if any(emergency.startswith(digits) for emergency in number.EMERGENCY_NUMBERS):
        return Verdict.INCOMPLETE
    return Verdict.WRONG if number.is_reserved(digits) else Verdict.INCOMPLETE
