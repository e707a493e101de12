"""The part of the vocabulary that is about what a box must still know after a power cut.

A record is a value under a key of its kind. What it means only the core knows that saves it; the
store (firmware/store/) seals it with a key of the identity and keeps it in one database.
Records are saved in the order they were asked for: when one is on the card, all before it are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from firmware.core import Command, Fact

READ_MAX = 64  # records of one ReadRecords


class Kind(StrEnum):
    """What a record is about; the first word of its row."""

    CONTACT = "contact"  # of the phone book
    RULE = "rule"  # one number that is blocked or let through
    LIST = "list"  # many blocked numbers, imported together
    SETTING = "setting"  # of a feature
    CALL = "call"  # one line of the call log; never changed
    SLIP = "slip"  # a missed call, ours or somebody's
    MESSAGE = "message"  # what is known about a spoken message, without its sound
    SOUND = "sound"  # a message or greeting itself: Opus
    PIN = "pin"  # the key of a number
    OUTGOING = "outgoing"  # a spoken message that waits for the box it is for, without its sound
    LINE = "line"  # a day of the line's history


# Too many or too large for the memory of every box: these are read when they are wanted.
READ_ON_DEMAND = frozenset({Kind.CALL, Kind.SOUND})

# The oldest call goes when one more comes; of the others the one more is refused (SaveFailed).
RECORDS_MAX = {
    Kind.CONTACT: 20_000,
    Kind.RULE: 100_000,
    Kind.LIST: 100,
    Kind.SETTING: 1_000,
    Kind.CALL: 100_000,
    Kind.SLIP: 1_000,
    Kind.MESSAGE: 200,
    Kind.SOUND: 230,
    Kind.PIN: 20_000,
    Kind.OUTGOING: 20,
    Kind.LINE: 40,
}
RECORD_BYTES_MAX = dict.fromkeys(Kind, 4096) | {Kind.LIST: 1 << 20, Kind.SOUND: 1 << 20}


class SaveFailure(StrEnum):
    """Why a record is not on the card."""

    FULL = "full"  # no room on the card
    CARD = "card"  # it cannot be written: worn out, read-only, gone
    TOO_MANY = "too_many"  # RECORDS_MAX
    TOO_LARGE = "too_large"  # RECORD_BYTES_MAX


class StoreCondition(StrEnum):
    """How the store is; each that is not good has a text on the OLED."""

    GOOD = "good"
    FULL = "full"  # nothing more is kept until there is room; calls go on
    CARD = "card"  # the same, as the card cannot be written
    RESTORED = "restored"  # it was damaged; what we have is the last daily copy
    LOST = "lost"  # it was damaged, and there was no copy: begun anew


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `place` counts up with each that is new and says in which order they came."""

    kind: Kind
    key: str
    data: bytes = field(repr=False)
    place: int = 0


@dataclass(frozen=True, slots=True)
class RecordsLoaded(Fact):
    """Before Started: all records of the kinds that are not READ_ON_DEMAND, each oldest first.

    It comes again when the store had to begin anew; whatever was known is replaced by it.
    """

    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SaveRecord(Command):
    """Keep `data` under `key`, in the place of what was there; None = forget it.

    Answered by RecordSaved or SaveFailed. A core that says so to a person waits for that.
    """

    kind: Kind
    key: str
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordSaved(Fact):
    """It is on the card and outlives a power cut: now a tone may confirm it."""

    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class SaveFailed(Fact):
    """It is not on the card; what was there before still is."""

    kind: Kind
    key: str
    reason: SaveFailure


@dataclass(frozen=True, slots=True)
class ReadRecord(Command):
    """Fetch one record; answered by RecordRead."""

    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class RecordRead(Fact):
    """Answers ReadRecord; None = there is none."""

    kind: Kind
    key: str
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadRecords(Command):
    """Fetch up to `count` (READ_MAX) records of `kind`, newest first; answered by RecordsRead.

    `before` is the `place` of the last one known; None = from the newest on.
    """

    kind: Kind
    before: int | None = None
    count: int = READ_MAX


@dataclass(frozen=True, slots=True)
class RecordsRead(Fact):
    """Answers ReadRecords; fewer than `count` = there are no older ones."""

    kind: Kind
    before: int | None
    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoreChanged(Fact):
    """The store is in another condition now; told before RecordsLoaded if it is not good then."""

    condition: StoreCondition
