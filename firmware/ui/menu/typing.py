"""Screens in which something is typed: digits, or letters by pressing a key several times.

Source: ITU-T E.161 (letters of the keys); the order on a key is that of mobile telephones.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.events.book import NAME_BYTES_MAX
from firmware.ui.menu.screen import BACK, CHOOSE, LEAVE, STAY, Screen, Step
from firmware.ui.pages import Page

LETTERS = {
    "1": ".-'&1",
    "2": "abcä2",
    "3": "def3",
    "4": "ghi4",
    "5": "jkl5",
    "6": "mnoö6",
    "7": "pqrsß7",
    "8": "tuvü8",
    "9": "wxyz9",
    "0": " 0",
}
LETTER_S = 1.2  # after which the same key begins another letter
_GROUP = 4


class Digits(Screen):
    """Up to `count` digits; `done` is asked when all are there or `#` is pressed."""

    def __init__(
        self, title: str, count: int, done: Callable[[str], Step], shown: Callable[[str], str]
    ) -> None:
        self._title, self._count, self._done, self._shown = title, count, done, shown
        self._digits = ""

    def page(self) -> Page:
        """What was typed, and how much is still to come."""
        blanks = self._count - len(self._digits)
        return Page(title=self._title, large=self._shown(self._digits), blanks=blanks)

    def press(self, key: str, now_s: float) -> Step:
        """`*` takes the last digit back, or leaves if there is none."""
        del now_s
        if key == BACK:
            self._digits, empty = self._digits[:-1], not self._digits
            return LEAVE if empty else STAY
        if key.isdigit():
            self._digits += key
        is_full = len(self._digits) >= self._count
        if is_full or (key == CHOOSE and self._digits):
            digits, self._digits = self._digits, ""
            return self._done(digits)
        return STAY


class Letters(Screen):
    """A name, letter by letter; the first of each word is a capital."""

    def __init__(self, title: str, text: str, done: Callable[[str], Step]) -> None:
        self._title, self._text, self._done = title, text, done
        self._key, self._turn = "", 0  # of the letter that may still change
        self._until_s: float | None = None

    def page(self) -> Page:
        """What was typed, with a place for the next letter."""
        shown = self._text + self._pending() + ("_" if not self._key else "")
        return Page(title=self._title, corner=self._key and LETTERS[self._key][:4], body=shown)

    def press(self, key: str, now_s: float) -> Step:
        """The same key again turns the letter; `*` takes one back; `#` is done."""
        if key == CHOOSE:
            self._settle()
            name = self._text.strip()
            return self._done(name) if name else STAY
        if key == BACK:
            if self._key:
                self._key = ""
            elif self._text:
                self._text = self._text[:-1]
            else:
                return LEAVE
            self._until_s = None
            return STAY
        if key not in LETTERS:
            return STAY
        if key == self._key:
            self._turn += 1
        else:
            self._settle()
            self._key, self._turn = key, 0
        self._until_s = now_s + LETTER_S
        return STAY

    def deadline_s(self) -> float | None:
        """When the letter no longer changes."""
        return self._until_s

    def on_time(self, now_s: float) -> None:
        """The letter stands."""
        if self._until_s is not None and now_s >= self._until_s:
            self._settle()

    def _pending(self) -> str:
        if not self._key:
            return ""
        letters = LETTERS[self._key]
        letter = letters[self._turn % len(letters)]
        begins = not self._text or self._text[-1] in " -."
        return letter.upper() if begins and letter != "ß" else letter

    def _settle(self) -> None:
        if len((self._text + self._pending()).encode()) <= NAME_BYTES_MAX:
            self._text += self._pending()
        self._key, self._until_s = "", None


def clock_shown(digits: str) -> str:
    """`hh:mm` as far as it is typed."""
    return digits if len(digits) <= 2 else f"{digits[:2]}:{digits[2:]}"
