"""The tables, and how those of an older program become those of this one.

A step never takes away what an older program reads unless it says so: `oldest_reader` is the
schema a program must know to go on with the file. So a box that goes back to its former software
still finds its phone book.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from firmware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Step:
    """From one schema to the next; step i makes schema i + 1."""

    statements: tuple[str, ...]
    oldest_reader: int


STEPS = (
    Step(
        (
            "CREATE TABLE about (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
            "CREATE TABLE record (place INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
            " tag BLOB NOT NULL, sealed BLOB NOT NULL, UNIQUE (kind, tag))",
            "CREATE INDEX record_in_order ON record (kind, place)",
        ),
        oldest_reader=1,
    ),
)


def migrate(database: sqlite3.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Bring the tables to the last of `steps`, all or nothing.

    ConfigError if they are of a program so new that this one would harm them.
    """
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found > len(steps):
        query = "SELECT value FROM about WHERE name = 'oldest_reader'"
        (oldest_reader,) = database.execute(query).fetchone()
        if oldest_reader > len(steps):
            raise ConfigError(
                f"the records are of a newer version of this program (schema {found}, "
                f"which needs {oldest_reader}; this one knows {len(steps)}): update it"
            )
        return
    if found == len(steps):
        return
    database.execute("BEGIN IMMEDIATE")
    for step in steps[found:]:
        for statement in step.statements:
            database.execute(statement)
    oldest_reader = max(step.oldest_reader for step in steps)
    database.execute("INSERT OR REPLACE INTO about VALUES ('oldest_reader', ?)", (oldest_reader,))
    database.execute(f"PRAGMA user_version = {len(steps)}")
    database.execute("COMMIT")
