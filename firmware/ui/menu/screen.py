"""What a screen of the menu is, and the three that others are made of: list, question, message.

A screen takes keys and facts, and says what follows: another screen, a step back, messages. Keys:
`2` up, `8` down, `#` choose, `*` back; a screen in which something is typed says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware.events import Message
from firmware.events.book import BookChanged, BookRefused, RingRulesChanged
from firmware.ui.menu.texts import MenuTexts
from firmware.ui.pages import ROWS_MAX, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

UP, DOWN, CHOOSE, BACK = "2", "8", "#", "*"


@dataclass(frozen=True, slots=True)
class Desk:
    """What all screens share."""

    texts: MenuTexts
    names: Mapping[str, str]  # the live table of the phone book, by number


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a key."""

    push: Screen | None = None
    pop: int = 0  # screens; before `push`
    messages: tuple[Message, ...] = ()
    dial: str = ""  # close the menu and dial this


STAY = Step()
LEAVE = Step(pop=1)


class Screen:
    """One screen; each overrides what it needs."""

    number = ""  # that is dialled when the handset is lifted now

    def open(self) -> list[Message]:
        """Messages to send when it comes to the top."""
        return []

    def page(self) -> Page:
        """What is to be seen."""
        raise NotImplementedError

    def press(self, key: str, now_s: float) -> Step:
        """One key; `*` leads back."""
        del now_s
        return LEAVE if key == BACK else STAY

    def hear(self, fact: Message) -> list[Message]:
        """A fact from the book or the store; whatever it is not about is ignored."""
        del fact
        return []

    def deadline_s(self) -> float | None:
        """When `on_time` must be called; None = never."""
        return None

    def on_time(self, now_s: float) -> None:
        """Time has passed."""


class ListScreen(Screen):
    """Rows of which one is chosen; what a row says may change between two looks."""

    def __init__(self, title: str, rows: Sequence[tuple[Callable[[], str], Callable[[], Step]]]):
        self._title = title
        self._rows = rows
        self._selected = 0

    def page(self) -> Page:
        """As many rows as fit, with the selected one among them."""
        texts = [text() for text, _ in self._rows]
        top = window(self._selected, len(texts))
        return Page(
            title=self._title,
            corner=f"{self._selected + 1}/{len(texts)}",
            rows=tuple(texts[top : top + ROWS_MAX]),
            selected=self._selected - top,
        )

    def press(self, key: str, now_s: float) -> Step:
        """Move, choose or leave."""
        del now_s
        if key in (UP, DOWN):
            self._selected = (self._selected + (1 if key == DOWN else -1)) % len(self._rows)
        elif key == CHOOSE:
            return self._rows[self._selected][1]()
        return LEAVE if key == BACK else STAY


class Question(Screen):
    """Something that is done only if `#` is pressed once more."""

    def __init__(self, title: str, body: str, yes: Step) -> None:
        self._page = Page(title=title, body=body)
        self._yes = yes

    def page(self) -> Page:
        """The question."""
        return self._page

    def press(self, key: str, now_s: float) -> Step:
        """`#` is yes, `*` is no."""
        del now_s
        if key == CHOOSE:
            return self._yes
        return LEAVE if key == BACK else STAY


class Saving(Screen):
    """Says that something is on the card when it is, and why if it is not."""

    def __init__(self, texts: MenuTexts, pop: int = 1) -> None:
        """`pop` screens are left by the next key, this one included."""
        self._texts = texts
        self._pop = pop
        self._page = Page(icon="wait", title=texts.saving, body=texts.reading)

    def page(self) -> Page:
        """How it stands."""
        return self._page

    def press(self, key: str, now_s: float) -> Step:
        """Any key goes on."""
        del key, now_s
        return Step(pop=self._pop)

    def hear(self, fact: Message) -> list[Message]:
        """The answer of the book."""
        texts = self._texts
        match fact:
            case BookChanged() | RingRulesChanged():
                self._page = Page(icon="check", title=texts.saved, body=texts.saved_hint)
            case BookRefused(reason=reason):
                body = texts.refusals.get(reason, reason)
                self._page = Page(icon="cross", title=texts.not_saved, body=body)
        return []


def window(selected: int, count: int) -> int:
    """The first of ROWS_MAX rows among which the selected one is seen, with what follows it."""
    return min(max(selected - 1, 0), max(count - ROWS_MAX, 0))
