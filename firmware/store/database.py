"""The database: records by kind and key, what was saved is on the card, or it says why not.

Knows SQLite, and no thread; blocks for as long as the card takes.
Sources: SQLite, "Write-Ahead Logging" and PRAGMA synchronous (FULL: each commit outlives a power
cut); "Result and Error Codes".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from firmware.errors import FirmwareError, MalformedError
from firmware.events.store import (
    READ_ON_DEMAND,
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    Kind,
    ReadRecords,
    Record,
    SaveFailure,
    SaveRecord,
)
from firmware.store.schema import STEPS, Step, migrate
from firmware.store.sealing import Sealer

Failures = list[SaveFailure | None]

DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_BUSY_S = 5.0  # another program, such as `fernruf book`, may be writing
_FETCH_ROWS = 256


class DamagedError(FirmwareError):
    """The file is not what we wrote: it must be set aside."""


class CardError(FirmwareError):
    """The card did not take it; nothing of the batch is there. `failure` says why."""

    def __init__(self, failure: SaveFailure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


class Database:
    """One open database; DamagedError from any method if the file is not sound."""

    def __init__(
        self,
        path: Path,
        sealer: Sealer,
        steps: tuple[Step, ...] = STEPS,
        records_max: Mapping[Kind, int] = RECORDS_MAX,
    ) -> None:
        self._sealer = sealer
        self._records_max = records_max
        try:
            self.connection = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            migrate(self.connection, steps)
            query = "SELECT kind, count(*) FROM record GROUP BY kind"
            self._counts = dict.fromkeys(Kind, 0) | dict(self.connection.execute(query).fetchall())
            path.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise explained(error) from None

    def close(self) -> None:
        """Nothing is open any more."""
        self.connection.close()

    def save(self, commands: Iterable[SaveRecord]) -> Failures:
        """All of it in one transaction: on the card when this returns; None = saved.

        CardError = nothing of it is there.
        """
        counts = dict(self._counts)
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            failures = [self._save(command) for command in commands]
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._counts = counts
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise explained(error) from None
        return failures

    def read(self, kind: Kind, key: str) -> bytes | None:
        """The data under `key`, None if there is nothing."""
        tag = self._sealer.tag(kind, key)
        query = "SELECT place, kind, tag, sealed FROM record WHERE kind = ? AND tag = ?"
        found = self._records(query, (kind.value, tag))
        return found[0].data if found else None

    def page(self, wanted: ReadRecords) -> tuple[Record, ...]:
        """What `wanted` asks for, newest first."""
        before = (1 << 63) - 1 if wanted.before is None else wanted.before
        query = (
            "SELECT place, kind, tag, sealed FROM record"
            " WHERE kind = ? AND place < ? ORDER BY place DESC LIMIT ?"
        )
        return self._records(query, (wanted.kind.value, before, wanted.count))

    def load(self) -> tuple[Record, ...]:
        """Everything that is not READ_ON_DEMAND, kind by kind, oldest first."""
        kinds = [kind for kind in Kind if kind not in READ_ON_DEMAND]
        return tuple(record for kind in kinds for record in self.all_of(kind))

    def all_of(self, kind: Kind) -> tuple[Record, ...]:
        """Every record of `kind`, oldest first; calls and sounds may be many."""
        query = "SELECT place, kind, tag, sealed FROM record WHERE kind = ? ORDER BY place"
        return self._records(query, (kind.value,))

    def count(self, kind: Kind) -> int:
        """How many records of `kind` there are."""
        return self._counts[kind]

    def check(self) -> None:
        """Read the whole file; DamagedError if it does not hang together."""
        try:
            (verdict,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise explained(error) from None
        if verdict != "ok":
            raise DamagedError(verdict)

    def probe(self) -> None:
        """Write something and take it back; CardError if there still is no room for it."""
        wanted = b"?" * RECORD_BYTES_MAX[Kind.SETTING]
        key = "probe"
        self.save([SaveRecord(Kind.SETTING, key, wanted), SaveRecord(Kind.SETTING, key, None)])

    def _save(self, command: SaveRecord) -> SaveFailure | None:
        kind, data = command.kind, command.data
        tag = self._sealer.tag(kind, command.key)
        if data is None:
            gone = self._execute("DELETE FROM record WHERE kind = ? AND tag = ?", (kind.value, tag))
            self._counts[kind] -= gone
            return None
        if len(data) > RECORD_BYTES_MAX[kind]:
            return SaveFailure.TOO_LARGE
        sealed = self._sealer.seal(kind, command.key, data)
        update = "UPDATE record SET sealed = ? WHERE kind = ? AND tag = ?"
        if self._execute(update, (sealed, kind.value, tag)):
            return None
        if self._counts[kind] >= self._records_max[kind]:
            if kind is not Kind.CALL:
                return SaveFailure.TOO_MANY
            oldest = "SELECT min(place) FROM record WHERE kind = ?"
            forget = f"DELETE FROM record WHERE place = ({oldest})"  # noqa: S608 - no input
            self._counts[kind] -= self._execute(forget, (kind.value,))
        insert = "INSERT INTO record (kind, tag, sealed) VALUES (?, ?, ?)"
        self._counts[kind] += self._execute(insert, (kind.value, tag, sealed))
        return None

    def _execute(self, statement: str, values: tuple[str | bytes, ...]) -> int:
        return self.connection.execute(statement, values).rowcount

    def _records(self, query: str, values: Iterable[object]) -> tuple[Record, ...]:
        records: list[Record] = []
        try:
            cursor = self.connection.execute(query, tuple(values))
            while rows := cursor.fetchmany(_FETCH_ROWS):
                for place, kind, tag, sealed in rows:
                    key, data = self._sealer.open(kind, tag, sealed)
                    records.append(Record(Kind(kind), key, data, place))
        except (MalformedError, ValueError) as error:
            raise DamagedError(str(error)) from None
        except sqlite3.Error as error:
            raise explained(error) from None
        return tuple(records)


def explained(error: sqlite3.Error | OSError) -> DamagedError | CardError:
    """Whose fault it is: of the file, or of the card."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF  # without its details
    if code in DAMAGED_CODES or type(error) is sqlite3.DatabaseError:
        return DamagedError(str(error))
    failure = SaveFailure.FULL if code == sqlite3.SQLITE_FULL else SaveFailure.CARD
    return CardError(failure, str(error))
