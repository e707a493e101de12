"""The page's hand on calls and messages: read beside the phone, deleted when the card says so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from firmware.archive import PAGE_CALLS, Archive
from firmware.codec.recording import encode
from firmware.errors import CommandError
from firmware.events import Message
from firmware.events.store import (
    Kind,
    ReadRecord,
    ReadRecords,
    RecordRead,
    RecordSaved,
    RecordsRead,
    SaveFailure,
    SaveRecord,
)
from tests.kept import Kept
from tests.world import sine

ANNA = "471108151234"
CALLS = 150


class Cupboard:
    """An archive over a card in memory; `phone` is what the phone hears of the card."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.names: dict[str, str] = {}
        self.phone: list[Message] = []
        for i in range(CALLS):
            call = {"peer": ANNA, "incoming": True, "reason": "missed", "duration_s": 0.0, "n": i}
            self.kept.perform(SaveRecord(Kind.CALL, f"u{i}", json.dumps(call).encode()))
        about = {"number": ANNA, "utc_s": 1_800_000_000, "is_new": True, "of a later version": 1}
        self.kept.perform(SaveRecord(Kind.MESSAGE, "m", json.dumps(about).encode()))
        self.kept.perform(SaveRecord(Kind.SOUND, "m", encode([sine(700.0, 0)] * 10)))
        self.archive = Archive(self.names, self.ask, self.read)
        self.archive.takes(self.kept.loaded())

    def ask(self, wish: Message) -> None:
        self.archive.hear(wish)
        self.read(wish)

    def read(self, wish: Message) -> None:
        answer = self.kept.perform(wish)
        assert answer is not None
        if not self.archive.takes(answer):
            self.phone.append(answer)

    def do(self, command: str, /, **request: Any) -> dict[str, Any]:
        async def one() -> dict[str, Any]:
            return await self.archive.handlers()[command](request)

        return asyncio.run(one())


def test_calls_are_turned_over_page_by_page_with_the_names_of_today() -> None:
    cupboard = Cupboard()
    first = cupboard.do("calls")
    assert [call["n"] for call in first["calls"]] == list(range(149, 149 - PAGE_CALLS, -1))
    assert first["calls"][0]["name"] is None
    cupboard.names[ANNA] = "Anna"
    last = cupboard.do("calls", before=cupboard.do("calls", before=first["older"])["older"])
    assert [call["n"] for call in last["calls"]] == list(range(21, -1, -1))
    assert last["calls"][0]["name"] == "Anna"
    assert last["older"] is None
    assert cupboard.phone == [], "the phone has not asked"


def test_one_call_is_deleted_and_then_all() -> None:
    cupboard = Cupboard()
    cupboard.do("forget_call", key="u149")
    assert cupboard.do("calls")["calls"][0]["n"] == 148
    again = cupboard.phone[-1]
    assert isinstance(again, RecordsRead), "the phone's log is read anew"
    assert all(record.key != "u149" for record in again.records)
    cupboard.do("forget_calls")
    assert cupboard.do("calls") == {"calls": [], "older": None}


def test_message_is_heard_and_deleted_with_its_sound() -> None:
    cupboard = Cupboard()
    [message] = cupboard.do("messages")["messages"]
    assert (message["number"], message["is_new"]) == (ANNA, True)
    assert cupboard.do("archive")["messages_new"] == 1
    assert cupboard.do("message_sound", key="m")["duration_s"] == pytest.approx(0.2)
    cupboard.do("message_heard", key="m")
    kept = json.loads(cupboard.kept.data(Kind.MESSAGE, "m") or b"")
    assert (kept["is_new"], kept["of a later version"]) == (False, 1)
    cupboard.do("forget_message", key="m")
    assert cupboard.do("messages") == {"messages": []}
    assert cupboard.kept.data(Kind.SOUND, "m") is None
    for command in ("message_sound", "message_heard", "forget_message"):
        with pytest.raises(CommandError):
            cupboard.do(command, key="m")


def test_message_that_comes_is_there_when_it_is_on_the_card() -> None:
    cupboard = Cupboard()
    save = SaveRecord(Kind.MESSAGE, "n", b'{"number": "1", "utc_s": 2, "is_new": true}')
    cupboard.archive.hear(save)
    assert cupboard.do("archive")["messages"] == 1
    assert not cupboard.archive.takes(RecordSaved(Kind.MESSAGE, "n"))
    assert cupboard.do("archive")["messages"] == 2


def test_card_that_keeps_nothing_is_said_and_nothing_is_lost() -> None:
    cupboard = Cupboard()
    cupboard.kept.failure = SaveFailure.CARD
    with pytest.raises(CommandError, match="card"):
        cupboard.do("forget_call", key="u149")
    assert cupboard.do("calls")["calls"][0]["n"] == 149


def test_what_both_ask_for_each_is_told_once() -> None:
    cupboard = Cupboard()
    archive = cupboard.archive
    answer = RecordRead(Kind.SOUND, "m", np.arange(4, dtype=np.uint8).tobytes())

    async def story() -> None:
        held: list[ReadRecord | ReadRecords] = []
        archive._read = held.append
        asked = asyncio.ensure_future(archive.handlers()["message_sound"]({"key": "m"}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(held) == 1
        assert archive.takes(answer)
        assert not archive.takes(answer), "the second one is for the phone"
        with pytest.raises(CommandError):
            await asked

    asyncio.run(story())


@pytest.mark.parametrize("request_", [{}, {"key": 7}, {"key": ""}, {"key": "k" * 201}])
def test_key_that_is_none_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        Cupboard().do("forget_call", **request_)
