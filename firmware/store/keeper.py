"""The store of a box: one thread that saves and reads, so that no core waits for the card.

What waits is saved together: a commit costs the card the same for one record and for a hundred.
Answers come as facts, in order; a fact that says "saved" is told when it would outlive a power cut.
Units: `_s` seconds.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware.events import Fact
from firmware.events.store import (
    ReadRecord,
    ReadRecords,
    Record,
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
from firmware.store import recovery
from firmware.store.database import CardError, DamagedError, Database
from firmware.store.sealing import Sealer

logger = logging.getLogger(__name__)

BATCH_MAX = 256  # commands of one transaction
WAITING_MAX = 4096  # commands; whatever comes on top fails
RETRY_S = 30.0  # between two looks whether a card that was full has room again
FIRST_COPY_S = 600.0  # not while the box starts
COPY_RETRY_S = 3600.0

Work = SaveRecord | ReadRecord | ReadRecords
_CONDITIONS = {
    SaveFailure.FULL: StoreCondition.FULL,
    SaveFailure.CARD: StoreCondition.CARD,
}


class Store:
    """The records in `folder`; `tell` is called from the store's thread with each answer."""

    def __init__(
        self,
        folder: Path,
        sealer: Sealer,
        tell: Callable[[Fact], None],
        first_copy_s: float = FIRST_COPY_S,
    ) -> None:
        self._folder = folder
        self._sealer = sealer
        self._tell = tell
        self._database: Database | None = None
        self._condition = StoreCondition.GOOD
        self._waiting: queue.Queue[Work | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._is_closing = False
        wait_s = max(recovery.seconds_to_copy(folder, time.time()), first_copy_s)
        self._copy_due_s = time.monotonic() + wait_s
        self._retry_due_s = 0.0  # of a card that took nothing

    def open(self) -> None:
        """Open the database, tell what is in it, and take commands from now on."""
        records: tuple[Record, ...] = ()
        try:
            self._database, records, condition = recovery.open_sound(self._folder, self._sealer)
        except CardError as error:
            logger.warning("nothing will be kept: %s", error)
            condition = _CONDITIONS[error.failure]
        self._enter(condition)
        self._tell(RecordsLoaded(records))
        self._thread.start()

    def perform(self, command: Work) -> None:
        """Take a command, from any thread; if too many wait it fails at once."""
        if self._waiting.qsize() < WAITING_MAX:
            self._waiting.put(command)
        else:
            self._fail([command], SaveFailure.CARD)

    def close(self) -> None:
        """Save what waits, then close."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        """Serve until closed; our own mistake is said on the display before the thread ends."""
        try:
            while not self._is_closing:
                self._serve(self._wait_s())
                self._look_after()
        except Exception:
            logger.critical("the store has ended; nothing is kept any more")
            self._enter(StoreCondition.CARD)
            raise
        finally:
            if self._database is not None:
                self._database.close()

    def _look_after(self) -> None:
        """What is due: another try of a card that took nothing, or the daily copy."""
        if self._condition in _CONDITIONS.values():
            if time.monotonic() >= self._retry_due_s:
                self._try_again()
        elif time.monotonic() >= self._copy_due_s:
            self._copy()

    def _wait_s(self) -> float:
        is_ill = self._condition in _CONDITIONS.values()
        due_s = self._retry_due_s if is_ill else self._copy_due_s
        return max(due_s - time.monotonic(), 0.0)

    def _serve(self, wait_s: float | None = None) -> None:
        """Do what waits; None = only what is there already."""
        batch: list[Work] = []
        try:
            work = self._waiting.get(block=wait_s is not None, timeout=wait_s)
            while work is not None:
                batch.append(work)
                if len(batch) >= BATCH_MAX:
                    break
                work = self._waiting.get_nowait()
            self._is_closing = self._is_closing or work is None
        except queue.Empty:
            pass
        if batch:
            self._do(batch)

    def _do(self, batch: list[Work]) -> None:
        saves = [work for work in batch if isinstance(work, SaveRecord)]
        if saves:
            self._save(saves)
        for work in batch:
            if not isinstance(work, SaveRecord):
                self._tell(self._read(work))

    def _save(self, saves: list[SaveRecord]) -> None:
        try:
            if self._database is None:
                self._fail(saves, SaveFailure.CARD)
                return
            failures = self._database.save(saves)
        except CardError as error:
            logger.warning("not kept: %s", error)
            self._fail(saves, error.failure)
            self._enter(_CONDITIONS[error.failure])
            return
        except DamagedError as error:
            logger.warning("the records are damaged: %s", error)
            self._fail(saves, SaveFailure.CARD)
            self._recover()
            return
        if self._condition in _CONDITIONS.values():
            self._enter(StoreCondition.GOOD)
        for save, failure in zip(saves, failures, strict=True):
            answer = SaveFailed(save.kind, save.key, failure) if failure else None
            self._tell(answer or RecordSaved(save.kind, save.key))

    def _read(self, work: ReadRecord | ReadRecords) -> Fact:
        """What cannot be read is not there: a person is told that, and goes on."""
        database = self._database
        try:
            if isinstance(work, ReadRecord):
                data = database.read(work.kind, work.key) if database else None
                return RecordRead(work.kind, work.key, data)
            return RecordsRead(work.kind, work.before, database.page(work) if database else ())
        except CardError as error:
            logger.warning("cannot read: %s", error)
        except DamagedError as error:
            logger.warning("the records are damaged: %s", error)
            self._recover()
        if isinstance(work, ReadRecord):
            return RecordRead(work.kind, work.key, None)
        return RecordsRead(work.kind, work.before, ())

    def _copy(self) -> None:
        assert self._database is not None
        self._copy_due_s = time.monotonic() + COPY_RETRY_S
        try:
            recovery.copy(self._database, self._folder, self._serve)
            self._copy_due_s = time.monotonic() + recovery.COPY_INTERVAL_S
        except CardError as error:
            logger.warning("no daily copy: %s", error)
        except DamagedError as error:
            logger.warning("the records are damaged: %s", error)
            self._recover()

    def _recover(self) -> None:
        """The file went bad while we ran: begin again with the last good copy."""
        if self._database is not None:
            self._database.close()
            self._database = None
        try:
            self._database, records, condition = recovery.open_sound(self._folder, self._sealer)
        except CardError as error:
            logger.warning("nothing will be kept: %s", error)
            self._enter(_CONDITIONS[error.failure])
            return
        self._enter(condition)
        self._tell(RecordsLoaded(records))

    def _try_again(self) -> None:
        """Is there room by now? Writing tells."""
        self._retry_due_s = time.monotonic() + RETRY_S
        try:
            if self._database is None:
                self._recover()
                return
            self._database.probe()
        except (CardError, DamagedError):
            return
        self._enter(StoreCondition.GOOD)

    def _fail(self, batch: Sequence[Work], failure: SaveFailure) -> None:
        for work in batch:
            match work:
                case SaveRecord(kind=kind, key=key):
                    self._tell(SaveFailed(kind, key, failure))
                case ReadRecord(kind=kind, key=key):
                    self._tell(RecordRead(kind, key, None))
                case ReadRecords(kind=kind, before=before):
                    self._tell(RecordsRead(kind, before, ()))

    def _enter(self, condition: StoreCondition) -> None:
        if condition is not self._condition:
            self._condition = condition
            self._retry_due_s = time.monotonic() + RETRY_S
            self._tell(StoreChanged(condition))
