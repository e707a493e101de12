"""Screens of the call log: newest first, read from the store a few at a time.

Units: `_utc_s` Unix time; `_offset_s` of local time, east of UTC; days since 1 January 1970.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.events import Message
from firmware.events.store import Kind, ReadRecords, RecordsRead
from firmware.model import EndReason
from firmware.number import display, is_valid
from firmware.ui.call_log import Entry, decode_call
from firmware.ui.menu.book import ask_block, ask_name
from firmware.ui.menu.screen import (
    BACK,
    CHOOSE,
    DOWN,
    LEAVE,
    STAY,
    UP,
    Desk,
    ListScreen,
    Screen,
    Step,
    window,
)
from firmware.ui.pages import ROWS_MAX, Page, clock_text, elapsed_text

AHEAD = 2 * ROWS_MAX  # calls that are read before they are seen
NAME_CHARACTERS = 13  # of a row
_DAY_S = 86_400
_MISSED = (EndReason.MISSED, EndReason.NO_ANSWER)

Clock = Callable[[], tuple[float | None, float]]  # Unix time and local offset, if they are known


class CallsScreen(Screen):
    """The log; lifting the handset calls who is selected."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._calls: list[Entry] = []
        self._selected = 0
        self._oldest: int | None = None  # place of the last that was read
        self._is_waiting = False
        self._has_more = True

    @property
    def number(self) -> str:  # type: ignore[override]  # what is selected changes with the keys
        """The selected peer's."""
        return peer_of(self._calls[self._selected]) if self._calls else ""

    def open(self) -> list[Message]:
        """Read the newest, once."""
        return [] if self._calls else self._read_on()

    def page(self) -> Page:
        """A call a row: missed `!`, came `<`, went `>`; who; and when."""
        texts = self._desk.texts
        if not self._calls:
            return Page(
                title=texts.calls, body=texts.reading if self._is_waiting else texts.no_calls
            )
        top = window(self._selected, len(self._calls))
        return Page(
            title=texts.calls,
            corner=f"{self._selected + 1}",
            rows=tuple(self._row(call) for call in self._calls[top : top + ROWS_MAX]),
            selected=self._selected - top,
        )

    def press(self, key: str, now_s: float) -> Step:
        """Move or choose."""
        del now_s
        if key == BACK:
            return LEAVE
        if key == CHOOSE and self._calls:
            return Step(push=CallScreen(self._desk, self._calls[self._selected], self._clock))
        if key == UP:
            self._selected = max(self._selected - 1, 0)
        elif key == DOWN:
            self._selected = min(self._selected + 1, max(len(self._calls) - 1, 0))
            if self._selected + AHEAD > len(self._calls):
                return Step(messages=tuple(self._read_on()))
        return STAY

    def hear(self, fact: Message) -> list[Message]:
        """Some more calls."""
        if isinstance(fact, RecordsRead) and fact.kind is Kind.CALL and self._is_waiting:
            if fact.before != self._oldest:
                return []
            self._is_waiting = False
            self._has_more = len(fact.records) >= AHEAD
            read = (decode_call(record.data) for record in fact.records)
            self._calls += [call for call in read if call is not None]
            if fact.records:
                self._oldest = fact.records[-1].place
        return []

    def _read_on(self) -> list[Message]:
        if self._is_waiting or not self._has_more:
            return []
        self._is_waiting = True
        return [ReadRecords(Kind.CALL, self._oldest, AHEAD)]

    def _row(self, call: Entry) -> str:
        name = name_of(call, self._desk)
        if name == display(peer_of(call)):
            name = f"..{name[-9:]}"  # the last eight digits tell more than the first
        shown = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "."
        return f"{_mark(call)} {shown:{NAME_CHARACTERS}} {when(call, self._clock(), short=True)}"


class CallScreen(Screen):
    """One call; lifting the handset calls back."""

    def __init__(self, desk: Desk, call: Entry, clock: Clock) -> None:
        self._desk, self._call, self._clock = desk, call, clock
        self.number = peer_of(call)

    def page(self) -> Page:
        """Who, when, how long or why not."""
        texts, call = self._desk.texts, self._call
        way = texts.incoming if call.get("incoming") else texts.outgoing
        reason = texts.reasons.get(call.get("reason", ""), "")
        duration_s = call.get("duration_s")
        if isinstance(duration_s, int | float) and duration_s > 0:
            reason = elapsed_text(duration_s)
        return Page(
            title=name_of(call, self._desk),
            rows=(
                when(call, self._clock(), short=False),
                f"{way}: {reason}" if reason else way,
                display(self.number),
                texts.lift if self.number else "",
            ),
        )

    def press(self, key: str, now_s: float) -> Step:
        """`#` shows what can be done."""
        del now_s
        if key == CHOOSE and self.number:
            return Step(push=self._actions())
        return LEAVE if key == BACK else STAY

    def _actions(self) -> Screen:
        texts = self._desk.texts
        into_book = (lambda: texts.to_book, lambda: ask_name(self._desk, self.number, 3))
        return ListScreen(
            name_of(self._call, self._desk),
            (
                (lambda: texts.call, lambda: Step(dial=self.number)),
                *(() if self.number in self._desk.names else (into_book,)),
                (lambda: texts.block, lambda: ask_block(self._desk, self.number, 3)),
            ),
        )


def peer_of(call: Entry) -> str:
    """The number of the other side, empty if it is not a whole one."""
    peer = call.get("peer", "")
    return peer if isinstance(peer, str) and is_valid(peer) else ""


def name_of(call: Entry, desk: Desk) -> str:
    """By the phone book of today, else the number or what is known of it."""
    peer = str(call.get("peer", ""))
    return desk.names.get(peer) or (display(peer) if is_valid(peer) else f"...{peer[-4:]}")


def when(call: Entry, clock: tuple[float | None, float], *, short: bool) -> str:
    """Local date and time; `short` = five characters: the time of today, else the date."""
    ended_utc_s, (now_utc_s, offset_s) = call.get("ended_utc_s"), clock
    if not isinstance(ended_utc_s, int | float):
        return ""
    days, second = divmod(int(ended_utc_s + offset_s), _DAY_S)
    if not short:
        year, month, day = date_of(days)
        return f"{day:02d}.{month:02d}.{year} {clock_text(second)}"
    is_today = now_utc_s is not None and (now_utc_s + offset_s) // _DAY_S == days
    _, month, day = date_of(days)
    return clock_text(second) if is_today else f"{day:02d}.{month:02d}"


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of the Gregorian calendar, years counted from March on."""
    era, day_of_era = divmod(days + 719_468, 146_097)  # since 1 March 0000, eras of 400 years
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    march = (5 * day_of_year + 2) // 153
    month = march + 3 if march < 10 else march - 9
    return year + 400 * era + (month <= 2), month, day_of_year - (153 * march + 2) // 5 + 1


def _mark(call: Entry) -> str:
    if not call.get("incoming"):
        return ">"
    return "!" if call.get("reason") in _MISSED else "<"
