"""Screens of the phone book: search by letters, a contact, what can be done with it, a new one."""

from __future__ import annotations

from dataclasses import replace

from firmware.events import Message
from firmware.events.book import (
    BookChanged,
    BookFound,
    Contact,
    ForgetContact,
    Rule,
    SaveContact,
    SearchBook,
    SetRule,
)
from firmware.number import NUMBER_DIGITS, display
from firmware.ui.menu.screen import (
    BACK,
    CHOOSE,
    DOWN,
    LEAVE,
    STAY,
    UP,
    Desk,
    ListScreen,
    Question,
    Saving,
    Screen,
    Step,
    window,
)
from firmware.ui.menu.typing import Digits, Letters
from firmware.ui.pages import ROWS_MAX, Page

KEYS_MAX = 12  # of a search


class BookScreen(Screen):
    """First keys spell a name; `#` goes into the list, where they move as everywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._keys = ""
        self._selected: int | None = None  # None = keys spell
        self._found = BookFound("", 0, 0, ())

    @property
    def number(self) -> str:  # type: ignore[override]  # what is selected changes with the keys
        """The selected contact's."""
        contact = self._contact()
        return contact.number if contact else ""

    def open(self) -> list[Message]:
        """Look again: a contact may have changed."""
        return [self._search()]

    def page(self) -> Page:
        """What was spelled, and who it may be."""
        texts, found = self._desk.texts, self._found
        if not found.total:
            body = texts.nobody_hint
            return Page(title=self._keys or texts.book, corner="0", subject=texts.nobody, body=body)
        place = "" if self._selected is None else f"{self._selected + 1}/"
        return Page(
            title=self._keys or texts.book,
            corner=f"{place}{found.total}",
            rows=tuple(contact.name for contact in found.contacts[:ROWS_MAX]),
            selected=None if self._selected is None else self._selected - found.first,
        )

    def press(self, key: str, now_s: float) -> Step:
        """Spell, move, choose, take back."""
        del now_s
        if self._selected is None:
            return self._spell(key)
        if key == BACK:
            self._selected = None
        elif key in (UP, DOWN) and self._found.total:
            step = 1 if key == DOWN else -1
            self._selected = (self._selected + step) % self._found.total
        elif key == CHOOSE and (contact := self._contact()):
            return Step(push=ContactScreen(self._desk, contact))
        else:
            return STAY
        return Step(messages=(self._search(),))

    def hear(self, fact: Message) -> list[Message]:
        """What was found."""
        if isinstance(fact, BookFound) and fact.keys == self._keys:
            self._found = fact
            if self._selected is not None and self._selected >= fact.total:
                self._selected = fact.total - 1 if fact.total else None
        elif isinstance(fact, BookChanged):
            return [self._search()]
        return []

    def _spell(self, key: str) -> Step:
        if key == BACK and not self._keys:
            return LEAVE
        if key == CHOOSE:
            self._selected = 0 if self._found.total else None
        elif key == BACK:
            self._keys = self._keys[:-1]
        elif key.isdigit():
            self._keys = (self._keys + key)[:KEYS_MAX]
        return Step(messages=(self._search(),))

    def _search(self) -> SearchBook:
        first = window(self._selected or 0, self._found.total)
        return SearchBook(self._keys, first, ROWS_MAX)

    def _contact(self) -> Contact | None:
        if self._selected is None:
            return None
        place = self._selected - self._found.first
        contacts = self._found.contacts
        return contacts[place] if 0 <= place < len(contacts) else None


class ContactScreen(Screen):
    """One contact; lifting the handset calls it."""

    def __init__(self, desk: Desk, contact: Contact) -> None:
        self._desk, self._contact = desk, contact
        self.number = contact.number

    def page(self) -> Page:
        """Name, number and what it may."""
        contact, texts = self._contact, self._desk.texts
        dial = texts.speed_dial.format(contact.speed_dial) if contact.speed_dial else ""
        return Page(
            title=contact.name,
            large=display(contact.number),
            foot=dial or texts.lift,
            corner="*" * contact.is_favourite,
        )

    def press(self, key: str, now_s: float) -> Step:
        """`#` shows what can be done."""
        del now_s
        if key == CHOOSE:
            return Step(push=self._actions())
        return LEAVE if key == BACK else STAY

    def hear(self, fact: Message) -> list[Message]:
        """It may have changed."""
        if isinstance(fact, BookChanged):
            for contact in fact.changed:
                if contact.number == self.number:
                    self._contact = contact
        return []

    def _actions(self) -> Screen:
        texts = self._desk.texts
        flag = {True: texts.yes, False: texts.no}
        favourite = texts.favourite.format(flag[self._contact.is_favourite])
        intercom = texts.intercom.format(flag[self._contact.is_intercom])
        speed_dial = texts.speed_dial.format(self._contact.speed_dial or texts.none)
        return ListScreen(
            self._contact.name,
            (
                (lambda: texts.call, lambda: Step(dial=self.number)),
                (lambda: favourite, self._turn_favourite),
                (lambda: speed_dial, self._ask_speed_dial),
                (lambda: texts.rename, self._ask_name),
                (lambda: intercom, self._turn_intercom),
                (lambda: texts.block, lambda: ask_block(self._desk, self.number, pop=3)),
                (lambda: texts.delete, self._ask_delete),
            ),
        )

    def _save(self, contact: Contact, pop: int = 2) -> Step:
        return Step(push=Saving(self._desk.texts, pop), messages=(SaveContact(contact),))

    def _turn_favourite(self) -> Step:
        return self._save(replace(self._contact, is_favourite=not self._contact.is_favourite))

    def _turn_intercom(self) -> Step:
        changed = replace(self._contact, is_intercom=not self._contact.is_intercom)
        if not changed.is_intercom:
            return self._save(changed)
        yes = self._save(changed, pop=3)
        return Step(push=Question(changed.name, self._desk.texts.intercom_hint, yes))

    def _ask_speed_dial(self) -> Step:
        title = self._desk.texts.speed_dial.format("")
        return Step(push=Digits(title, 2, self._set_speed_dial, str))

    def _set_speed_dial(self, digits: str) -> Step:
        return self._save(replace(self._contact, speed_dial=digits), pop=3)

    def _ask_name(self) -> Step:
        return Step(push=Letters(self._desk.texts.name, self._contact.name, self._set_name))

    def _set_name(self, name: str) -> Step:
        return self._save(replace(self._contact, name=name), pop=3)

    def _ask_delete(self) -> Step:
        texts = self._desk.texts
        forget = Step(push=Saving(texts, pop=4), messages=(ForgetContact(self.number),))
        return Step(push=Question(self._contact.name, texts.delete_hint, forget))


def new_contact(desk: Desk) -> Screen:
    """Number, then name."""
    return Digits(desk.texts.number, NUMBER_DIGITS, lambda each: ask_name(desk, each, 3), display)


def ask_name(desk: Desk, number: str, pop: int) -> Step:
    """A name for a number that is to come into the book."""

    def save(name: str) -> Step:
        return Step(push=Saving(desk.texts, pop), messages=(SaveContact(Contact(number, name)),))

    return Step(push=Letters(desk.texts.name, "", save))


def ask_block(desk: Desk, number: str, pop: int) -> Step:
    """Block a number, if that is meant."""
    yes = Step(push=Saving(desk.texts, pop), messages=(SetRule(number, Rule.BLOCKED),))
    return Step(push=Question(display(number), desk.texts.block_hint, yes))
