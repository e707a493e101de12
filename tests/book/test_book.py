"""The phone book: a change holds when it is on the card, and what cannot be is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from firmware.book.book import PhoneBook
from firmware.events import Message, WallClockRead
from firmware.events.book import (
    BookChanged,
    BookFound,
    BookRefused,
    Contact,
    ForgetContact,
    Ring,
    RingRules,
    RingRulesChanged,
    Rule,
    SaveContact,
    SearchBook,
    SetRingRules,
    SetRule,
)
from firmware.events.store import Kind, SaveFailure, SaveRecord
from tests.book.numbers import valid_numbers
from tests.kept import Kept

ANNA, BERT, CARL, *_ = islice(valid_numbers(), 5)
NOON_UTC_S = 1_800_014_400.0 - 1_800_014_400.0 % 86_400 + 43_200


class Desk:
    """A book and its store; `ask` gives what the book says in the end."""

    def __init__(self, fixed: dict[str, str] | None = None, kept: Kept | None = None) -> None:
        self.kept = kept or Kept()
        self.book = PhoneBook(fixed)
        self.book.handle(WallClockRead(NOON_UTC_S), 0.0)
        self.book.handle(self.kept.loaded(), 0.0)

    def ask(self, wish: Message) -> list[Message]:
        said: list[Message] = []
        for message in self.book.handle(wish, 1.0):
            answer = self.kept.perform(message)
            said += [message] if answer is None else self.book.handle(answer, 1.0)
        return said


def test_contact_is_in_the_book_when_it_is_on_the_card_and_not_before() -> None:
    desk = Desk()
    (save,) = desk.book.handle(SaveContact(Contact(ANNA, "Anna")), 0.0)
    assert isinstance(save, SaveRecord) and desk.book.contact(ANNA) is None
    answer = desk.kept.perform(save)
    assert answer is not None
    assert desk.book.handle(answer, 0.0) == [BookChanged((Contact(ANNA, "Anna"),))]
    assert desk.book.names == {ANNA: "Anna"}


def test_book_is_the_same_after_a_restart() -> None:
    desk = Desk()
    anna = Contact(ANNA, "Anna", "7", is_favourite=True, is_intercom=True)
    desk.ask(SaveContact(anna))
    desk.ask(SaveContact(Contact(BERT, "Bert")))
    desk.ask(ForgetContact(BERT))
    desk.ask(SetRule(CARL, Rule.BLOCKED))
    again = Desk(kept=desk.kept)
    assert again.book.contact(ANNA) == anna and again.book.contact(BERT) is None
    assert again.book.judge(CARL, 1.0) is Ring.REFUSED
    assert again.ask(SearchBook("2663")) == [BookFound("2663", 0, 0, ())]
    assert again.ask(SearchBook("2662")) == [BookFound("2662", 0, 1, (anna,))]


def test_speed_dial_goes_over_to_who_gets_it() -> None:
    desk = Desk()
    desk.ask(SaveContact(Contact(ANNA, "Anna", "7")))
    desk.ask(SaveContact(Contact(BERT, "Bert", "7")))
    anna, bert = desk.book.contact(ANNA), desk.book.contact(BERT)
    assert anna is not None and bert is not None
    assert (anna.speed_dial, bert.speed_dial) == ("", "7")


def test_contact_of_the_configuration_cannot_be_changed_here() -> None:
    desk = Desk(fixed={ANNA: "Mother"})
    assert desk.ask(SaveContact(Contact(ANNA, "Anna"))) == [BookRefused("fixed")]
    assert desk.ask(ForgetContact(ANNA)) == [BookRefused("fixed")]
    assert desk.book.names == {ANNA: "Mother"}


def test_full_card_and_wrong_number_are_said() -> None:
    desk = Desk()
    assert desk.ask(SaveContact(Contact("123", "Anna"))) == [BookRefused("number")]
    assert desk.ask(SaveContact(Contact(ANNA, "Anna", "777"))) == [BookRefused("number")]
    assert desk.ask(SetRule("123", Rule.BLOCKED)) == [BookRefused("number")]
    assert desk.ask(ForgetContact(ANNA)) == [BookRefused("number")]
    desk.kept.failure = SaveFailure.FULL
    assert desk.ask(SaveContact(Contact(ANNA, "Anna"))) == [BookRefused("full")]
    assert desk.book.contact(ANNA) is None


def test_rules_are_told_when_they_hold() -> None:
    desk = Desk()
    rules = RingRules(Ring.REFUSED, 0, 1439, Ring.REFUSED)
    assert desk.ask(SetRingRules(rules)) == [RingRulesChanged(rules, 0)]
    assert desk.ask(SetRule(BERT, Rule.BLOCKED)) == [RingRulesChanged(rules, 1)]
    assert desk.ask(SetRule(BERT, None)) == [RingRulesChanged(rules, 0)]
    desk.ask(SaveContact(Contact(ANNA, "Anna", is_favourite=True)))
    assert [desk.book.judge(peer, 1.0) for peer in (ANNA, BERT)] == [Ring.RINGS, Ring.REFUSED]


def test_two_changes_of_one_contact_come_about_in_their_order() -> None:
    desk = Desk()
    anna = Contact(ANNA, "Anna")
    first = desk.book.handle(SaveContact(anna), 0.0)
    second = desk.book.handle(SaveContact(replace(anna, name="Anne")), 0.0)
    answers = [desk.kept.perform(message) for message in (*first, *second)]
    said = [desk.book.handle(answer, 0.0) for answer in answers if answer]
    assert said == [[BookChanged((anna,))], [BookChanged((replace(anna, name="Anne"),))]]


def test_record_that_is_no_contact_is_left_alone() -> None:
    kept = Kept()
    for key, data in (("123", b'{"name": "x"}'), (ANNA, b"["), (BERT, b'{"name": "Bert"}')):
        kept.perform(SaveRecord(Kind.CONTACT, key, data))
    kept.perform(SaveRecord(Kind.RULE, CARL, b"loved"))
    kept.perform(SaveRecord(Kind.SETTING, "ring rules", b"loud"))
    assert Desk(kept=kept).book.names == {BERT: "Bert"}
