"""A menu with a book and a store behind it, and the hand at its keys."""

from __future__ import annotations

from collections import deque

from firmware import events
from firmware.book.book import PhoneBook
from firmware.events import Message
from firmware.events.book import (
    BookChanged,
    BookFound,
    BookRefused,
    Contact,
    RingRulesChanged,
    SaveContact,
)
from firmware.events.network import HelpingFigures, HelpingRead, ReadHelping
from firmware.events.store import RecordsRead
from firmware.model import CallState, CallView
from firmware.ui.menu.menu import Menu
from firmware.ui.menu.shown import MenuShown
from firmware.ui.menu.texts import ENGLISH, MenuTexts
from firmware.ui.pages import Page
from tests.kept import Kept

UTC_S = 1_800_014_400.0 - 1_800_014_400.0 % 86_400 + 14 * 3600 + 5 * 60  # five past two
CLOSED = Page()
_FOR_MENU = (BookFound, BookChanged, BookRefused, RingRulesChanged, RecordsRead, HelpingRead)
HELPING = HelpingFigures(12, 100, 3, 32, 48_250_000, 250_000, is_serving=True)


class Hand:
    """Presses keys and looks; `dialled` are keys that the menu pressed itself."""

    def __init__(self, *contacts: Contact, texts: MenuTexts = ENGLISH) -> None:
        self.kept, self.book = Kept(), PhoneBook()
        self.menu = Menu(self.book.names, texts)
        self.now_s = 1000.0
        self.helping: HelpingFigures | None = HELPING
        self.dialled = ""
        self.page: Page | None = None
        self.tell(self.kept.loaded(), events.WallClockRead(UTC_S))
        for contact in contacts:
            self.tell(SaveContact(contact))

    def press(self, keys: str, pause_s: float = 0.2) -> Page:
        """Press one key after the other; what is seen in the end, CLOSED if it is not the menu."""
        for key in keys:
            self.now_s += pause_s
            assert self.menu.takes(key), key
            self.tell(events.KeyPressed(key))
        return self.page or CLOSED

    def enter(self, state: CallState) -> None:
        """The telephone is in another state."""
        self.tell(events.CallChanged(CallView(state=state)))

    def wait(self, duration_s: float) -> None:
        """Let time pass."""
        until_s = self.now_s + duration_s
        while (deadline_s := self.menu.deadline_s()) is not None and deadline_s <= until_s:
            self.now_s = max(deadline_s, self.now_s)
            self._see(self.menu.on_time(self.now_s))
        self.now_s = until_s

    def tell(self, *facts: Message) -> None:
        """Facts and commands go where the phone sends them, until nothing is left to say."""
        waiting = deque(facts)
        while waiting:
            fact = waiting.popleft()
            waiting += [answer] if (answer := self.kept.perform(fact)) else []
            waiting += [HelpingRead(self.helping)] if isinstance(fact, ReadHelping) else []
            waiting += self.book.handle(fact, self.now_s)
            if isinstance(fact, (*_FOR_MENU, events.WallClockRead, events.CallChanged)) or (
                isinstance(fact, events.KeyPressed) and self.menu.takes(fact.key)
            ):
                waiting += self._see(self.menu.handle(fact, self.now_s))
            elif isinstance(fact, events.KeyPressed):
                self.dialled += fact.key

    def _see(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if isinstance(message, MenuShown):
                self.page = message.page
        return [message for message in messages if not isinstance(message, MenuShown)]
