"""Messages: listened to by code, new ones first; keys say what shall become of each.

Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from firmware.codes import Order, Service
from firmware.events import CallChanged, KeyPressed, Message, WallClockRead
from firmware.events.services import DialNumber, Hush, Said, Say, ServiceEnded, WaitingChanged
from firmware.events.store import (
    Kind,
    ReadRecord,
    Record,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    SaveRecord,
)
from firmware.features.feature import Answer, Feature
from firmware.model import CallState

AGAIN, NEXT, DELETE, CALL_BACK = "1", "2", "3", "4"
SILENT_S = 20.0  # without a key after the menu: dial tone


@dataclass(frozen=True, slots=True)
class _Spoken:
    number: str
    utc_s: int
    is_new: bool


class Messages(Feature):
    """*98, in Britain 1571."""

    services = frozenset({Service.MESSAGES})

    def __init__(self) -> None:
        self._messages: dict[str, _Spoken] = {}
        self._saving: dict[str, _Spoken] = {}
        self._offset_s = 0.0  # of local time
        self._queue: list[str] = []  # keys to be heard, the present one first
        self._is_open = False
        self._is_playing = False
        self._until_s: float | None = None

    def order(self, order: Order, now_s: float) -> Answer:
        """How many there are; then the first."""
        del order, now_s
        self._queue = sorted(self._messages, key=lambda key: (not self._messages[key].is_new, key))
        if not self._queue:
            return Answer(("messages_none",))
        self._is_open, self._is_playing = True, False
        count = len(self._queue)
        words = ("messages_one",) if count == 1 else (str(count), "messages_many")
        return Answer(words, stays=True)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """What is kept, the keys, and the ends of what is said."""
        match fact:
            case WallClockRead(local_offset_s=offset_s):
                self._offset_s = offset_s
            case RecordsLoaded():
                kept = (one for one in fact.records if one.kind is Kind.MESSAGE)
                self._messages = {one.key: spoken for one in kept if (spoken := _decode(one))}
                return [self._waiting()]
            case SaveRecord(kind=Kind.MESSAGE, key=key, data=bytes() as data):
                if spoken := _decode(Record(Kind.MESSAGE, key, data)):
                    self._saving[key] = spoken
            case SaveRecord(kind=Kind.MESSAGE, key=key) if key in self._messages:
                return self._forget(key)  # at the page
            case RecordSaved(kind=Kind.MESSAGE, key=key) if key in self._saving:
                self._messages[key] = self._saving.pop(key)
                return [self._waiting()]
            case CallChanged(view=view) if view.state is CallState.IDLE:
                self._close()
        return self._listen(fact, now_s) if self._is_open else []

    def on_time(self, now_s: float) -> list[Message]:
        """Nobody presses a key."""
        if self._until_s is None or now_s < self._until_s:
            return []
        self._close()
        return [ServiceEnded()]

    def deadline_s(self) -> float | None:
        """When the silence has been long enough."""
        return self._until_s

    def _listen(self, fact: Message, now_s: float) -> list[Message]:
        match fact:
            case KeyPressed(key=key):
                return self._press(key)
            case RecordRead(kind=Kind.SOUND, key=key, data=data) if key in self._queue[:1]:
                self._is_playing = True
                return [Say(self._about(key), data or b"")]
            case Said() if not self._queue:
                self._close()
                return [ServiceEnded()]
            case Said() if self._is_playing:
                self._is_playing = False
                self._until_s = now_s + SILENT_S
                return [*self._heard(self._queue[0]), Say(("message_menu",))]
            case Said() if self._until_s is None:
                return self._play()
        return []

    def _press(self, key: str) -> list[Message]:
        self._until_s = None
        if not self._queue or key not in (AGAIN, NEXT, DELETE, CALL_BACK):
            self._close()
            return [Hush(), ServiceEnded()]
        now, self._is_playing = self._queue[0], False
        if key == AGAIN:
            return [Hush(), *self._play()]
        if key == CALL_BACK:
            number = self._messages[now].number
            self._close()
            return [Hush(), DialNumber(number)]
        del self._queue[0]
        if key == NEXT:
            return [*self._heard(now), Hush(), *self._play()]
        del self._messages[now]
        gone = [SaveRecord(kind, now, None) for kind in (Kind.MESSAGE, Kind.SOUND)]
        said = Say(("message_deleted",)) if self._queue else _END
        return [*gone, self._waiting(), said]

    def _forget(self, key: str) -> list[Message]:
        """Somebody else deletes it; who listens to it just now hears the next one."""
        del self._messages[key]
        is_heard = self._is_open and key in self._queue[:1]
        self._queue = [each for each in self._queue if each != key]
        again: list[Message] = []
        if is_heard:
            self._is_playing, self._until_s = False, None
            again = [Hush(), *self._play()]
        return [self._waiting(), *again]

    def _play(self) -> list[Message]:
        return [ReadRecord(Kind.SOUND, self._queue[0])] if self._queue else [_END]

    def _heard(self, key: str) -> list[Message]:
        spoken = self._messages[key]
        if not spoken.is_new:
            return []
        about = {"number": spoken.number, "utc_s": spoken.utc_s, "is_new": False}
        return [SaveRecord(Kind.MESSAGE, key, json.dumps(about).encode())]

    def _waiting(self) -> WaitingChanged:
        is_new = any(spoken.is_new for spoken in self._messages.values())
        return WaitingChanged(is_new, is_spoken=True)

    def _about(self, key: str) -> tuple[str, ...]:
        spoken = self._messages[key]
        minute = int((spoken.utc_s + self._offset_s) % 86_400 // 60)
        return ("message_from", f"={spoken.number}", "at", f"{minute // 60:02d}:{minute % 60:02d}")

    def _close(self) -> None:
        self._queue, self._is_open, self._is_playing, self._until_s = [], False, False, None


_END = Say(("messages_end",))


def _decode(record: Record) -> _Spoken | None:
    """None if it is no message of ours."""
    try:
        about = json.loads(record.data)
        return _Spoken(str(about["number"]), int(about["utc_s"]), bool(about["is_new"]))
    except (ValueError, KeyError, TypeError):
        return None
