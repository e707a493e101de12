"""Outbox: messages that were spoken for boxes that were off are delivered when those are back.

One after the other, while our own line is free: at once, for the other line may only be busy, and
when the other box says that it is back; else more and more rarely. What the other box has on its
card, or does not want, is deleted here; after a week we give it up.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.events import CallChanged, Message, WallClockRead
from firmware.events.messages import DeliverMessage, Delivery, MessageDelivered
from firmware.events.services import AWAY_S_MAX, MissedTold, PeerReturned
from firmware.events.store import (
    Kind,
    ReadRecord,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    SaveRecord,
)
from firmware.features.back_off import FIRST_S, back_off_s
from firmware.features.dictation import SOUND_OF
from firmware.features.feature import Feature
from firmware.model import CallState


@dataclass(slots=True)
class _Waiting:
    number: str
    utc_s: int
    due_s: float
    tries: int = 0


class Outbox(Feature):
    """What waits, and the one that is on its way."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None
        self._waiting: dict[str, _Waiting] = {}  # by key
        self._going = ""  # the key of the one that is being delivered
        self._is_free = True

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """New ones, who is back, and what has come of it."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                kept = [one.key for one in fact.records if one.kind is Kind.OUTGOING]
                for key in kept:
                    self._add(key, now_s + FIRST_S)
            case RecordSaved(kind=Kind.OUTGOING, key=key) if key not in self._waiting:
                self._add(key, now_s)
            case CallChanged(view=view):
                self._is_free = view.state is CallState.IDLE
            case PeerReturned(number=number) | MissedTold(number=number, is_told=True):
                for waiting in self._waiting.values():
                    if waiting.number == number:
                        waiting.due_s = min(waiting.due_s, now_s)
            case RecordRead(kind=Kind.SOUND, key=key) if key == SOUND_OF + self._going:
                return self._deliver(fact.data)
            case MessageDelivered():
                return self._delivered(fact, now_s)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """The next one."""
        due_s = self.deadline_s()
        if due_s is None or now_s < due_s or self._utc_at_zero_s is None:
            return []
        key = min(self._waiting, key=lambda one: self._waiting[one].due_s)
        if self._utc_at_zero_s + now_s - self._waiting[key].utc_s > AWAY_S_MAX:
            return self._forget(key)
        self._going = key
        return [ReadRecord(Kind.SOUND, SOUND_OF + key)]

    def deadline_s(self) -> float | None:
        """When the next one is due; None while one is on its way, or the line is not free."""
        if self._going or not self._is_free or self._utc_at_zero_s is None:
            return None
        return min((waiting.due_s for waiting in self._waiting.values()), default=None)

    def _add(self, key: str, due_s: float) -> None:
        number, _, utc_s = key.partition("/")
        if utc_s.isdigit():
            self._waiting.setdefault(key, _Waiting(number, int(utc_s), due_s))

    def _deliver(self, recording: bytes | None) -> list[Message]:
        if not recording:  # lost with the card
            key, self._going = self._going, ""
            return self._forget(key)
        waiting = self._waiting[self._going]
        return [DeliverMessage(waiting.number, waiting.utc_s, recording)]

    def _delivered(self, fact: MessageDelivered, now_s: float) -> list[Message]:
        key, self._going = self._going, ""
        waiting = self._waiting.get(key)
        if waiting is None:
            return []
        if fact.delivery is not Delivery.LATER:
            return self._forget(key)
        waiting.tries += 1
        waiting.due_s = now_s + back_off_s(waiting.number, waiting.utc_s, waiting.tries)
        return []

    def _forget(self, key: str) -> list[Message]:
        del self._waiting[key]
        gone = (Kind.OUTGOING, key), (Kind.SOUND, SOUND_OF + key)
        return [SaveRecord(kind, name, None) for kind, name in gone]
