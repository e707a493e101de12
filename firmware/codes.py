"""Dial codes: which keys ask for which service, in each country.

Knows what is dialled and nothing of what a service does. A pattern is what is pressed, with `N` for
a number (twelve digits), `P`, `D` and `Q` for a place of speed dial (one or two digits, one, two),
`T` for a time (HHMM) and `S` for seconds (one or two digits).
Sources: ETSI ETS 300 738 and TS 122 030 annex B (`*21*N#` on, `#21#` off, `*#21#` asks; 21, 61,
67, 43, *31# before a number), BT's Select Services (51, 55, 1471, 1571, *227#, seconds after 61),
Swisscom's Services 26 and 99 (do not disturb, reject anonymous), Telstra's call forward on busy
(24); NANPA's list of vertical service codes (*66 to *93), Bellcore GR-1512 and usage of *78, *79,
*98. 83 to 85, 96 and 97 are our own: in these lists they belong to nothing that we have.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache

from firmware import number

_GROUPS = {  # shortest and longest
    "N": (number.NUMBER_DIGITS, number.NUMBER_DIGITS),
    "P": (1, 2),
    "D": (1, 1),
    "Q": (2, 2),
    "T": (4, 4),
    "S": (1, 2),
}


class Service(StrEnum):
    """What can be asked for by a code."""

    DO_NOT_DISTURB = "do_not_disturb"
    FORWARD_ALWAYS = "forward_always"
    FORWARD_BUSY = "forward_busy"
    FORWARD_NO_ANSWER = "forward_no_answer"
    CALL_WAITING = "call_waiting"
    REJECT_ANONYMOUS = "reject_anonymous"
    WITHHOLD = "withhold"
    SPEED_DIAL = "speed_dial"
    REDIAL = "redial"
    CALL_RETURN = "call_return"
    WAKE_UP = "wake_up"
    QUIET_HOURS = "quiet_hours"
    STRANGERS = "strangers"
    MACHINE = "machine"  # answering
    MESSAGES = "messages"  # to be listened to
    GREETING = "greeting"  # to be recorded


class Action(StrEnum):
    """What shall become of the service."""

    ON = "on"
    OFF = "off"
    ASK = "ask"
    USE = "use"  # now, once


@dataclass(frozen=True, slots=True)
class Code:
    """One row: what is pressed, and what for."""

    pattern: str
    service: Service
    action: Action


@dataclass(frozen=True, slots=True)
class Order:
    """A complete code, read: `arguments` in the order of its pattern."""

    service: Service
    action: Action
    arguments: tuple[str, ...] = ()


class Progress(Enum):
    """How far the keys have come."""

    NONE = "none"  # no code begins like this
    BEGUN = "begun"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class CodePlan:
    """The codes of one country."""

    codes: tuple[Code, ...]
    relayed_prefixes: tuple[str, ...] = ("*67",)  # before a number: the callee sees no address

    def order(self, dialled: str) -> Order | None:
        """The service that exactly `dialled` asks for, if any; what it says may still be wrong."""
        for code in self.codes:
            found = _match(code.pattern, dialled)
            if isinstance(found, tuple) and _is_sound(code.pattern, found):
                return Order(code.service, code.action, found)
        return None

    def progress(self, dialled: str) -> Progress:
        """Whether `dialled` is a code, or can become one, or is the beginning of a prefix."""
        if self.order(dialled) is not None:
            return Progress.COMPLETE
        prefixes = (prefix.startswith(dialled) for prefix in self.relayed_prefixes)
        begun = (_match(code.pattern, dialled) is Progress.BEGUN for code in self.codes)
        return Progress.BEGUN if any(prefixes) or any(begun) else Progress.NONE

    def split(self, dialled: str) -> tuple[bool, str]:
        """Whether the call shall be relayed only, and the digits of the number so far."""
        for prefix in self.relayed_prefixes:
            if dialled.startswith(prefix):
                return True, dialled.removeprefix(prefix)
        return False, dialled


def _match(pattern: str, dialled: str) -> tuple[str, ...] | Progress:
    """The arguments; or BEGUN or NONE."""
    if not pattern:
        return Progress.NONE if dialled else ()
    if not dialled:
        return Progress.BEGUN
    group = _GROUPS.get(pattern[0])
    if group is None:
        is_same = pattern[0] == dialled[0]
        return _match(pattern[1:], dialled[1:]) if is_same else Progress.NONE
    shortest, longest = group
    digits = len(dialled) - len(dialled.lstrip("0123456789"))
    if digits == len(dialled) and digits < shortest:
        return Progress.BEGUN
    best: tuple[str, ...] | Progress = Progress.NONE
    for count in range(shortest, min(digits, longest) + 1):
        rest = _match(pattern[1:], dialled[count:])
        if isinstance(rest, tuple):
            return (dialled[:count], *rest)
        best = rest if rest is Progress.BEGUN else best
    return best


def _is_sound(pattern: str, arguments: tuple[str, ...]) -> bool:
    """Numbers have their check digit, and times are times."""
    kinds = (kind for kind in pattern if kind in _GROUPS)
    for kind, value in zip(kinds, arguments, strict=True):
        if kind == "N" and not number.is_valid(value):
            return False
        if kind == "T" and not (int(value[:2]) < 24 and int(value[2:]) < 60):
            return False
    return True


def _switch(key: str, service: Service, *on: str) -> tuple[Code, ...]:
    """The European way: `*KEY#` (or what stands after the star) on, `#KEY#` off, `*#KEY#` asks."""
    return (
        *(Code(f"*{key}{tail}#", service, Action.ON) for tail in on or ("",)),
        Code(f"#{key}#", service, Action.OFF),
        Code(f"*#{key}#", service, Action.ASK),
    )


def _pair(on: str, off: str, service: Service, tail: str = "") -> tuple[Code, ...]:
    """The North American way: one number on, one off; asked as in Europe."""
    return (
        Code(f"*{on}{tail}", service, Action.ON),
        Code(f"*{off}", service, Action.OFF),
        Code(f"*#{on}#", service, Action.ASK),
    )


_EVERYWHERE = (
    Code("P#", Service.SPEED_DIAL, Action.USE),
    Code("##", Service.REDIAL, Action.USE),
    Code("*98", Service.MESSAGES, Action.USE),
    Code("*97", Service.GREETING, Action.USE),
    *_switch("96", Service.MACHINE, "", "*S"),
    *_switch("83", Service.WITHHOLD),
    *_switch("84", Service.QUIET_HOURS, "*T*T"),
    *_switch("85", Service.STRANGERS, "", "*D", "*D*D"),
    *_switch("43", Service.CALL_WAITING),
    *_switch("55", Service.WAKE_UP, "*T"),
)
_CALL_RETURN = Code("*69", Service.CALL_RETURN, Action.USE)
_SPEED_DIAL_SET = (
    Code("*51*P*N#", Service.SPEED_DIAL, Action.ON),
    Code("#51*P#", Service.SPEED_DIAL, Action.OFF),
    Code("*#51*P#", Service.SPEED_DIAL, Action.ASK),
)


def _european(busy: str = "67", anonymous: str = "99") -> tuple[Code, ...]:
    return (
        *_EVERYWHERE,
        *_SPEED_DIAL_SET,
        *_switch("21", Service.FORWARD_ALWAYS, "*N"),
        *_switch(busy, Service.FORWARD_BUSY, "*N"),
        *_switch("61", Service.FORWARD_NO_ANSWER, "*N", "*N*S"),
        *_switch("26", Service.DO_NOT_DISTURB),
        *_switch(anonymous, Service.REJECT_ANONYMOUS),
    )


_NORTH_AMERICAN = (
    *_EVERYWHERE,
    _CALL_RETURN,
    *_pair("78", "79", Service.DO_NOT_DISTURB),
    *_pair("72", "73", Service.FORWARD_ALWAYS, "N"),
    *_pair("90", "91", Service.FORWARD_BUSY, "N"),
    *_pair("92", "93", Service.FORWARD_NO_ANSWER, "N"),
    *_pair("77", "87", Service.REJECT_ANONYMOUS),
    Code("*74DN", Service.SPEED_DIAL, Action.ON),
    Code("*75QN", Service.SPEED_DIAL, Action.ON),
    *_SPEED_DIAL_SET,
)
_EUROPE = CodePlan((*_european(), _CALL_RETURN), ("*67", "*31#"))
_PLANS = {
    "US": CodePlan(_NORTH_AMERICAN),
    "GB": CodePlan(
        (
            *_european(anonymous="227"),
            _CALL_RETURN,
            Code("1471", Service.CALL_RETURN, Action.ASK),
            Code("1571", Service.MESSAGES, Action.USE),
        ),
        ("*67", "141"),
    ),
    "AU": CodePlan((*_european(busy="24"), _CALL_RETURN)),
}
_PLANS["UK"] = _PLANS["GB"]


@cache
def plan_of(country: str) -> CodePlan:
    """The codes of a country (ISO 3166, as in config.py); the European ones where none differ."""
    return _PLANS.get(country.upper(), _EUROPE)
