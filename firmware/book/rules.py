"""Who may ring: contacts, strangers and blocked numbers are three lists with rules of their own.

Knows no call: it is asked about a number and a time. Units: minutes of the local day.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from firmware.book.blocklist import NUMBER_BYTES, contains
from firmware.errors import MalformedError
from firmware.events.book import (
    DAY_MINUTES,
    STAMP_DIFFICULTIES,
    STAMP_DIFFICULTY,
    Contact,
    Ring,
    RingRules,
    Rule,
)

QUIET = (Ring.RINGS, Ring.SILENT, Ring.REFUSED)


@dataclass(slots=True)
class Doorkeeper:
    """The rules in force."""

    rules: RingRules = field(default_factory=RingRules)
    numbers: dict[str, Rule] = field(default_factory=dict)
    lists: dict[str, bytes] = field(default_factory=dict)  # by name, as in blocklist.py

    @property
    def blocked(self) -> int:
        """How many numbers cannot ring."""
        alone = sum(rule is Rule.BLOCKED for rule in self.numbers.values())
        return alone + sum(len(data) // NUMBER_BYTES for data in self.lists.values())

    def judge(self, number: str, contact: Contact | None, minute: int | None) -> Ring:
        """What happens when `number` calls now; `minute` is None while nobody knows the time."""
        if self.is_blocked(number, contact):
            return Ring.REFUSED
        is_known = contact is not None or self.numbers.get(number) is Rule.ALLOWED
        verdict = Ring.RINGS if is_known else self.rules.strangers
        is_favourite = contact is not None and contact.is_favourite
        is_let_in = verdict in (Ring.RINGS, Ring.NAME, Ring.STAMP)
        if is_let_in and not is_favourite and self.is_quiet(minute):
            return self.rules.quiet if self.rules.quiet is not Ring.RINGS else verdict
        return verdict

    def is_blocked(self, number: str, contact: Contact | None) -> bool:
        """By a rule of its own; or by a list, unless it is known here."""
        rule = self.numbers.get(number)
        if rule is not None or contact is not None:
            return rule is Rule.BLOCKED
        return any(contains(data, number) for data in self.lists.values())

    def is_quiet(self, minute: int | None) -> bool:
        """Whether it is quiet hours; they may go over midnight."""
        start, end = self.rules.quiet_from_minute, self.rules.quiet_to_minute
        if minute is None or start == end:
            return False
        return start <= minute < end if start < end else not end <= minute < start


def encode_rules(rules: RingRules) -> bytes:
    """The data of a record."""
    return json.dumps(asdict(rules)).encode()


def decode_rules(data: bytes) -> RingRules:
    """MalformedError for what are none."""
    try:
        content = json.loads(data)
        start, end = int(content["quiet_from_minute"]), int(content["quiet_to_minute"])
        kinds = Ring(content["strangers"]), start, end, Ring(content["quiet"])
        rules = RingRules(*kinds, int(content.get("stamp_difficulty", STAMP_DIFFICULTY)))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedError("no rules") from None
    if not (0 <= start < DAY_MINUTES and 0 <= end < DAY_MINUTES):
        raise MalformedError("no time of the day")
    if rules.quiet not in QUIET or rules.stamp_difficulty not in STAMP_DIFFICULTIES:
        raise MalformedError("no rule for quiet hours, or no difficulty")
    return rules
