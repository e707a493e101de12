"""Inbox: spoken messages of those who found this box off come to the others on its card.

Each once: what has come is remembered when the message itself is deleted. It is confirmed when all
of it is on the card. Units: `utc_s` Unix time, `_s` seconds.
"""

from __future__ import annotations

import json

from firmware.codec.recording import duration_s
from firmware.errors import MalformedError
from firmware.events import Message, WallClockRead
from firmware.events.messages import (
    MESSAGE_S_MAX,
    MessageAnswered,
    MessageKept,
    MessageOffered,
    MessageTaken,
    Welcome,
)
from firmware.events.services import AHEAD_S_MAX, AWAY_S_MAX
from firmware.events.store import Kind, RecordSaved, RecordsLoaded, SaveFailed, SaveRecord
from firmware.features.feature import Feature
from firmware.features.machine import MESSAGES_MAX

PER_CALLER_MAX = 10  # of the messages that are kept
KNOWN_MAX = 300  # that have come, and may be deleted here
AGE_S_MAX = AWAY_S_MAX + 86_400
_KNOWN = "got/"


class Inbox(Feature):
    """Says which may come, and keeps them."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None
        self._messages: set[str] = set()  # keys
        self._known: dict[str, None] = {}  # keys of records, oldest first
        self._saving: dict[str, tuple[MessageTaken, list[SaveRecord]]] = {}  # by key; still to do

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Messages, and the card."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                kept = [record for record in fact.records if record.kind is Kind.MESSAGE]
                self._messages = {record.key for record in kept}
                slips = [one.key for one in fact.records if one.kind is Kind.SLIP]
                self._known = dict.fromkeys(key for key in slips if key.startswith(_KNOWN))
            case SaveRecord(kind=Kind.MESSAGE, key=key, data=None):
                self._messages.discard(key)
            case MessageOffered():
                welcome = self._welcome(fact, now_s)
                return [MessageAnswered(fact.number, fact.utc_s, welcome)]
            case MessageTaken():
                return self._take(fact)
            case RecordSaved(kind=kind, key=key):
                if kind is Kind.MESSAGE:
                    self._messages.add(key)
                return self._go_on(key, is_saved=True)
            case SaveFailed(key=key):
                return self._go_on(key, is_saved=False)
        return []

    def _welcome(self, offered: MessageOffered, now_s: float) -> Welcome:
        if _known_key(offered.number, offered.utc_s) in self._known:
            return Welcome.KNOWN
        if self._utc_at_zero_s is None:
            return Welcome.FULL
        if not -AHEAD_S_MAX <= self._utc_at_zero_s + now_s - offered.utc_s <= AGE_S_MAX:
            return Welcome.REFUSED
        own = sum(key.endswith(f"/{offered.number}") for key in self._messages)
        if len(self._messages) >= MESSAGES_MAX or own >= PER_CALLER_MAX:
            return Welcome.FULL
        return Welcome.TAKE

    def _take(self, taken: MessageTaken) -> list[Message]:
        """The sound, then that there is a message, then that it was here."""
        try:
            is_sound = 0.0 < duration_s(taken.recording) <= MESSAGE_S_MAX
        except MalformedError:
            is_sound = False
        if not is_sound:
            return [MessageKept(taken.number, taken.utc_s, Welcome.REFUSED)]
        about = {"number": taken.number, "utc_s": taken.utc_s, "is_new": True}
        key = f"{taken.utc_s:012d}/{taken.number}"
        todo = [
            SaveRecord(Kind.SOUND, key, taken.recording),
            SaveRecord(Kind.MESSAGE, key, json.dumps(about).encode()),
            SaveRecord(Kind.SLIP, _known_key(taken.number, taken.utc_s), b""),
        ]
        self._saving[key] = taken, todo
        return [todo[0]]

    def _go_on(self, saved_key: str, *, is_saved: bool) -> list[Message]:
        for key, (taken, todo) in list(self._saving.items()):
            if todo[0].key != saved_key:
                continue
            if not is_saved:
                del self._saving[key]
                undo = [SaveRecord(kind, key, None) for kind in (Kind.MESSAGE, Kind.SOUND)]
                return [*undo, MessageKept(taken.number, taken.utc_s, Welcome.FULL)]
            del todo[0]
            if todo:
                return [*self._make_room(todo[0]), todo[0]]
            del self._saving[key]
            self._known[saved_key] = None
            return [MessageKept(taken.number, taken.utc_s, Welcome.KNOWN)]
        return []

    def _make_room(self, save: SaveRecord) -> list[Message]:
        if save.kind is not Kind.SLIP or len(self._known) < KNOWN_MAX:
            return []
        oldest = next(iter(self._known))
        del self._known[oldest]
        return [SaveRecord(Kind.SLIP, oldest, None)]


def _known_key(number: str, utc_s: int) -> str:
    return f"{_KNOWN}{number}/{utc_s}"
