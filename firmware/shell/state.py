"""The state directory: what a box must still know after its power was cut.

Knows files, not their meaning; every write is atomic.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from firmware.errors import CommandError, MalformedError
from firmware.identity import Identity, IdentityFile

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOCK = "lock"
IDENTITY = "identity.json"
PEERS = "peers.json"  # of former versions: the pinned keys of those we have spoken to


class StateDir:
    """A directory that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"cannot make the directory {path}: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the directory for this process; CommandError if another one has it.

        Two boxes with one identity would answer each other's calls.
        """
        try:
            file = (self.path / LOCK).open("wb")
        except OSError as error:
            raise CommandError(f"cannot write {self.path / LOCK}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(f"{self.path} is in use by another box or exchange") from None
            yield

    def read(self, name: str) -> bytes | None:
        """Content of a file, None if there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandError(f"cannot read {self.path / name}: {error.strerror}") from None

    def restore(self, name: str, decode: Callable[[bytes], T]) -> T | None:
        """What `decode` makes of a file that we can do without; None if there is none.

        A file that is MalformedError to it is renamed, for somebody to look at, with a warning.
        """
        data = self.read(name)
        if data is None:
            return None
        try:
            return decode(data)
        except MalformedError as error:
            aside = self.path / f"{name}.damaged"
            logger.warning("%s: %s; kept as %s", self.path / name, error, aside.name)
            self._rename(name, aside)
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write atomically, mode 0600: after a power cut there is the old file or the new one.

        Raises CommandError if the card is full, read-only or gone.
        """
        try:
            _write_atomically(self.path / name, data)
        except OSError as error:
            raise CommandError(f"cannot write {self.path / name}: {error.strerror}") from None

    def _rename(self, name: str, to: Path) -> None:
        try:
            (self.path / name).replace(to)
        except OSError as error:
            raise CommandError(f"cannot rename {self.path / name}: {error.strerror}") from None

    def load_identity(self) -> IdentityFile:
        """The identity, made now if there is none; ConfigError if its file is damaged."""
        data = self.read(IDENTITY)
        if data is not None:
            return IdentityFile.decode(data, source=str(self.path / IDENTITY))
        fresh = IdentityFile(Identity.generate(os.urandom(64)))
        self.write(IDENTITY, fresh.encode())
        return fresh


def _write_atomically(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name must survive too
    finally:
        os.close(directory)
