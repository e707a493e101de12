"""Screens of who may ring: strangers, quiet hours, blocked numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from firmware.events import Message
from firmware.events.book import (
    STAMP_DIFFICULTIES,
    Ring,
    RingRules,
    RingRulesChanged,
    Rule,
    SetRingRules,
    SetRule,
)
from firmware.number import NUMBER_DIGITS, display
from firmware.ui.menu.screen import Desk, ListScreen, Saving, Step
from firmware.ui.menu.typing import Digits, clock_shown
from firmware.ui.pages import clock_text

T = TypeVar("T")
_TURN = (Ring.RINGS, Ring.NAME, Ring.STAMP, Ring.SILENT, Ring.REFUSED)
_NEXT_QUIET = {Ring.SILENT: Ring.REFUSED, Ring.REFUSED: Ring.SILENT, Ring.RINGS: Ring.SILENT}


class RulesScreen(ListScreen):
    """The rules that hold, one a row; choosing one changes it."""

    def __init__(self, desk: Desk, rules: RingRules, blocked: int) -> None:
        self._desk, self._rules, self._blocked = desk, rules, blocked
        super().__init__(
            desk.texts.ringing,
            (
                (self._strangers_text, self._turn_strangers),
                (self._quiet_text, self._ask_quiet),
                (self._in_quiet_text, self._turn_quiet),
                (lambda: desk.texts.block_number, lambda: self._ask_number(Rule.BLOCKED)),
                (lambda: desk.texts.unblock_number, lambda: self._ask_number(None)),
                (lambda: desk.texts.blocked.format(self._blocked), Step),
                (self._work_text, self._turn_work),
            ),
        )

    def hear(self, fact: Message) -> list[Message]:
        """What holds now."""
        if isinstance(fact, RingRulesChanged):
            self._rules, self._blocked = fact.rules, fact.blocked
        return []

    def _strangers_text(self) -> str:
        texts = self._desk.texts
        return texts.strangers.format(texts.rings[self._rules.strangers])

    def _work_text(self) -> str:
        texts = self._desk.texts
        return texts.work.format(texts.works[self._rules.stamp_difficulty])

    def _quiet_text(self) -> str:
        start, end = self._rules.quiet_from_minute, self._rules.quiet_to_minute
        texts = self._desk.texts
        if start == end:
            return texts.quiet.format(texts.off)
        return texts.quiet.format(f"{clock_text(60 * start)}-{clock_text(60 * end)}")

    def _in_quiet_text(self) -> str:
        texts = self._desk.texts
        return texts.in_quiet.format(texts.rings[self._rules.quiet])

    def _turn_strangers(self) -> Step:
        return self._set(replace(self._rules, strangers=_next(_TURN, self._rules.strangers)))

    def _turn_work(self) -> Step:
        work = _next(STAMP_DIFFICULTIES, self._rules.stamp_difficulty)
        return self._set(replace(self._rules, stamp_difficulty=work))

    def _turn_quiet(self) -> Step:
        return self._set(replace(self._rules, quiet=_NEXT_QUIET[self._rules.quiet]))

    def _set(self, rules: RingRules) -> Step:
        return Step(messages=(SetRingRules(rules),))

    def _ask_quiet(self) -> Step:
        """Quiet hours that are there are taken away; else their two times are asked for."""
        if self._rules.quiet_from_minute != self._rules.quiet_to_minute:
            return self._set(replace(self._rules, quiet_from_minute=0, quiet_to_minute=0))
        return Step(push=Digits(self._desk.texts.quiet_from, 4, self._ask_end, clock_shown))

    def _ask_end(self, start: str) -> Step:
        def save(end: str) -> Step:
            minutes = [minute_of(digits) for digits in (start, end)]
            if None in minutes:
                return Step(pop=1)
            rules = replace(
                self._rules,
                quiet_from_minute=minutes[0] or 0,
                quiet_to_minute=minutes[1] or 0,
            )
            return Step(push=Saving(self._desk.texts, pop=3), messages=(SetRingRules(rules),))

        if minute_of(start) is None:
            return Step()
        return Step(push=Digits(self._desk.texts.quiet_to, 4, save, clock_shown))

    def _ask_number(self, rule: Rule | None) -> Step:
        texts = self._desk.texts

        def save(number: str) -> Step:
            return Step(push=Saving(texts, pop=2), messages=(SetRule(number, rule),))

        return Step(push=Digits(texts.number, NUMBER_DIGITS, save, display))


def _next(values: Sequence[T], value: T) -> T:
    """The one behind it, in a circle."""
    return values[(values.index(value) + 1) % len(values)]


def minute_of(digits: str) -> int | None:
    """The minute of the day that `hhmm` names, None if there is none."""
    if len(digits) != 4 or int(digits[:2]) > 23 or int(digits[2:]) > 59:
        return None
    return 60 * int(digits[:2]) + int(digits[2:])
