"""The part of the vocabulary that is about services: what the box says by itself, and codes.

Who serves them is in routes.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from firmware.core import Command, Fact
from firmware.model import Frame

AWAY_S_MAX = 7 * 86_400  # so long a box may be off and is still told of a call or a message
AHEAD_S_MAX = 3600  # the time another box tells may be later than ours: its clock goes fast

# --- codes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CodeDialled(Fact):
    """A complete code of codes.py was dialled; the handset is lifted (call -> features)."""

    dialled: str


@dataclass(frozen=True, slots=True)
class ServiceEnded(Fact):
    """What the code asked for is done: dial tone (features -> call)."""

    key: str = ""  # pressed meanwhile: the first of the next number; empty = none


@dataclass(frozen=True, slots=True)
class DialNumber(Command):
    """Call as if `dialled` had been pressed, in the place of dial tone (features -> call)."""

    dialled: str  # twelve digits, perhaps with a prefix


@dataclass(frozen=True, slots=True)
class MenuUsed(Fact):
    """A key was pressed in the menu (menu -> call): somebody is there, the dial tone goes on."""


@dataclass(frozen=True, slots=True)
class MenuWanted(Fact):
    """With a dial tone `#` was pressed and nothing more (call -> ui)."""


@dataclass(frozen=True, slots=True)
class WithholdChanged(Fact):
    """From now on all calls are relayed only, or not all (features -> call)."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class WakeUpShown(Fact):
    """The bell sounds because it is `time`, as 06:30 (features -> display); empty = no more."""

    time: str


# --- waiting for a busy line ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptWish:
    """Somebody waits for somebody's line."""

    number: str
    until_s: float  # monotonic
    is_ours: bool  # we wait for it; else it waits for us
    is_relayed: bool = False  # of ours: no address of ours is told


@dataclass(frozen=True, slots=True)
class WishesChanged(Fact):
    """All who wait from now on (call -> features)."""

    wishes: tuple[KeptWish, ...]


@dataclass(frozen=True, slots=True)
class RestoreWishes(Command):
    """Who waited before the box was switched off (features -> call)."""

    wishes: tuple[KeptWish, ...]


# --- missed calls --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TellMissed(Command):
    """Find `number` and say that we called at `utc_s`, without ringing (features -> call)."""

    number: str
    utc_s: int


@dataclass(frozen=True, slots=True)
class MissedTold(Fact):
    """Answers TellMissed: the box there has written it down or wants to hear nothing, or later."""

    number: str
    is_told: bool


@dataclass(frozen=True, slots=True)
class LeaveSlip(Command):
    """Leave a slip for `number` with its exchanges (features -> directory)."""

    number: str
    utc_s: int  # of our call in vain


@dataclass(frozen=True, slots=True)
class SlipLeft(Fact):
    """Answers LeaveSlip: so many exchanges keep it (directory -> features)."""

    number: str
    utc_s: int
    exchanges: int


@dataclass(frozen=True, slots=True)
class TellBack(Command):
    """Tell `number` that we are there, and have noted its slip of `utc_s` (directory -> call)."""

    number: str
    utc_s: int


@dataclass(frozen=True, slots=True)
class PeerReturned(Fact):
    """The owner of `number` is back, and has noted our slip of `utc_s` (call -> features)."""

    number: str
    utc_s: int


@dataclass(frozen=True, slots=True)
class SlipCame(Fact):
    """The owner of `number`, which is proved, says that it called us at `utc_s` (-> book).

    By itself (call), or by a slip at an exchange (directory). The same may be told many times.
    """

    number: str
    utc_s: int


@dataclass(frozen=True, slots=True)
class CallMissed(Fact):
    """The same of somebody who is not blocked (book -> features)."""

    number: str
    utc_s: int


class SlipOutcome(Enum):
    """What became of a SlipCame."""

    KEPT = "kept"  # it is in the log and outlives a power cut; or it was there before
    REFUSED = "refused"  # blocked, too old, or of the future: nothing will ever be kept of it
    LATER = "later"  # it could not be kept now


@dataclass(frozen=True, slots=True)
class SlipNoted(Fact):
    """Answers SlipCame (features -> call, directory)."""

    number: str
    utc_s: int
    outcome: SlipOutcome


@dataclass(frozen=True, slots=True)
class WaitingChanged(Fact):
    """Whether somebody called or spoke whom nobody has noticed yet (features -> ear).

    Calls and messages are told apart: the dial tone stutters while there is one of either.
    """

    is_waiting: bool
    is_spoken: bool = False  # a message; else a call


# --- the box in a call by itself -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerByBox(Command):
    """Answer the call that rings without anybody at the handset (features -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class HangUpByBox(Command):
    """End the call that the box is in by itself (features -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class BoxTurn(Command):
    """Say this to the caller, and tell what is heard; each 20 ms (features -> media)."""

    frame: Frame = field(repr=False, compare=False)
    listens: bool = True  # else somebody has lifted, and what is heard goes to the ear


@dataclass(frozen=True, slots=True)
class BoxHeard(Fact):
    """Answers BoxTurn: 20 ms of the caller (media -> features)."""

    frame: Frame = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Spoken(Fact):
    """20 ms of our own microphone, for a service that listens (sound plane -> features)."""

    frame: Frame = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class FetchSounds(Command):
    """Give the recordings of these words of Say (features -> announcer)."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SoundsFetched(Fact):
    """Answers FetchSounds."""

    recordings: tuple[bytes, ...] = field(repr=False)


# --- speech of the box (features -> ui) ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say(Command):
    """Speak to the ear of our own handset, in place of what was being said, and show it.

    A word is the name of a prompt (ui/prompts/), a number from `0` to `59`, a time as `08:15`, or
    `=` and digits that are spelled. `recording` (codec/recording.py) comes after the words.
    """

    words: tuple[str, ...]
    recording: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Hush(Command):
    """Say no more."""


@dataclass(frozen=True, slots=True)
class Said(Fact):
    """The last Say was heard to its end; after Hush it is not told."""


@dataclass(frozen=True, slots=True)
class Announced(Fact):
    """What is being said, for the eyes; empty = nothing any more."""

    text: str
