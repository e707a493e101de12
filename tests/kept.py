"""The store of a telephone in the deterministic world: what firmware/store/ promises, in memory."""

from __future__ import annotations

from firmware.events import Fact, Message
from firmware.events.store import (
    READ_ON_DEMAND,
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    Kind,
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
)


class Kept:
    """Records as a box keeps them; `failure` set = whatever shall be saved is not."""

    def __init__(self) -> None:
        self.failure: SaveFailure | None = None
        self._records: dict[Kind, dict[str, Record]] = {kind: {} for kind in Kind}
        self._places = 0

    def loaded(self) -> RecordsLoaded:
        """What a telephone is told before Started."""
        kinds = (kind for kind in Kind if kind not in READ_ON_DEMAND)
        return RecordsLoaded(tuple(record for kind in kinds for record in self.all_of(kind)))

    def all_of(self, kind: Kind) -> list[Record]:
        """The records of `kind`, oldest first."""
        return sorted(self._records[kind].values(), key=lambda record: record.place)

    def data(self, kind: Kind, key: str) -> bytes | None:
        """What is kept under `key`."""
        record = self._records[kind].get(key)
        return record.data if record else None

    def perform(self, message: Message) -> Fact | None:
        """The answer to a command for the store; None = it is not one."""
        match message:
            case SaveRecord(kind=kind, key=key, data=data):
                failure = self.failure or self._save(kind, key, data)
                return SaveFailed(kind, key, failure) if failure else RecordSaved(kind, key)
            case ReadRecord(kind=kind, key=key):
                return RecordRead(kind, key, self.data(kind, key))
            case ReadRecords(kind=kind, before=before, count=count):
                found = [
                    record
                    for record in reversed(self.all_of(kind))
                    if before is None or record.place < before
                ]
                return RecordsRead(kind, before, tuple(found[:count]))
        return None

    def _save(self, kind: Kind, key: str, data: bytes | None) -> SaveFailure | None:
        records = self._records[kind]
        if data is None:
            records.pop(key, None)
            return None
        if len(data) > RECORD_BYTES_MAX[kind]:
            return SaveFailure.TOO_LARGE
        if key not in records and len(records) >= RECORDS_MAX[kind]:
            if kind is not Kind.CALL:
                return SaveFailure.TOO_MANY
            del records[self.all_of(kind)[0].key]
        self._places += 1
        place = records[key].place if key in records else self._places
        records[key] = Record(kind, key, data, place)
        return None
