"""What a page may do with the call log and with spoken messages.

Each handler is as those of remote.py. The store is read beside the phone: what the page asked for,
the phone is not told. A deletion is answered when it is on the card. What a message is, its
feature knows; here it is a record.
Units: `_s` seconds; `utc_s` Unix time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from firmware.codec.recording import duration_s
from firmware.errors import CommandError, MalformedError
from firmware.events import CallEnded, Fact, Message
from firmware.events.store import (
    Kind,
    ReadRecord,
    ReadRecords,
    Record,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    RecordsRead,
    SaveFailed,
    SaveRecord,
)
from firmware.features.missed import IN_VAIN
from firmware.shell.control import Answer, Handler
from firmware.ui.call_log import decode_call

ANSWER_S = 10.0  # for the card
PAGE_CALLS = 64  # of the log, at a time
WAITING_MAX = 128  # answers that are asked for at once
KEY_CHARACTERS_MAX = 200
Request = Mapping[str, Any]
_About = dict[str, Any]  # what a record says about a message


class Archive:
    """Handlers for the page; `ask` tells the phone a command, `read` asks the store alone."""

    def __init__(
        self,
        names: Mapping[str, str],
        ask: Callable[[Message], None],
        read: Callable[[ReadRecord | ReadRecords], None],
    ) -> None:
        self._names, self._ask, self._read = names, ask, read
        self._messages: dict[str, _About] = {}
        self._saving: dict[str, _About] = {}
        self._calls = self._missed = 0  # since the start
        self._waiting: list[tuple[object, asyncio.Future[Any]]] = []  # what is asked for, in order

    def handlers(self) -> dict[str, Handler]:
        """The table of commands."""
        return {
            "calls": self._page_of_calls,
            "forget_call": self._forget_call,
            "forget_calls": self._forget_calls,
            "messages": self._spoken,
            "message_sound": self._sound,
            "message_heard": self._heard,
            "forget_message": self._forget_message,
            "archive": self._figures,
        }

    def hear(self, message: Message) -> None:
        """A command of the phone."""
        match message:
            case SaveRecord(kind=Kind.MESSAGE, key=key, data=None):
                self._saving.pop(key, None)
                self._messages.pop(key, None)
            case SaveRecord(kind=Kind.MESSAGE, key=key, data=bytes() as data):
                if about := _about(data):
                    self._saving[key] = about
            case CallEnded(incoming=incoming, reason=reason):
                self._calls += 1
                self._missed += incoming and reason in IN_VAIN

    def takes(self, fact: Fact) -> bool:
        """Hear an answer of the store; true if only the page has asked for it."""
        match fact:
            case RecordsLoaded(records=records):
                kept = [each for each in records if each.kind is Kind.MESSAGE]
                self._messages = {each.key: about for each in kept if (about := _about(each.data))}
            case RecordSaved(kind=kind, key=key):
                if kind is Kind.MESSAGE and key in self._saving:
                    self._messages[key] = self._saving.pop(key)
                self._answer((kind, key), None)
            case SaveFailed(kind=kind, key=key):
                self._answer((kind, key), CommandError("The card cannot be written"))
            case RecordRead(kind=kind, key=key, data=data):
                return self._answer((ReadRecord, kind, key), data)
            case RecordsRead(kind=kind, before=before, records=records):
                return self._answer((ReadRecords, kind, before), records)
        return False

    def _answer(self, about: object, result: Any) -> bool:
        for wish in self._waiting:
            if wish[0] == about:
                self._waiting.remove(wish)
                if not wish[1].done():
                    is_error = isinstance(result, CommandError)
                    wish[1].set_exception(result) if is_error else wish[1].set_result(result)
                return True
        return False

    async def _figures(self, _request: Request) -> Answer:
        """What changes when there is something new to see."""
        new = sum(bool(about.get("is_new")) for about in self._messages.values())
        return {
            "messages": len(self._messages),
            "messages_new": new,
            "calls": self._calls,
            "missed": self._missed,
        }

    async def _page_of_calls(self, request: Request) -> Answer:
        """Newest first, with the names of today; `older` is where the next page begins."""
        before = request.get("before")
        if before is not None and (isinstance(before, bool) or not isinstance(before, int)):
            raise CommandError("before: a place of the log")
        records = await self._records(before)
        calls = [_call(record, self._names) for record in records]
        older = records[-1].place if len(records) == PAGE_CALLS else None
        return {"calls": [call for call in calls if call], "older": older}

    async def _forget_call(self, request: Request) -> Answer:
        await self._forget(Kind.CALL, _key(request))
        self._read(ReadRecords(Kind.CALL))  # the phone's log begins anew with what is left
        return {}

    async def _forget_calls(self, _request: Request) -> Answer:
        """All of them."""
        while records := await self._records(None):
            await asyncio.gather(*(self._forget(Kind.CALL, each.key) for each in records))
        self._read(ReadRecords(Kind.CALL))
        return {}

    async def _spoken(self, _request: Request) -> Answer:
        """Newest first."""
        found = [
            {
                "key": key,
                "number": str(about.get("number", "")),
                "name": self._names.get(str(about.get("number", ""))),
                "utc_s": about.get("utc_s"),
                "is_new": bool(about.get("is_new")),
            }
            for key, about in sorted(self._messages.items(), reverse=True)
        ]
        return {"messages": found}

    async def _sound(self, request: Request) -> Answer:
        key = self._known(request)
        data = await self._asked((ReadRecord, Kind.SOUND, key), ReadRecord(Kind.SOUND, key))
        try:
            return {"recording": data or b"", "duration_s": duration_s(data or b"")}
        except MalformedError:
            raise CommandError("The sound of this message is lost") from None

    async def _heard(self, request: Request) -> Answer:
        """Whoever has listened to it at the page has heard it."""
        key = self._known(request)
        if self._messages[key].get("is_new"):
            about = self._messages[key] | {"is_new": False}
            await self._saved(SaveRecord(Kind.MESSAGE, key, json.dumps(about).encode()))
        return {}

    async def _forget_message(self, request: Request) -> Answer:
        key = self._known(request)
        await self._forget(Kind.MESSAGE, key)
        await self._forget(Kind.SOUND, key)
        return {}

    async def _records(self, before: int | None) -> tuple[Record, ...]:
        wish = ReadRecords(Kind.CALL, before, PAGE_CALLS)
        found: tuple[Record, ...] = await self._asked((ReadRecords, Kind.CALL, before), wish)
        return found

    async def _forget(self, kind: Kind, key: str) -> None:
        await self._saved(SaveRecord(kind, key, None))

    async def _saved(self, command: SaveRecord) -> None:
        await self._wait((command.kind, command.key), lambda: self._ask(command))

    async def _asked(self, about: object, wish: ReadRecord | ReadRecords) -> Any:
        return await self._wait(about, lambda: self._read(wish))

    async def _wait(self, about: object, begin: Callable[[], None]) -> Any:
        """What the store answers; CommandError if that is an error, or if it does not."""
        if len(self._waiting) >= WAITING_MAX:
            raise CommandError("The card is busy; please try again")
        wish = (about, asyncio.get_running_loop().create_future())
        self._waiting.append(wish)
        begin()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await wish[1]
        except TimeoutError:
            raise CommandError("The card takes too long") from None
        finally:
            if wish in self._waiting:
                self._waiting.remove(wish)

    def _known(self, request: Request) -> str:
        key = _key(request)
        if key not in self._messages:
            raise CommandError("There is no such message any more")
        return key


def _key(request: Request) -> str:
    key = request.get("key")
    if not isinstance(key, str) or not 0 < len(key) <= KEY_CHARACTERS_MAX:
        raise CommandError("key: of a call or a message")
    return key


def _about(data: bytes) -> _About | None:
    """None if it is no message."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _call(record: Record, names: Mapping[str, str]) -> _About | None:
    entry = decode_call(record.data)
    return entry and entry | {"key": record.key, "name": names.get(str(entry["peer"]))}
