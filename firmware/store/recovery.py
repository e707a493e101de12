"""The daily copy, and what becomes of a database that is damaged.

Of the database and its copies: RECORDS is in use, COPY is of the last day that it was sound, and
what was damaged is kept as DAMAGED, for somebody to look at.
Source: SQLite, "Online Backup API".
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from firmware.events.store import Record, StoreCondition
from firmware.store.database import CardError, DamagedError, Database, explained
from firmware.store.sealing import Sealer

logger = logging.getLogger(__name__)

RECORDS = "records.sqlite"
COPY = "records.copy.sqlite"
DAMAGED = "records.damaged.sqlite"
COPY_INTERVAL_S = 86_400.0
_COPY_PAGES = 64  # between two of them the saves that wait are done
_SIDE_FILES = ("-wal", "-shm", "-journal")

Opened = tuple[Database, tuple[Record, ...], StoreCondition]


def open_sound(folder: Path, sealer: Sealer) -> Opened:
    """The database and its records, made anew or out of the copy if it is damaged.

    CardError if it can be neither opened nor made.
    """
    try:
        return (*_open(folder / RECORDS, sealer), StoreCondition.GOOD)
    except DamagedError as error:
        logger.warning("%s is damaged: %s; kept as %s", folder / RECORDS, error, DAMAGED)
    _set_aside(folder)
    try:
        if (folder / COPY).exists():
            (folder / RECORDS).write_bytes((folder / COPY).read_bytes())
            sync(folder / RECORDS)
            return (*_open(folder / RECORDS, sealer), StoreCondition.RESTORED)
    except DamagedError as error:
        logger.warning("%s is damaged, too: %s", folder / COPY, error)
        remove(folder / RECORDS)
    except OSError as error:
        raise explained(error) from None
    return (*_open(folder / RECORDS, sealer), StoreCondition.LOST)


def copy(database: Database, folder: Path, meanwhile: Callable[[], None]) -> None:
    """Replace the copy by the present state, if that is sound; DamagedError if it is not.

    `meanwhile` is called now and then: it may save to the same database.
    """
    database.check()
    fresh = folder / f"{COPY}.new"
    try:
        remove(fresh)
        target = sqlite3.connect(fresh)
        try:
            database.connection.backup(
                target, pages=_COPY_PAGES, progress=lambda *_: meanwhile(), sleep=0
            )
        finally:
            target.close()
        fresh.chmod(0o600)
        sync(fresh)
        fresh.replace(folder / COPY)
        sync(folder)
    except (sqlite3.Error, OSError) as error:
        raise explained(error) from None


def seconds_to_copy(folder: Path, utc_s: float) -> float:
    """How long until the next copy is due; 0 = now. A clock that was set back does not matter."""
    try:
        age_s = utc_s - (folder / COPY).stat().st_mtime
    except OSError:
        return 0.0
    return COPY_INTERVAL_S - age_s if 0.0 <= age_s < COPY_INTERVAL_S else 0.0


def remove(path: Path) -> None:
    """Remove a database with what belongs to it."""
    for name in (path, *(path.with_name(path.name + end) for end in _SIDE_FILES)):
        name.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Let a file, or the names in a directory, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, sealer: Sealer) -> tuple[Database, tuple[Record, ...]]:
    database = Database(path, sealer)
    try:
        return database, database.load()
    except (DamagedError, CardError):
        database.close()
        raise


def _set_aside(folder: Path) -> None:
    try:
        remove(folder / DAMAGED)
        (folder / RECORDS).replace(folder / DAMAGED)
        remove(folder / RECORDS)
    except OSError as error:
        raise explained(error) from None
