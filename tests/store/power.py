"""Cuts the power of a writing store at a random moment, and looks what is still there.

A cut is SIGKILL, and then any part of what was written since the last fsync of a file is taken
back, sector by sector, as a card without power does (power_cut.c notes what was there before).
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from firmware.events.store import Kind, SaveRecord
from firmware.store.database import Database
from firmware.store.recovery import COPY, RECORDS
from firmware.store.sealing import Sealer
from tests.store.power_writer import AHEAD_MAX, IDENTITY, saves

SOURCE = Path(__file__).parent / "power_cut.c"
SECTOR_BYTES = 512
CONFIRMED_MAX = 150  # after at most so many confirmations the power goes
MOMENT_S = 0.008  # and a moment after the last of them, so that it hits anything
_HEAD = struct.Struct("<cHQQI")

Records = dict[tuple[Kind, str], bytes]
Undo = list[tuple[int, int, bytes]]  # place, size of the file before, bytes before


@dataclass(slots=True)
class Report:
    """What came of the cuts."""

    cuts: int = 0
    confirmed: int = 0
    lost: int = 0  # confirmed, and not there
    unsynced_writes: int = 0  # that the cuts could take back


class PowerCuts:
    """A folder, a process that writes in it, and the switch."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.report = Report()
        self._dice = random.Random(seed)
        self._seeds = itertools.count(seed * 1_000_000)
        self._card = folder / "card"
        self._card.mkdir()
        self._log = folder / "log"
        self._records: Records = {}
        library = folder / "power_cut.so"
        flags = "gcc -O2 -Wall -shared -fPIC -o".split()
        subprocess.run([*flags, str(library), str(SOURCE)], check=True)
        environment = {
            "LD_PRELOAD": str(library),
            "FERNRUF_CARD": str(self._card),
            "FERNRUF_CARD_LOG": str(self._log),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.power_writer", str(self._card)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
        )

    def __enter__(self) -> PowerCuts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        del kind, error, at
        self._process.kill()
        self._process.communicate()

    def cut(self) -> None:
        """Let a writer live for a while, cut its power, and compare."""
        seed = next(self._seeds)
        confirmed = self._live(seed)
        self._lose_unsynced()
        self._compare(seed, confirmed)
        self.report.cuts += 1
        self.report.confirmed += confirmed

    def _live(self, seed: int) -> int:
        """How many saves were confirmed before the end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._log.unlink(missing_ok=True)
        self._process.stdin.write(f"{seed}\n".encode())
        self._process.stdin.flush()
        said = self._read_until(b"\n")
        while not said.startswith(b"writer") and b"\nwriter" not in said:
            said += self._read_until(b"\n")
        pid = int(said.split(b"writer ")[1].split()[0])
        wanted = self._dice.randrange(CONFIRMED_MAX)
        while said.count(b"saved\n") < wanted:
            said += self._read_until(b"\n")
        time.sleep(self._dice.uniform(0.0, MOMENT_S))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while b"gone\n" not in said:
            said += self._read_until(b"\n")
        return said.count(b"saved\n")

    def _read_until(self, end: bytes) -> bytes:
        assert self._process.stdout is not None
        said = b""
        while not said.endswith(end):
            more = os.read(self._process.stdout.fileno(), 65536)
            assert more, "the writer died of itself"
            said += more
        return said

    def _lose_unsynced(self) -> None:
        for path, undo in unsynced(self._log).items():
            self.report.unsynced_writes += len(undo)
            if path.exists():
                path.write_bytes(self._torn(path.read_bytes(), undo))
        (self._card / f"{RECORDS}-shm").unlink(missing_ok=True)  # memory, never on the card

    def _torn(self, now: bytes, undo: Undo) -> bytes:
        """The file after the cut: each sector as it was synchronised or as it was written."""
        before = bytearray(now)
        for place, size, old in reversed(undo):
            before += bytes(max(place + len(old) - len(before), 0))
            before[place : place + len(old)] = old
            before = (before + bytes(max(size - len(before), 0)))[:size]
        share = self._dice.choice((0.0, 0.5, 1.0, self._dice.random()))
        size = self._dice.choice((len(now), len(before), max(len(now), len(before))))
        sectors = range(0, size, SECTOR_BYTES)
        sources = [now if self._dice.random() < share else before for _ in sectors]
        return b"".join(
            bytes(source[at : at + SECTOR_BYTES]).ljust(SECTOR_BYTES, b"\0")
            for at, source in zip(sectors, sources, strict=True)
        )[:size]

    def _compare(self, seed: int, confirmed: int) -> None:
        """The records are those after so many saves: all that were confirmed, or more."""
        sealer = Sealer(IDENTITY, self._dice.randbytes)
        found = read_all(self._card / RECORDS, sealer)
        asked = saves(seed)
        expected = dict(self._records)
        for save in itertools.islice(asked, confirmed):
            apply(save, expected)
        for save in itertools.islice(asked, 2 * AHEAD_MAX):
            if expected == found:
                break
            apply(save, expected)
        self.report.lost += expected != found
        self._records = found
        if (self._card / COPY).exists():
            read_all(self._card / COPY, sealer)


def unsynced(log: Path) -> dict[Path, Undo]:
    """What each file was before its writes that nothing had confirmed."""
    undo: dict[Path, Undo] = defaultdict(list)
    data = log.read_bytes() if log.exists() else b""
    at = 0
    while at + _HEAD.size <= len(data):
        kind, path_bytes, place, size, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + path_bytes + length > len(data):
            break  # killed while noting: the write itself was never done
        path = Path(data[at : at + path_bytes].decode())
        old = data[at + path_bytes : at + path_bytes + length]
        at += path_bytes + length
        if kind == b"s":
            undo.pop(path, None)
        elif kind == b"r":
            undo[path] = undo.pop(Path(old.decode()), [])
        else:
            undo[path].append((place, size, old))
    return undo


def read_all(path: Path, sealer: Sealer) -> Records:
    """Every record, from a file that must be sound; DamagedError otherwise."""
    database = Database(path, sealer)
    try:
        database.check()
        kept = (record for kind in Kind for record in database.all_of(kind))
        return {(record.kind, record.key): record.data for record in kept}
    finally:
        database.close()


def apply(save: SaveRecord, records: Records) -> None:
    """What a save does."""
    if save.data is None:
        records.pop((save.kind, save.key), None)
    else:
        records[save.kind, save.key] = save.data
