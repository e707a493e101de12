"""Slips: who was called in vain is told so when its box is back.

A slip is left with the exchanges of that box (overlay/leaving.py), and our own box keeps trying. It
outlives a restart. It is tried after half a minute, then more and more rarely, and forgotten
when the two have talked, or after a week. Calls that withhold their address leave none.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.codes import Service
from firmware.events import CallChanged, CallEnded, Message, WallClockRead
from firmware.events.services import (
    AHEAD_S_MAX,
    AWAY_S_MAX,
    CallMissed,
    LeaveSlip,
    MissedTold,
    PeerReturned,
    SlipLeft,
    SlipNoted,
    SlipOutcome,
    TellMissed,
)
from firmware.events.store import Kind, RecordSaved, RecordsLoaded, SaveFailed, SaveRecord
from firmware.features.back_off import FIRST_S, back_off_s
from firmware.features.feature import Feature
from firmware.model import CallState, EndReason

SLIPS_MAX = 100  # numbers that are to be told
NOTED_MAX = 500  # slips of others that are remembered
NOTED_PER_CALLER_MAX = 20
# A day longer than they are taken: each keeps its place for a day at least, so that nobody fills
# log and card with calls that never were.
COUNTED_S = AWAY_S_MAX + AHEAD_S_MAX + 86_400
_IN_VAIN = frozenset({EndReason.UNREACHABLE, EndReason.OFFLINE})
_OUT, _IN = "out/", "in/"


@dataclass(slots=True)
class _Slip:
    utc_s: int
    due_s: float
    tries: int = 0
    exchanges: int = 0  # that keep it


class Slips(Feature):
    """Ours that are to be told, and those of others that we know already."""

    services: frozenset[Service] = frozenset()

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None  # of the monotonic clock
        self._slips: dict[str, _Slip] = {}
        self._noted: dict[str, None] = {}  # keys of records, oldest first
        self._noting: set[str] = set()  # those that are not on the card yet
        self._on_its_way = ""  # the number being told
        self._dialled = ""

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Calls in vain, calls that came about, and what the other boxes say."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                self._load(fact, now_s)
            case CallChanged(view=view):
                if view.state is CallState.CALLING:
                    self._dialled = view.digits
                if view.state is CallState.CONNECTED:
                    return self._forget(view.peer_number)
            case CallEnded(incoming=False) if fact.reason in _IN_VAIN:
                return self._leave(fact.peer_number, now_s)
            case CallMissed():
                return self._note(fact, now_s)
            case CallEnded(incoming=True, utc_s=int() as utc_s):
                return self._keep(fact.peer_number, utc_s)
            case RecordSaved(kind=Kind.SLIP, key=key) if key in self._noting:
                return self._noted_as(key, SlipOutcome.KEPT)
            case SaveFailed(kind=Kind.SLIP, key=key) if key in self._noting:
                self._noted.pop(key, None)
                return self._noted_as(key, SlipOutcome.LATER)
            case SlipLeft(number=number, utc_s=utc_s, exchanges=exchanges):
                if (slip := self._slips.get(number)) is not None and slip.utc_s == utc_s:
                    slip.exchanges = exchanges
            case PeerReturned(number=number, utc_s=utc_s):
                if (slip := self._slips.get(number)) is not None and slip.utc_s <= utc_s:
                    return self._forget(number)
            case MissedTold(number=number):
                return self._told(number, now_s, is_told=fact.is_told)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """The next number is told, one after the other."""
        due_s = self.deadline_s()
        if due_s is None or now_s < due_s or self._utc_at_zero_s is None:
            return []
        number = min(self._slips, key=lambda one: self._slips[one].due_s)
        slip = self._slips[number]
        if self._utc_at_zero_s + now_s - slip.utc_s > AWAY_S_MAX:
            return self._forget(number)
        self._on_its_way = number
        return [TellMissed(number, slip.utc_s)]

    def deadline_s(self) -> float | None:
        """When the next one is due; None while one is on its way."""
        if self._on_its_way or self._utc_at_zero_s is None:
            return None
        return min((slip.due_s for slip in self._slips.values()), default=None)

    def _leave(self, number: str, now_s: float) -> list[Message]:
        """Its time is that of the last call; at SLIPS_MAX the one more is not told."""
        is_new = number not in self._slips
        if self._utc_at_zero_s is None or self._dialled != number:
            return []
        if is_new and len(self._slips) >= SLIPS_MAX:
            return []
        utc_s = round(self._utc_at_zero_s + now_s)
        self._slips[number] = _Slip(utc_s, now_s + FIRST_S)
        saved = SaveRecord(Kind.SLIP, _OUT + number, str(utc_s).encode())
        return [saved, LeaveSlip(number, utc_s)]

    def _told(self, number: str, now_s: float, *, is_told: bool) -> list[Message]:
        self._on_its_way = "" if number == self._on_its_way else self._on_its_way
        if is_told:
            return self._forget(number)
        if (slip := self._slips.get(number)) is not None:
            slip.tries += 1
            slip.due_s = now_s + back_off_s(number, slip.utc_s, slip.tries)
            if not slip.exchanges:
                return [LeaveSlip(number, slip.utc_s)]
        return []

    def _forget(self, number: str) -> list[Message]:
        if self._slips.pop(number, None) is None:
            return []
        return [SaveRecord(Kind.SLIP, _OUT + number, None)]

    def _note(self, missed: CallMissed, now_s: float) -> list[Message]:
        """Once for each call; what is too old, or too new, is nothing; of one caller no more than
        NOTED_PER_CALLER_MAX, who tells one more shall come later.

        The call goes into the log, then comes back to us as CallEnded: the slip is saved last, and
        who told us hears that it was noted when all of it is on the card.
        """
        key = _in_key(missed.number, missed.utc_s)
        if key in self._noting:
            return []  # its answer is on the way
        if key in self._noted:
            return [SlipNoted(missed.number, missed.utc_s, SlipOutcome.KEPT)]
        if self._utc_at_zero_s is None:
            return [SlipNoted(missed.number, missed.utc_s, SlipOutcome.LATER)]
        age_s = self._utc_at_zero_s + now_s - missed.utc_s
        if not -AHEAD_S_MAX <= age_s <= AWAY_S_MAX + AHEAD_S_MAX:
            return [SlipNoted(missed.number, missed.utc_s, SlipOutcome.REFUSED)]
        since_utc_s = self._utc_at_zero_s + now_s - COUNTED_S
        if self._count_since(missed.number, since_utc_s) >= NOTED_PER_CALLER_MAX:
            return [SlipNoted(missed.number, missed.utc_s, SlipOutcome.LATER)]
        self._noting.add(key)
        return [CallEnded(missed.number, True, EndReason.MISSED, 0.0, utc_s=missed.utc_s)]

    def _count_since(self, number: str, since_utc_s: float) -> int:
        told = {one for one in (*self._noted, *self._noting) if one.startswith(f"{_IN}{number}/")}
        return sum(int(one.rpartition("/")[2]) > since_utc_s for one in told)

    def _keep(self, number: str, utc_s: int) -> list[Message]:
        """The call is in the log: remember that, in the place of the oldest if there are many."""
        own = [one for one in self._noted if one.startswith(f"{_IN}{number}/")]
        out: list[Message] = []
        for full, limit in ((own, NOTED_PER_CALLER_MAX), (list(self._noted), NOTED_MAX)):
            if len(full) >= limit:
                self._noted.pop(full[0], None)
                out.append(SaveRecord(Kind.SLIP, full[0], None))
        key = _in_key(number, utc_s)
        self._noted[key] = None
        return [*out, SaveRecord(Kind.SLIP, key, b"")]

    def _noted_as(self, key: str, outcome: SlipOutcome) -> list[Message]:
        self._noting.remove(key)
        _, number, utc_s = key.split("/")
        return [SlipNoted(number, int(utc_s), outcome)]

    def _load(self, loaded: RecordsLoaded, now_s: float) -> None:
        for record in loaded.records:
            if record.kind is not Kind.SLIP:
                continue
            if record.key.startswith(_IN):
                self._noted[record.key] = None
            elif record.key.startswith(_OUT) and record.data.isdigit():
                number, utc_s = record.key.removeprefix(_OUT), int(record.data)
                self._slips[number] = _Slip(utc_s, now_s + back_off_s(number, utc_s, 0))


def _in_key(number: str, utc_s: int) -> str:
    return f"{_IN}{number}/{utc_s}"
