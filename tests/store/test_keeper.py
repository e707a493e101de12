"""The store keeps what it confirmed, says what it could not keep, and mends a damaged file."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.errors import ConfigError, MalformedError
from firmware.events import Fact
from firmware.events.store import (
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    Kind,
    ReadRecord,
    ReadRecords,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    RecordsRead,
    SaveFailed,
    SaveFailure,
    SaveRecord,
    StoreChanged,
    StoreCondition,
)
from firmware.identity import Identity
from firmware.store import keeper
from firmware.store.database import Database
from firmware.store.keeper import Store
from firmware.store.recovery import COPY, DAMAGED, RECORDS
from firmware.store.schema import STEPS, Step, migrate
from firmware.store.sealing import Sealer
from tests.kept import Kept

IDENTITY = Identity(bytes(range(32)), bytes(range(32, 64)))
ANSWER_S = 30.0  # as long as a busy machine may take
Ask = Callable[[SaveRecord | ReadRecord | ReadRecords], Fact]


def sealer() -> Sealer:
    count = iter(range(1 << 30))
    return Sealer(IDENTITY, lambda size: next(count).to_bytes(size, "big"))


class Running:
    """A store with an ear at it."""

    def __init__(self, folder: Path, first_copy_s: float = keeper.FIRST_COPY_S) -> None:
        self.facts: queue.Queue[Fact] = queue.Queue()
        self.store = Store(folder, sealer(), self.facts.put, first_copy_s)
        self.store.open()

    def next(self) -> Fact:
        return self.facts.get(timeout=ANSWER_S)

    def ask(self, command: SaveRecord | ReadRecord | ReadRecords) -> Fact:
        self.store.perform(command)
        return self.next()

    def loaded(self) -> dict[str, bytes]:
        fact = self.next()
        assert isinstance(fact, RecordsLoaded), fact
        return {record.key: record.data for record in fact.records}


@pytest.fixture
def opened(card: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def open_store(first_copy_s: float = keeper.FIRST_COPY_S) -> Running:
        running.append(Running(card, first_copy_s))
        return running[-1]

    yield open_store
    for each in running:
        each.store.close()


@pytest.fixture(params=["store", "world"])
def ask(request: pytest.FixtureRequest, opened: Callable[..., Running]) -> Ask:
    """The store itself, and what stands for it in tests/world.py: they must not differ."""
    if request.param == "store":
        store = opened()
        store.loaded()
        return store.ask
    kept = Kept()

    def perform(command: SaveRecord | ReadRecord | ReadRecords) -> Fact:
        answer = kept.perform(command)
        assert answer is not None
        return answer

    return perform


def test_record_is_read_as_it_was_saved_until_it_is_forgotten(ask: Ask) -> None:
    for data in (b"first", b"second"):
        assert ask(SaveRecord(Kind.SOUND, "k", data)) == RecordSaved(Kind.SOUND, "k")
        assert ask(ReadRecord(Kind.SOUND, "k")) == RecordRead(Kind.SOUND, "k", data)
    assert ask(SaveRecord(Kind.SOUND, "k", None)) == RecordSaved(Kind.SOUND, "k")
    assert ask(ReadRecord(Kind.SOUND, "k")) == RecordRead(Kind.SOUND, "k", None)
    assert ask(SaveRecord(Kind.SOUND, "k", None)) == RecordSaved(Kind.SOUND, "k")


def test_pages_are_read_newest_first(ask: Ask) -> None:
    for i in range(5):
        ask(SaveRecord(Kind.CALL, f"call {i}", b"%d" % i))
    first = ask(ReadRecords(Kind.CALL, count=3))
    assert isinstance(first, RecordsRead)
    assert [record.data for record in first.records] == [b"4", b"3", b"2"]
    rest = ask(ReadRecords(Kind.CALL, before=first.records[-1].place, count=3))
    assert isinstance(rest, RecordsRead)
    assert [record.key for record in rest.records] == ["call 1", "call 0"]


def test_record_that_is_too_large_is_refused_and_the_former_stays(ask: Ask) -> None:
    most = RECORD_BYTES_MAX[Kind.SETTING]
    assert ask(SaveRecord(Kind.SETTING, "k", bytes(most))) == RecordSaved(Kind.SETTING, "k")
    refused = SaveFailed(Kind.SETTING, "k", SaveFailure.TOO_LARGE)
    assert ask(SaveRecord(Kind.SETTING, "k", bytes(most + 1))) == refused
    assert ask(ReadRecord(Kind.SETTING, "k")) == RecordRead(Kind.SETTING, "k", bytes(most))


def test_one_list_too_many_is_refused(ask: Ask) -> None:
    for i in range(RECORDS_MAX[Kind.LIST]):
        assert isinstance(ask(SaveRecord(Kind.LIST, str(i), b"")), RecordSaved)
    assert ask(SaveRecord(Kind.LIST, "more", b"")) == SaveFailed(
        Kind.LIST, "more", SaveFailure.TOO_MANY
    )
    assert isinstance(ask(SaveRecord(Kind.LIST, "7", b"new")), RecordSaved)


def test_records_are_there_after_a_restart(opened: Callable[..., Running]) -> None:
    first = opened()
    assert first.loaded() == {}
    first.ask(SaveRecord(Kind.CONTACT, "471108151234", b"Bert"))
    first.ask(SaveRecord(Kind.SOUND, "greeting", b"read on demand"))
    first.store.close()
    assert opened().loaded() == {"471108151234": b"Bert"}


def test_nothing_on_the_card_can_be_read_without_the_identity(
    opened: Callable[..., Running], card: Path
) -> None:
    first = opened()
    first.loaded()
    first.ask(SaveRecord(Kind.CONTACT, "471108151234", b"Bert Brown"))
    first.store.close()
    on_card = b"".join(path.read_bytes() for path in card.iterdir())
    assert b"Bert" not in on_card and b"47110815" not in on_card
    stranger = Identity(bytes(32), bytes(32))
    tag = sealer().tag(Kind.CONTACT, "471108151234")
    sealed = sealer().seal(Kind.CONTACT, "471108151234", b"Bert Brown")
    assert sealer().open(Kind.CONTACT, tag, sealed) == ("471108151234", b"Bert Brown")
    for kind, key, data in (
        (Kind.RULE, tag, sealed),
        (Kind.CONTACT, bytes(16), sealed),
        (Kind.CONTACT, tag, sealed[:-1]),
        (Kind.CONTACT, tag, b""),
    ):
        with pytest.raises(MalformedError):
            sealer().open(kind, key, data)
    with pytest.raises(MalformedError):
        Sealer(stranger, bytes).open(Kind.CONTACT, tag, sealed)


def test_damaged_file_is_set_aside_and_made_of_the_daily_copy(
    opened: Callable[..., Running], card: Path
) -> None:
    first = opened()
    first.loaded()
    first.ask(SaveRecord(Kind.CONTACT, "1", b"before the copy"))
    first.store.close()
    again = opened(first_copy_s=0.0)
    again.loaded()
    again.ask(SaveRecord(Kind.CONTACT, "2", b"while it is made, or after it"))
    again.store.close()  # which waits for the copy
    assert (card / COPY).exists()
    (card / RECORDS).write_bytes(b"rats have eaten this" * 1000)
    mended = opened()
    assert mended.next() == StoreChanged(StoreCondition.RESTORED)
    assert mended.loaded()["1"] == b"before the copy"
    assert (card / DAMAGED).read_bytes().startswith(b"rats")
    assert mended.ask(SaveRecord(Kind.CONTACT, "3", b"new")) == RecordSaved(Kind.CONTACT, "3")


def test_damaged_file_without_a_copy_is_begun_anew_and_said(
    opened: Callable[..., Running], card: Path
) -> None:
    for name in (RECORDS, COPY):
        (card / name).write_bytes(b"rats have eaten this" * 1000)
    mended = opened()
    assert mended.next() == StoreChanged(StoreCondition.LOST)
    assert mended.loaded() == {}
    assert mended.ask(SaveRecord(Kind.CONTACT, "3", b"new")) == RecordSaved(Kind.CONTACT, "3")


def test_one_flipped_bit_in_a_record_is_noticed(opened: Callable[..., Running], card: Path) -> None:
    first = opened()
    first.loaded()
    first.ask(SaveRecord(Kind.CONTACT, "1", b"a"))
    first.store.close()
    with sqlite3.connect(card / RECORDS) as database:
        (sealed,) = database.execute("SELECT sealed FROM record").fetchone()
        database.execute("UPDATE record SET sealed = ?", (sealed[:-1] + bytes([sealed[-1] ^ 1]),))
    database.close()
    assert opened().next() == StoreChanged(StoreCondition.LOST)


def test_full_card_is_said_and_what_was_there_stays(
    opened: Callable[..., Running], card: Path
) -> None:
    running = opened()
    running.loaded()
    running.ask(SaveRecord(Kind.CONTACT, "1", b"kept"))
    limit_pages(running.store, 12)
    big = SaveRecord(Kind.SOUND, "s", bytes(1 << 20))
    assert running.ask(big) == SaveFailed(Kind.SOUND, "s", SaveFailure.FULL)
    assert running.next() == StoreChanged(StoreCondition.FULL)
    assert running.ask(ReadRecord(Kind.CONTACT, "1")) == RecordRead(Kind.CONTACT, "1", b"kept")
    limit_pages(running.store, 1 << 20)
    running.store.perform(big)
    assert running.next() == StoreChanged(StoreCondition.GOOD)
    assert running.next() == RecordSaved(Kind.SOUND, "s")


def test_place_where_nothing_can_be_written_does_not_stop_the_box(card: Path) -> None:
    running = Running(card / "no such folder")
    assert running.next() == StoreChanged(StoreCondition.CARD)
    assert running.loaded() == {}
    failed = SaveFailed(Kind.CONTACT, "1", SaveFailure.CARD)
    assert running.ask(SaveRecord(Kind.CONTACT, "1", b"")) == failed
    assert running.ask(ReadRecords(Kind.CALL)) == RecordsRead(Kind.CALL, None, ())
    running.store.close()


def test_tables_of_an_older_program_become_ours_and_it_still_reads_them(card: Path) -> None:
    more = (*STEPS, Step(("CREATE TABLE more (x INTEGER)",), oldest_reader=1))
    old = Database(card / RECORDS, sealer())
    old.save([SaveRecord(Kind.CONTACT, "1", b"a")])
    old.close()
    new = Database(card / RECORDS, sealer(), more)
    assert new.read(Kind.CONTACT, "1") == b"a"
    assert new.connection.execute("SELECT * FROM more").fetchall() == []
    new.close()
    back = Database(card / RECORDS, sealer())
    assert back.read(Kind.CONTACT, "1") == b"a"
    back.close()


def test_tables_that_an_older_program_would_harm_stop_it() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database, (*STEPS, Step(("ALTER TABLE record RENAME TO records",), oldest_reader=2)))
    with pytest.raises(ConfigError, match="newer version"):
        migrate(database)
    database.close()


def test_oldest_call_goes_when_one_more_comes(card: Path) -> None:
    database = Database(card / RECORDS, sealer(), records_max=RECORDS_MAX | {Kind.CALL: 10})
    database.save([SaveRecord(Kind.CALL, str(i), b"") for i in range(12)])
    assert database.count(Kind.CALL) == 10
    newest = database.page(ReadRecords(Kind.CALL, None, 1))
    assert [record.key for record in newest] == ["11"]
    assert database.read(Kind.CALL, "1") is None and database.read(Kind.CALL, "2") == b""
    database.close()


def limit_pages(store: Store, pages: int) -> None:
    """As if the card had only so much room; the store's thread waits meanwhile."""
    assert store._database is not None
    store._database.connection.execute(f"PRAGMA max_page_count = {pages}")
