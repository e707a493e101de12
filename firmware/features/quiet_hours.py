"""Quiet hours by code: each night nothing rings but favourites; the book (firmware/book/) judges.

Units: minutes since local midnight.
"""

from __future__ import annotations

from dataclasses import replace

from firmware.codes import Action, Order, Service
from firmware.events import Message
from firmware.events.book import RingRules, RingRulesChanged, SetRingRules
from firmware.features.feature import Answer, Feature


class QuietHours(Feature):
    """*84*HHMM*HHMM# and #84#."""

    services = frozenset({Service.QUIET_HOURS})

    def __init__(self) -> None:
        self._rules = RingRules()

    def order(self, order: Order, now_s: float) -> Answer:
        """From and to; the same twice is never."""
        del now_s
        if order.action is Action.ASK:
            return Answer(_words(self._rules))
        begin, end = (_minute(time) for time in order.arguments or ("0000", "0000"))
        rules = replace(self._rules, quiet_from_minute=begin, quiet_to_minute=end)
        return Answer(_words(rules), rules=SetRingRules(rules))

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """What holds, whoever set it."""
        del now_s
        if isinstance(fact, RingRulesChanged):
            self._rules = fact.rules
        return []


def _words(rules: RingRules) -> tuple[str, ...]:
    begin, end = rules.quiet_from_minute, rules.quiet_to_minute
    if begin == end:
        return ("quiet_hours_off",)
    return ("quiet_hours_on", _time(begin), "to", _time(end))


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[2:])


def _time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
