"""Notices on the display: while nobody telephones, each gets a turn after the page at rest.

Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.events.system import Notice
from firmware.ui.pages import Page

TURN_S = 6.0  # long enough to read a page


class NoticeTurns:
    """Whose turn it is: the page at rest, the first notice, the second, and so on, and again."""

    def __init__(self) -> None:
        self._notices: tuple[Notice, ...] = ()
        self._began_s = 0.0

    def set(self, notices: tuple[Notice, ...], now_s: float) -> None:
        """What stands now; a new notice is seen at once."""
        self._notices = notices
        self._began_s = now_s - TURN_S

    def page(self, now_s: float) -> Page | None:
        """The notice to show now; None = the page at rest."""
        turn = int((now_s - self._began_s) // TURN_S) % (len(self._notices) + 1)
        if not turn:
            return None
        notice = self._notices[turn - 1]
        return Page(icon="warning", title=notice.title, body=notice.body)

    def deadline_s(self, now_s: float) -> float | None:
        """When it is somebody else's turn."""
        if not self._notices:
            return None
        return self._began_s + ((now_s - self._began_s) // TURN_S + 1.0) * TURN_S
