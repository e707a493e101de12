"""The menu as a core: takes the keys while it is open, and closes when the telephone is needed.

`#` opens it, with a dial tone after a pause, for codes begin like this. Lifting the handset over a
contact or a call dials it. Units: `_s` monotonic seconds; `utc_s` Unix time.
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware import events
from firmware.events import Message
from firmware.events.book import RingRules, RingRulesChanged
from firmware.events.services import MenuUsed, MenuWanted
from firmware.model import CallState, CallView
from firmware.ui.menu.book import BookScreen, new_contact
from firmware.ui.menu.calls import CallsScreen
from firmware.ui.menu.helping import HelpingScreen
from firmware.ui.menu.rules import RulesScreen
from firmware.ui.menu.screen import CHOOSE, Desk, ListScreen, Screen, Step
from firmware.ui.menu.shown import MenuShown
from firmware.ui.menu.texts import ENGLISH, MenuTexts
from firmware.ui.pages import Page

CLOSES_S = 60.0  # after the last key
SCREENS_MAX = 12  # one above the other
_KEYS = frozenset("0123456789*#")
_OPEN_IN = (CallState.IDLE, CallState.OFF_HOOK)


class Menu:
    """The core of the menu."""

    def __init__(self, names: Mapping[str, str], texts: MenuTexts = ENGLISH) -> None:
        """`names` is the live table of the phone book."""
        self._desk = Desk(texts, names)
        self._stack: list[Screen] = []
        self._state = CallState.IDLE
        self._shown: Page | None = None
        self._closes_s: float | None = None
        self._rules, self._blocked = RingRules(), 0
        self._utc_at_zero_s: float | None = None
        self._offset_s = 0.0
        self._now_s = 0.0

    def takes(self, key: str) -> bool:
        """Whether a key is for the menu, and not for the call."""
        if self._state not in _OPEN_IN or key not in _KEYS:
            return False
        if self._state is CallState.OFF_HOOK and not self._stack:
            return False  # it may be the first key of a code: MenuWanted tells when it was not
        return bool(self._stack) or key == CHOOSE

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Keys of the menu, the state of the call, and answers of book and store."""
        self._now_s = now_s
        out: list[Message] = []
        match fact:
            case events.KeyPressed(key=key):
                self._closes_s = now_s + CLOSES_S
                out = self._press(key, now_s)
                if self._stack and self._state is CallState.OFF_HOOK:
                    out.append(MenuUsed())
            case MenuWanted():
                self._closes_s = now_s + CLOSES_S
                self._stack = [self._root()]
                out = [MenuUsed()]
            case events.CallChanged(view=view):
                out = self._follow(view)
            case events.WallClockRead(utc_s=utc_s, local_offset_s=offset_s):
                self._utc_at_zero_s, self._offset_s = utc_s - now_s, offset_s
            case RingRulesChanged(rules=rules, blocked=blocked):
                self._rules, self._blocked = rules, blocked
                out = self._tell(fact)
            case _:
                out = self._tell(fact)
        return [*out, *self._show()]

    def on_time(self, now_s: float) -> list[Message]:
        """A letter stands, or nobody is here any more."""
        self._now_s = now_s
        if self._closes_s is not None and now_s >= self._closes_s:
            self._close()
        elif self._stack:
            self._stack[-1].on_time(now_s)
        return self._show()

    def deadline_s(self) -> float | None:
        """The next of the two."""
        of_screen = self._stack[-1].deadline_s() if self._stack else None
        deadlines = (self._closes_s, of_screen)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _press(self, key: str, now_s: float) -> list[Message]:
        if not self._stack:
            self._stack.append(self._root())
            return []
        return self._step(self._stack[-1].press(key, now_s))

    def _step(self, step: Step) -> list[Message]:
        if step.dial:
            return self._dial(step.dial)
        out = list(step.messages)
        if step.pop:
            del self._stack[-step.pop :]
            if self._stack and step.push is None:
                out += self._stack[-1].open()
        if step.push is not None and len(self._stack) < SCREENS_MAX:
            self._stack.append(step.push)
            out += step.push.open()
        if not self._stack:
            self._close()
        return out

    def _dial(self, number: str) -> list[Message]:
        """With a dial tone: press its keys. On the hook the screen says what to do: lift."""
        if self._state is not CallState.OFF_HOOK:
            del self._stack[-1:]
            return []
        self._close()
        return [events.KeyPressed(digit) for digit in number]

    def _follow(self, view: CallView) -> list[Message]:
        before, self._state = self._state, view.state
        if not self._stack:
            return []
        if view.state not in _OPEN_IN:
            self._close()
        elif before is CallState.IDLE and view.state is CallState.OFF_HOOK:
            number = self._stack[-1].number
            return self._dial(number) if number else []
        return []

    def _tell(self, fact: Message) -> list[Message]:
        return [message for screen in self._stack for message in screen.hear(fact)]

    def _close(self) -> None:
        self._stack.clear()
        self._closes_s = None

    def _show(self) -> list[Message]:
        page = self._stack[-1].page() if self._stack else None
        if page == self._shown:
            return []
        self._shown = page
        return [MenuShown(page)]

    def _clock(self) -> tuple[float | None, float]:
        if self._utc_at_zero_s is None:
            return None, self._offset_s
        return self._utc_at_zero_s + self._now_s, self._offset_s

    def _root(self) -> Screen:
        desk, texts = self._desk, self._desk.texts
        return ListScreen(
            texts.menu,
            (
                (lambda: texts.book, lambda: Step(push=BookScreen(desk))),
                (lambda: texts.calls, lambda: Step(push=CallsScreen(desk, self._clock))),
                (lambda: texts.new_contact, lambda: Step(push=new_contact(desk))),
                (
                    lambda: texts.ringing,
                    lambda: Step(push=RulesScreen(desk, self._rules, self._blocked)),
                ),
                (lambda: texts.helping.title, lambda: Step(push=HelpingScreen(desk))),
            ),
        )
