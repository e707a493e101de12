"""The menu with twelve keys: find, call, add, change, block; and it gives way to a call."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import islice

import pytest

from firmware.events.book import NAME_BYTES_MAX, Contact, Ring
from firmware.events.services import MenuWanted
from firmware.events.store import Kind, SaveFailure, SaveRecord
from firmware.model import CallState
from firmware.ui.menu.calls import date_of
from firmware.ui.menu.menu import CLOSES_S, SCREENS_MAX
from firmware.ui.menu.rules import minute_of
from tests.book.numbers import valid_numbers
from tests.ui.menu.hand import CLOSED, HELPING, UTC_S, Hand

ANNA, BERT, CARL, DORA, EMIL, *_ = islice(valid_numbers(), 9)
PEOPLE = (
    Contact(ANNA, "Anna Groß"),
    Contact(BERT, "Bert"),
    Contact(CARL, "Carl"),
    Contact(DORA, "Dora"),
    Contact(EMIL, "Emil"),
)


def call(
    hand: Hand, peer: str, reason: str, incoming: bool, ago_s: float, duration_s: float
) -> None:
    entry = {
        "ended_utc_s": UTC_S - ago_s,
        "peer": peer,
        "incoming": incoming,
        "reason": reason,
        "duration_s": duration_s,
    }
    hand.kept.perform(SaveRecord(Kind.CALL, f"{ago_s}", json.dumps(entry).encode()))


def test_menu_opens_with_the_square_key_and_leaves_all_others_to_the_call() -> None:
    hand = Hand()
    assert not any(hand.menu.takes(key) for key in "0123456789*ABCD")
    page = hand.press("#")
    assert page.rows == ("Phone book", "Calls", "New contact", "Who may ring")
    assert (page.selected, page.corner) == (0, "1/5")
    assert hand.press("2").selected == 3  # round, past the beginning
    assert hand.press("8").selected == 0


def test_name_is_found_by_letters_and_dialled_by_lifting() -> None:
    hand = Hand(*PEOPLE)
    assert hand.press("##").rows == ("Anna Groß", "Bert", "Carl", "Dora")
    page = hand.press("237")
    assert (page.title, page.rows, page.corner) == ("237", ("Bert",), "1")
    assert hand.press("##").foot == "Lift to call"
    hand.enter(CallState.OFF_HOOK)
    assert hand.dialled == BERT and hand.page is None


def test_contact_is_called_with_the_handset_lifted() -> None:
    hand = Hand(*PEOPLE)
    hand.enter(CallState.OFF_HOOK)
    assert not hand.menu.takes("#")  # a code may begin like this
    hand.menu.handle(MenuWanted(), hand.now_s)
    assert hand.press("#23###").rows[0] == "Call"
    assert hand.press("#") == CLOSED
    assert hand.dialled == BERT


def test_long_book_is_turned_over_and_comes_round() -> None:
    hand = Hand(*PEOPLE)
    hand.press("###")
    seen = []
    for _ in range(6):
        page = hand.page
        assert page is not None and page.selected is not None
        seen.append((page.rows[page.selected], page.corner))
        hand.press("8")
    names = ["Anna Groß", "Bert", "Carl", "Dora", "Emil", "Anna Groß"]
    assert [name for name, _ in seen] == names
    assert [place for _, place in seen] == ["1/5", "2/5", "3/5", "4/5", "5/5", "1/5"]


def test_nobody_found_says_how_to_go_on() -> None:
    page = Hand(*PEOPLE).press("##999")
    assert (page.title, page.subject, page.rows) == ("999", "Nobody found", ())
    hand = Hand()
    assert hand.press("##").title == "Phone book"


def test_new_contact_is_typed_and_confirmed_when_it_is_on_the_card() -> None:
    hand = Hand()
    hand.press("#88#" + ANNA)
    hand.press("2666")  # a, then mno by turns: A, then o
    hand.wait(2.0)
    assert hand.press("6").body == "Aom"
    page = hand.press("#")
    assert page.title == "Saved"
    contact = hand.book.contact(ANNA)
    assert contact is not None and contact.name == "Aom"
    assert hand.press("#").title == "Menu"


def test_letters_turn_settle_and_are_taken_back() -> None:
    hand = Hand()
    hand.press("#88#" + ANNA)
    assert hand.press("555").body == "L"
    assert hand.press("0").body == "L "
    assert hand.press("2222").body == "L Ä"
    assert hand.press("*").body == "L _"
    assert hand.press("*").body == "L_"
    assert hand.press("*").body == "_"
    assert hand.press("#").body == "_"  # a name has a letter at least
    assert hand.press("*").title == "Number"


def test_full_card_is_said_in_the_menu() -> None:
    hand = Hand(*PEOPLE)
    hand.kept.failure = SaveFailure.FULL
    page = hand.press("##23###8#")
    assert (page.title, page.body) == ("Not saved", "The card is full.")


def test_contact_gets_a_speed_dial_a_name_and_a_star() -> None:
    hand = Hand(*PEOPLE)
    hand.press("##23##")
    hand.press("#8#")
    assert hand.press("#").corner == "*"
    hand.press("#88#7#")
    assert hand.press("#").foot == "Speed dial 7"
    hand.press("#888#")
    assert hand.press("****3#").title == "Saved"  # of Bert nothing was left
    assert hand.press("#").title == "D"
    contact = hand.book.contact(BERT)
    assert contact == Contact(BERT, "D", "7", is_favourite=True)


def test_intercom_and_deletion_are_asked_for_twice() -> None:
    hand = Hand(*PEOPLE)
    assert (
        hand.press("##23###8888#").body
        == "This box will answer by itself. #\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}yes"
    )
    assert hand.press("#").title == "Saved"
    contact = hand.book.contact(BERT)
    assert contact is not None and contact.is_intercom
    assert (
        hand.press("##2#").body == "Delete this contact? #\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}yes"
    )
    assert hand.press("*").rows[-1] == "Delete"
    assert hand.press("##").title == "Saved" and hand.book.contact(BERT) is None
    assert hand.press("#").subject == "Nobody found"


def test_calls_are_shown_newest_first_with_the_names_of_today() -> None:
    hand = Hand(*PEOPLE)
    call(hand, ANNA, "hung_up", False, 90_000.0, 61.0)
    call(hand, "1234", "busy", False, 7200.0, 0.0)
    call(hand, BERT, "missed", True, 3600.0, 0.0)
    page = hand.press("#8#")
    assert page.rows == (
        "! Bert          13:05",
        "> ...1234       12:05",
        "> Anna Groß     14.01",
    )
    assert all(len(row) <= 21 for row in page.rows)
    assert hand.press("#").rows == (
        "15.01.2027 13:05",
        "in: missed",
        f"{BERT[:4]} {BERT[4:8]} {BERT[8:]}",
        "Lift to call",
    )
    hand.press("*88")
    assert hand.press("#").rows[1] == "out: 01:01"
    hand.enter(CallState.OFF_HOOK)
    assert hand.dialled == ANNA


def test_log_of_many_calls_is_read_as_far_as_it_is_turned() -> None:
    hand = Hand()
    for i in range(100):
        call(hand, ANNA, "hung_up", True, 100.0 * (100 - i), float(i))
    hand.press("#8#")
    hand.press("8" * 120)
    assert hand.page is not None and hand.page.corner == "100"
    assert hand.press("2" * 120).corner == "1"


def test_caller_of_the_log_goes_into_the_book_or_is_blocked() -> None:
    hand = Hand()
    call(hand, ANNA, "missed", True, 60.0, 0.0)
    hand.press("#8##")
    hand.press("#8#2#")
    contact = hand.book.contact(ANNA)
    assert contact is not None and contact.name == "A"
    assert hand.press("#***") == CLOSED
    hand.press("#8###8##")
    assert hand.book.judge(ANNA, hand.now_s) is Ring.REFUSED


def test_empty_log_says_so() -> None:
    assert Hand().press("#8#").body == "No calls yet."


def test_rules_are_turned_and_hold_at_once() -> None:
    hand = Hand()
    assert hand.press("#888#").rows[0] == "Strangers: ring"
    turns = [hand.press("#").rows[0] for _ in range(3)]
    kinds = "name first", "work first", "silent"
    assert turns == [f"Strangers: {kind}" for kind in kinds]
    assert hand.press("#").rows[0] == "Strangers: refused"
    assert hand.book.judge(ANNA, hand.now_s) is Ring.REFUSED
    hand.press("8#")
    assert hand.press("2200").title == "Quiet until"
    hand.press("0700")
    assert hand.press("#").rows[1] == "Quiet 22:00-07:00"
    assert hand.press("#").rows[1] == "Quiet off"
    assert hand.press("8#").rows[1] == "Then: refused"


def test_time_that_is_none_is_asked_for_again() -> None:
    hand = Hand()
    hand.press("#888#8#")
    assert hand.press("2460").title == "Quiet from"
    assert [minute_of(digits) for digits in ("2359", "2400", "0060", "12")] == [
        1439,
        None,
        None,
        None,
    ]


def test_number_is_blocked_and_let_through_again() -> None:
    hand = Hand()
    hand.press("#888#888#" + ANNA)
    assert hand.press("#").rows[3] == "1 blocked"
    hand.press("8#" + ANNA)
    hand.press("#")
    assert hand.book.judge(ANNA, hand.now_s) is Ring.RINGS
    wrong = ANNA[:-1] + str((int(ANNA[-1]) + 1) % 10)
    assert hand.press("2#" + wrong).body == "This is no number. Please check it."


def test_call_that_rings_closes_the_menu_and_takes_the_keys() -> None:
    hand = Hand(*PEOPLE)
    hand.press("##")
    hand.enter(CallState.RINGING)
    assert hand.page is None and not hand.menu.takes("#")
    hand.enter(CallState.IDLE)
    assert hand.page is None and hand.menu.takes("#")


def test_menu_closes_by_itself_when_nobody_is_there() -> None:
    hand = Hand()
    hand.press("#")
    hand.wait(CLOSES_S - 1.0)
    assert hand.page is not None
    hand.wait(2.0)
    assert hand.page is None and hand.menu.deadline_s() is None


def test_lifting_over_a_list_keeps_it_open() -> None:
    hand = Hand(*PEOPLE)
    hand.press("#")
    hand.enter(CallState.OFF_HOOK)
    assert hand.page is not None and hand.dialled == ""


def test_any_keys_at_all_leave_a_menu_that_can_be_left() -> None:
    seed = 9
    dice = random.Random(seed)
    hand = Hand(*PEOPLE)
    call(hand, ANNA, "missed", True, 60.0, 0.0)
    for _ in range(3000):
        hand.press(dice.choice("01234567889###*") if hand.page else "#", dice.choice((0.1, 2.0)))
        hand.wait(dice.choice((0.0, 0.0, 1.5)))
    for _ in range(SCREENS_MAX * NAME_BYTES_MAX):
        if hand.page is None:
            return
        hand.press("*")
    pytest.fail(f"seed {seed}: {hand.page}")


def test_dates_are_those_of_the_calendar() -> None:
    assert [date_of(days) for days in (0, 59, 11_016, 19_782, 20_833)] == [
        (1970, 1, 1),
        (1970, 3, 1),
        (2000, 2, 29),
        (2024, 2, 29),
        (2027, 1, 15),
    ]


def test_what_the_box_does_for_others_is_read_anew_with_each_key() -> None:
    hand = Hand()
    assert hand.press("#2#").title == "Helping others"
    hand.helping = replace(HELPING, phones=13)
    assert hand.press("#").rows[0] == "phones 13 of 100"
    hand.helping = None
    assert hand.press("8").body == "This phone helps no others."
    assert hand.press("*").title == "Menu"
