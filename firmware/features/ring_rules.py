"""Codes that set how callers may ring: what they have in common; the book itself judges."""

from __future__ import annotations

from abc import ABC, abstractmethod

from firmware.events import Message
from firmware.events.book import RingRules, RingRulesChanged, SetRingRules
from firmware.features.feature import Answer, Feature


class RingRule(Feature, ABC):
    """One of the rules; `words` says how it is set."""

    def __init__(self) -> None:
        self.rules = RingRules()

    @abstractmethod
    def words(self, rules: RingRules) -> tuple[str, ...]:
        """Our part of `rules`."""

    def told(self) -> Answer:
        """What holds."""
        return Answer(self.words(self.rules))

    def changed(self, rules: RingRules) -> Answer:
        """These shall hold from now on."""
        return Answer(self.words(rules), rules=SetRingRules(rules))

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """What holds, whoever set it."""
        del now_s
        if isinstance(fact, RingRulesChanged):
            self.rules = fact.rules
        return []
