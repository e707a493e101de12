"""Quiet hours by code: each night nothing rings but favourites; the book (firmware/book/) judges.

Units: minutes since local midnight.
"""

from __future__ import annotations

from dataclasses import replace

from firmware.codes import Action, Order, Service
from firmware.events.book import RingRules
from firmware.features.feature import Answer
from firmware.features.ring_rules import RingRule


class QuietHours(RingRule):
    """*84*HHMM*HHMM# and #84#."""

    services = frozenset({Service.QUIET_HOURS})

    def order(self, order: Order, now_s: float) -> Answer:
        """From and to; the same twice is never."""
        del now_s
        if order.action is Action.ASK:
            return self.told()
        begin, end = (_minute(time) for time in order.arguments or ("0000", "0000"))
        rules = replace(self.rules, quiet_from_minute=begin, quiet_to_minute=end)
        return self.changed(rules)

    def words(self, rules: RingRules) -> tuple[str, ...]:
        """From and to, or off."""
        begin, end = rules.quiet_from_minute, rules.quiet_to_minute
        if begin == end:
            return ("quiet_hours_off",)
        return ("quiet_hours_on", _time(begin), "to", _time(end))


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[2:])


def _time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
