"""The screen "helping others": what this box does as an exchange; any key reads it anew."""

from __future__ import annotations

from firmware.events import Message
from firmware.events.network import HelpingRead, ReadHelping
from firmware.ui.helping_page import helping_page
from firmware.ui.menu.screen import BACK, LEAVE, Desk, Screen, Step
from firmware.ui.pages import Page


class HelpingScreen(Screen):
    """Figures of the moment at which they were asked for."""

    def __init__(self, desk: Desk) -> None:
        self._texts = desk.texts
        self._page = Page(icon="wait", title=desk.texts.reading)

    def open(self) -> list[Message]:
        """Ask."""
        return [ReadHelping()]

    def page(self) -> Page:
        """What was answered."""
        return self._page

    def press(self, key: str, now_s: float) -> Step:
        """Ask again, or leave."""
        del now_s
        return LEAVE if key == BACK else Step(messages=(ReadHelping(),))

    def hear(self, fact: Message) -> list[Message]:
        """The answer of the directory."""
        if isinstance(fact, HelpingRead):
            self._page = helping_page(fact.figures, self._texts.helping)
        return []
