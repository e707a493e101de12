"""Strangers by code: how they may ring who are not in the phone book; the book itself judges."""

from __future__ import annotations

from dataclasses import replace

from firmware.codes import Action, Order, Service
from firmware.events.book import STAMP_DIFFICULTIES, Ring, RingRules
from firmware.features.feature import IMPOSSIBLE, Answer
from firmware.features.ring_rules import RingRule

_KINDS = {"1": Ring.NAME, "2": Ring.STAMP, "3": Ring.SILENT, "4": Ring.REFUSED}
_WORK_WORDS = ("work_little", "work_medium", "work_much")


class Strangers(RingRule):
    """*85*1# name first, *85*2# work first, *85*3# silent, *85*4# refused; #85# as everybody."""

    services = frozenset({Service.STRANGERS})

    def order(self, order: Order, now_s: float) -> Answer:
        """The kind, and after *85*2* how much work, 1 to 3."""
        del now_s
        if order.action is Action.ASK:
            return self.told()
        rules = replace(self.rules, strangers=Ring.RINGS)
        if order.action is Action.ON:
            kind, *work = order.arguments or ("1",)
            if kind not in _KINDS or (work and (kind != "2" or work[0] not in "123")):
                return IMPOSSIBLE
            rules = replace(rules, strangers=_KINDS[kind])
            if work:
                rules = replace(rules, stamp_difficulty=STAMP_DIFFICULTIES[int(work[0]) - 1])
        return self.changed(rules)

    def words(self, rules: RingRules) -> tuple[str, ...]:
        """The kind, and how much work."""
        word = f"strangers_{rules.strangers.value}"
        if rules.strangers is not Ring.STAMP:
            return (word,)
        return word, _WORK_WORDS[STAMP_DIFFICULTIES.index(rules.stamp_difficulty)]
