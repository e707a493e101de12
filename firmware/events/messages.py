"""The part of the vocabulary that is about spoken messages for a box that is off.

The caller's box keeps one, and delivers it when the other is back. A message is known by the number
of who has spoken it and the time: told twice it is one. Units: `utc_s` Unix time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from firmware.core import Command, Fact

MESSAGE_S_MAX = 60.0  # spoken for a box that is off
MESSAGE_BYTES_MAX = 128_000  # of its recording


@dataclass(frozen=True, slots=True)
class UseHandset(Command):
    """In the place of the tone of a call that failed the box speaks and listens (-> call).

    Until ServiceEnded, DialNumber, or the handset goes down.
    """


# --- at the box of the caller --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliverMessage(Command):
    """Find `number` and hand the recording over, without ringing (features -> call)."""

    number: str
    utc_s: int
    recording: bytes = field(repr=False)


class Delivery(Enum):
    """What became of it."""

    KEPT = "kept"  # it is on the other box's card
    REFUSED = "refused"  # the other box does not want it
    LATER = "later"  # nobody there, or no room


@dataclass(frozen=True, slots=True)
class MessageDelivered(Fact):
    """Answers DeliverMessage."""

    number: str
    utc_s: int
    delivery: Delivery


# --- at the box of the callee --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageCame(Fact):
    """The owner of `number`, which is proved, has a spoken message for us (call -> book)."""

    number: str
    utc_s: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MessageOffered(Fact):
    """The same of somebody who is not blocked (book -> features)."""

    number: str
    utc_s: int
    size_bytes: int


class Welcome(Enum):
    """What we say to it."""

    TAKE = "take"
    KNOWN = "known"  # it is here already
    REFUSED = "refused"
    FULL = "full"  # later, perhaps


@dataclass(frozen=True, slots=True)
class MessageAnswered(Fact):
    """Answers MessageCame (book or features -> call)."""

    number: str
    utc_s: int
    welcome: Welcome


@dataclass(frozen=True, slots=True)
class MessageTaken(Fact):
    """All of it has come; the recording is a stranger's bytes (call -> features)."""

    number: str
    utc_s: int
    recording: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageKept(Fact):
    """Answers MessageTaken: it outlives a power cut, or never will be here (features -> call)."""

    number: str
    utc_s: int
    welcome: Welcome  # KNOWN, FULL or REFUSED
