"""Who dials an emergency number hears and reads at once that this telephone cannot reach it.

Never silence, never the sound of an ordinary failure; the display has a page of its own.
"""

from __future__ import annotations

from firmware.events import CallChanged, Message
from firmware.events.services import Said, Say
from firmware.features.feature import Feature
from firmware.model import CallState, EndReason

TIMES = 3  # then the special information tone goes on alone


class Emergency(Feature):
    """The warning."""

    def __init__(self) -> None:
        self._left = 0  # times

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """From the last digit until the handset is replaced."""
        del now_s
        if isinstance(fact, CallChanged):
            view = fact.view
            is_dialled = view.state is CallState.FAILED and view.reason is EndReason.EMERGENCY
            if is_dialled and self._left == 0:
                self._left = TIMES
                return [Say(("emergency",))]
            if not is_dialled:
                self._left = 0
        elif isinstance(fact, Said) and self._left > 1:
            self._left -= 1
            return [Say(("emergency",))]
        return []
