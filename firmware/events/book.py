"""The part of the vocabulary that is about the phone book, and about who may ring.

Who asks is a menu, a page of the browser or a service; who answers is the book (firmware/book/).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware.core import Command, Fact

NAME_BYTES_MAX = 96  # UTF-8; the OLED shows two lines of 16 characters
STAMP_DIFFICULTY = 11  # bits; 2,048 hashes: 2 s of a PC, about 12 s of a small Pi (estimated)
STAMP_DIFFICULTIES = (8, STAMP_DIFFICULTY, 13)  # an owner can choose of
FOUND_MAX = 16  # contacts of one answer
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody in the phone book."""

    number: str  # twelve digits
    name: str
    speed_dial: str = ""  # one or two digits; empty = none
    is_favourite: bool = False  # rings in quiet hours, comes first
    is_authenticated: bool = False  # the four digits were compared aloud
    is_intercom: bool = False  # the box answers by itself
    is_fixed: bool = False  # of box.toml: cannot be changed here


class Rule(StrEnum):
    """What one number may do, whatever else is set."""

    BLOCKED = "blocked"
    ALLOWED = "allowed"  # though an imported list has it, and as if it were a contact


class Ring(StrEnum):
    """What happens when somebody calls."""

    RINGS = "rings"
    SILENT = "silent"  # the display alone shows it
    NAME = "name"  # it has to say its name first, and is heard before anybody answers
    STAMP = "stamp"  # its box has to work first: events/strangers.py
    REFUSED = "refused"  # the caller hears the busy tone


@dataclass(frozen=True, slots=True)
class RingRules:
    """What an owner has set; the three lists are contacts, strangers and blocked numbers."""

    strangers: Ring = Ring.RINGS
    quiet_from_minute: int = 0  # of the day, local; equal = there are no quiet hours
    quiet_to_minute: int = 0
    quiet: Ring = Ring.SILENT  # for all but favourites; never NAME or STAMP
    stamp_difficulty: int = STAMP_DIFFICULTY  # for strangers, if they need a stamp


@dataclass(frozen=True, slots=True)
class BookChanged(Fact):
    """These contacts are new or other than before, those numbers are no longer in the book."""

    changed: tuple[Contact, ...]
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SaveContact(Command):
    """Keep a contact, in the place of one with its number; BookChanged says that it is on the card.

    A speed dial that another contact has goes over to this one.
    """

    contact: Contact


@dataclass(frozen=True, slots=True)
class ForgetContact(Command):
    """Take a number out of the book."""

    number: str


@dataclass(frozen=True, slots=True)
class SetRule(Command):
    """What `number` may do from now on; None = what all may."""

    number: str
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class SetRingRules(Command):
    """What an owner wishes from now on; RingRulesChanged says that it is on the card."""

    rules: RingRules


@dataclass(frozen=True, slots=True)
class RingRulesChanged(Fact):
    """What holds from now on; told at the start, too."""

    rules: RingRules
    blocked: int  # numbers, by rules and lists


@dataclass(frozen=True, slots=True)
class BookRefused(Fact):
    """A change of the book, of a rule or of the ring rules did not come about."""

    reason: str  # a word of SaveFailure, or "number", "fixed"


@dataclass(frozen=True, slots=True)
class SearchBook(Command):
    """Contacts whose name is spelled by `keys` (E.161); answered by BookFound, at once."""

    keys: str  # digits; empty = the whole book
    first: int = 0
    count: int = FOUND_MAX


@dataclass(frozen=True, slots=True)
class BookFound(Fact):
    """Answers SearchBook: favourites first, then by name."""

    keys: str
    first: int
    total: int
    contacts: tuple[Contact, ...]
