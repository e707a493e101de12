"""The owner's hand on phone book and rules: answered when it is on the card, or why not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from firmware.book.book import PhoneBook
from firmware.errors import CommandError
from firmware.events import Message
from firmware.events.book import NAME_BYTES_MAX
from firmware.events.store import RecordSaved, SaveFailed, SaveFailure, SaveRecord
from firmware.owner import Owner
from tests.book.numbers import valid_numbers

ANNA, BERT, CARL, *_ = (each for each, _ in zip(valid_numbers(), range(3), strict=False))


class Desk:
    """An owner, a book, and a card that may be full."""

    def __init__(self) -> None:
        self.book = PhoneBook({CARL: "Carl of box.toml"})
        self.is_full = False
        self.owner = Owner(self.book, self._ask)

    def _ask(self, wish: Message) -> None:
        for message in self.book.handle(wish, 0.0):
            if not isinstance(message, SaveRecord):
                self.owner.hear(message)
                continue
            kind, key = message.kind, message.key
            full = SaveFailed(kind, key, SaveFailure.FULL)
            for answer in self.book.handle(full if self.is_full else RecordSaved(kind, key), 0.0):
                self.owner.hear(answer)

    def do(self, command: str, /, **request: Any) -> dict[str, Any]:
        async def one() -> dict[str, Any]:
            return await self.owner.handlers()[command](request)

        return asyncio.run(one())


def test_contact_is_kept_changed_and_forgotten() -> None:
    desk = Desk()
    desk.do("save_contact", number=ANNA, name="Anna", speed_dial="7", is_favourite=True)
    desk.do("save_contact", number=BERT, name="Bert", speed_dial="7")
    contacts = {each["number"]: each for each in desk.do("book")["contacts"]}
    assert contacts[ANNA]["speed_dial"] == "", "it went over to Bert"
    assert contacts[ANNA]["is_favourite"]
    assert contacts[BERT]["speed_dial"] == "7"
    desk.do("forget_contact", number=ANNA)
    assert ANNA not in {each["number"] for each in desk.do("book")["contacts"]}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"number": "1"},
        {"number": 7, "name": "x"},
        {"number": ANNA},
        {"number": ANNA, "name": "x", "speed_dial": "123"},
        {"number": ANNA, "name": "x", "speed_dial": 7},
        {"number": CARL, "name": "another one"},
    ],
)
def test_contact_that_is_none_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        Desk().do("save_contact", **request_)


def test_full_card_is_said_and_nothing_is_changed() -> None:
    desk = Desk()
    desk.is_full = True
    with pytest.raises(CommandError, match="no room"):
        desk.do("save_contact", number=ANNA, name="Anna")
    with pytest.raises(CommandError, match="no room"):
        desk.do("set_rule", number=ANNA, rule="blocked")
    assert len(desk.do("book")["contacts"]) == 1


def test_vcards_come_back_as_they_went() -> None:
    desk, other = Desk(), Desk()
    desk.do("save_contact", number=ANNA, name="Anna; Älter", is_intercom=True)
    desk.do("save_contact", number=BERT, name="B" * 2 * NAME_BYTES_MAX)
    cards = desk.do("export_cards")["cards"]
    assert other.do("import_cards", cards=cards) == {"saved": 2, "skipped": 1}, "Carl is fixed"
    assert other.do("book") == desk.do("book")


@pytest.mark.parametrize("cards", ["", "no card", "BEGIN:VCARD", "\x00" * 100, 7])
def test_forged_vcards_change_nothing(cards: Any) -> None:
    desk = Desk()
    before = desk.do("book")
    with contextlib.suppress(CommandError):
        assert desk.do("import_cards", cards=cards)["saved"] == 0
    assert desk.do("book") == before


def test_rules_are_kept_and_told() -> None:
    desk = Desk()
    wish = {"strangers": "silent", "quiet_from_minute": 1320, "quiet_to_minute": 420}
    desk.do("set_rules", **wish, quiet="refused")
    desk.do("set_rule", number=ANNA, rule="blocked")
    rules = desk.do("rules")
    assert wish.items() <= rules.items()
    assert rules["numbers"] == [{"number": ANNA, "rule": "blocked"}]
    assert rules["blocked"] == 1
    desk.do("set_rule", number=ANNA, rule=None)
    assert desk.do("rules")["numbers"] == []


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"strangers": "perhaps", "quiet": "silent", "quiet_from_minute": 0, "quiet_to_minute": 0},
        {"strangers": "rings", "quiet": "silent", "quiet_from_minute": -1, "quiet_to_minute": 0},
        {"strangers": "rings", "quiet": "silent", "quiet_from_minute": 1440, "quiet_to_minute": 0},
        {"strangers": "rings", "quiet": "silent", "quiet_from_minute": True, "quiet_to_minute": 0},
        {"strangers": ["rings"], "quiet": {}, "quiet_from_minute": 0, "quiet_to_minute": 0},
    ],
)
def test_rules_that_are_none_are_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        Desk().do("set_rules", **wish)
