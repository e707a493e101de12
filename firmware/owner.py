"""What a page may do with phone book and rules; each handler as those of remote.py.

A change is answered when the store says that it is on the card, or why it is not. A vCard file is
taken over contact by contact; what is wrong in it is counted, not fatal.
Units: `_s` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from firmware.book.book import PhoneBook
from firmware.book.rules import QUIET
from firmware.book.vcard import CardReader, encode_card
from firmware.errors import CommandError, MalformedError
from firmware.events import Message
from firmware.events.book import (
    DAY_MINUTES,
    BookChanged,
    BookRefused,
    Contact,
    ForgetContact,
    Ring,
    RingRules,
    RingRulesChanged,
    Rule,
    SaveContact,
    SetRingRules,
    SetRule,
)
from firmware.number import is_valid
from firmware.shell.control import Answer, Handler

ANSWER_S = 10.0  # for the card
AT_ONCE_MAX = 64  # contacts of a file that wait for the card
RULES = "rules"
REFUSALS = {
    "number": "That is not a telephone number of twelve digits",
    "fixed": "This contact stands in box.toml and can be changed only there",
    "full": "There is no room on the card",
    "card": "The card cannot be written",
    "too_many": "There are too many already",
    "too_large": "That is too long",
}
Request = Mapping[str, Any]


class Owner:
    """Handlers for the page; `ask` tells the phone a command, `hear` is told what comes of it."""

    def __init__(self, book: PhoneBook, ask: Callable[[Message], None]) -> None:
        self._book, self._ask = book, ask
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []  # number or RULES, in order

    def handlers(self) -> dict[str, Handler]:
        """The table of commands."""
        return {
            "book": self._contacts,
            "save_contact": self._save_contact,
            "forget_contact": self._forget_contact,
            "import_cards": self._import_cards,
            "export_cards": self._export_cards,
            "rules": self._rules,
            "set_rule": self._set_rule,
            "set_rules": self._set_rules,
        }

    def hear(self, message: Message) -> None:
        """What the book says: of the wish that has waited longest among those it may be about."""
        match message:
            case BookChanged(changed=changed, forgotten=forgotten):
                self._answer({each.number for each in changed} | {*forgotten}, None)
            case RingRulesChanged():
                self._answer({RULES}, None)
            case BookRefused(reason=reason):
                error = CommandError(REFUSALS.get(reason, reason))
                self._answer({about for about, _ in self._waiting}, error)

    def _answer(self, about: set[str], error: CommandError | None) -> None:
        for wish in self._waiting:
            if wish[0] in about:
                self._waiting.remove(wish)
                if not wish[1].done():
                    wish[1].set_exception(error) if error else wish[1].set_result(None)
                return

    async def _contacts(self, _request: Request) -> Answer:
        return {"contacts": [asdict(each) for each in self._book.contacts()]}

    async def _save_contact(self, request: Request) -> Answer:
        number, name = _number(request), request.get("name")
        if not isinstance(name, str):
            raise CommandError("A name, please")
        former = self._book.contact(number)
        contact = Contact(
            number,
            name,
            _short(request.get("speed_dial", "")),
            is_favourite=request.get("is_favourite") is True,
            is_authenticated=former is not None and former.is_authenticated,
            is_intercom=request.get("is_intercom") is True,
        )
        await self._done(SaveContact(contact), number)
        return {}

    async def _forget_contact(self, request: Request) -> Answer:
        number = _number(request)
        await self._done(ForgetContact(number), number)
        return {}

    async def _import_cards(self, request: Request) -> Answer:
        reader, refused = CardReader(), 0
        try:
            contacts = list(reader.contacts(str(request.get("cards", "")).encode().splitlines()))
        except MalformedError as error:
            raise CommandError(str(error)) from None
        for start in range(0, len(contacts), AT_ONCE_MAX):
            some = contacts[start : start + AT_ONCE_MAX]
            done = await asyncio.gather(
                *(self._done(SaveContact(each), each.number) for each in some),
                return_exceptions=True,
            )
            refused += sum(isinstance(each, CommandError) for each in done)
        return {"saved": len(contacts) - refused, "skipped": refused + reader.skipped.total()}

    async def _export_cards(self, _request: Request) -> Answer:
        cards = b"".join(encode_card(each) for each in self._book.contacts())
        return {"cards": cards.decode()}

    async def _rules(self, _request: Request) -> Answer:
        doorkeeper = self._book.doorkeeper
        return asdict(doorkeeper.rules) | {
            "numbers": [
                {"number": number, "rule": rule} for number, rule in doorkeeper.numbers.items()
            ],
            "blocked": doorkeeper.blocked,
        }

    async def _set_rule(self, request: Request) -> Answer:
        wanted = request.get("rule")
        if wanted is not None and wanted not in list(Rule):
            raise CommandError(f"A rule is one of {', '.join(Rule)}")
        rule = None if wanted is None else Rule(wanted)
        await self._done(SetRule(_number(request), rule), RULES)
        return {}

    async def _set_rules(self, request: Request) -> Answer:
        strangers, quiet = request.get("strangers"), request.get("quiet")
        if strangers not in list(Ring) or quiet not in list(Ring):
            raise CommandError(f"Each is one of {', '.join(Ring)}")
        start, end = (_minute(request.get(f"quiet_{each}_minute")) for each in ("from", "to"))
        if quiet not in QUIET:
            raise CommandError(f"In quiet hours it is one of {', '.join(QUIET)}")
        former = self._book.doorkeeper.rules
        rules = RingRules(Ring(strangers), start, end, Ring(quiet), former.stamp_difficulty)
        await self._done(SetRingRules(rules), RULES)
        return {}

    async def _done(self, command: Message, about: str) -> None:
        """Return when it is on the card; CommandError if it is not."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((about, answer))
        self._ask(command)
        try:
            async with asyncio.timeout(ANSWER_S):
                await answer
        except TimeoutError:
            raise CommandError("The card takes too long") from None


def _number(request: Request) -> str:
    found = request.get("number")
    digits = found.replace(" ", "") if isinstance(found, str) else ""
    if not is_valid(digits):
        raise CommandError(REFUSALS["number"])
    return digits


def _short(found: Any) -> str:
    is_short = isinstance(found, str) and len(found) <= 2 and found.isascii()
    if not is_short or (found and not found.isdigit()):
        raise CommandError("A speed dial has one or two digits")
    return str(found)


def _minute(found: Any) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < DAY_MINUTES:
        raise CommandError("A time of the day, please")
    return found
