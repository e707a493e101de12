"""Files in the root folder of a card's FAT partition, read and written without mounting it.

What pyfatfs leaves open is closed here: names are compared as FAT does, without regard to case; the
count of free clusters (FAT32's FSInfo), which it does not touch, is said to be unknown.
Units: bytes. Source: Microsoft's FAT specification 1.03.
"""

from __future__ import annotations

import struct
import warnings
from datetime import UTC
from pathlib import Path

from pyfatfs._exceptions import PyFATException
from pyfatfs.EightDotThree import EightDotThree
from pyfatfs.FATDirectoryEntry import FATDirectoryEntry, make_lfn_entry
from pyfatfs.PyFat import PyFat

from card.errors import CardError, ImageError
from card.partitions import SECTOR_BYTES, read_partitions

FSINFO_FREE_OFFSET = 488  # of the count of free clusters, in the FSInfo sector
# What pyfatfs makes of a damaged file system: not all of its errors are its own.
DAMAGED = (PyFATException, ArithmeticError, LookupError, ValueError, struct.error, MemoryError)
UNKNOWN_COUNT = struct.pack("<I", 0xFFFFFFFF)


class BootPartition:
    """The first FAT partition of a card or an image file; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("r+b")
        except OSError as error:
            raise CardError(f"cannot open {path}: {error.strerror}") from None
        try:
            self._start = _first_fat(self._file.read(SECTOR_BYTES), path)
        except CardError:
            self._file.close()
            raise
        self._fat = PyFat(offset=self._start)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a card pulled out of a computer is marked "dirty"
                self._fat.set_fp(self._file)
        except DAMAGED as error:
            self._give_up()
            raise ImageError(f"the FAT partition of {path} cannot be read: {error!r}") from None

    def __enter__(self) -> BootPartition:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._fat.close()
        except DAMAGED as error:
            self._give_up()
            raise ImageError(f"cannot finish writing to {self._path}: {error!r}") from None

    def names(self) -> list[str]:
        """What is in the root folder."""
        folders, files, _ = self._fat.root_dir.get_entries()
        return [str(entry) for entry in (*folders, *files)]

    def read(self, name: str) -> bytes | None:
        """The contents of a file; None = there is none of that name."""
        entry = self._find(name)
        if entry is None:
            return None
        if not entry.get_cluster():
            return b""
        try:
            chain = self._fat.get_cluster_chain(entry.get_cluster())
            data = b"".join(self._fat.read_cluster_contents(cluster) for cluster in chain)
        except DAMAGED as error:
            raise ImageError(f"cannot read {name} of {self._path}: {error}") from None
        return data[: entry.filesize]

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file; CardError if there is no room."""
        try:
            self._replace(name, data)
        except DAMAGED as error:
            raise CardError(f"cannot write {name} to {self._path}: {error}") from None
        self._forget_free_count()
        self._file.flush()

    def _give_up(self) -> None:
        self._fat.is_read_only = True  # or it writes its state once more when it is collected
        self._file.close()

    def _replace(self, name: str, data: bytes) -> None:
        old = self._find(name)
        if old is not None:
            if old.get_cluster():
                self._fat.free_cluster_chain(old.get_cluster())
            self._fat.root_dir.remove_dir_entry(str(old))
        short = EightDotThree(encoding=self._fat.encoding)
        short.set_str_name(short.make_8dot3_name(name, self._fat.root_dir))
        entry = FATDirectoryEntry.new(name=short, tz=UTC, encoding=self._fat.encoding)
        if short.get_unpadded_filename() != name:
            entry.set_lfn_entry(make_lfn_entry(name, short))
        if data:
            chain = self._fat.allocate_bytes(len(data))
            entry.set_cluster(chain[0])
            entry.filesize = len(data)
            self._fat.write_data_to_cluster(data, chain[0], extend_cluster=False, erase=True)
        self._fat.root_dir.add_subdirectory(entry)
        self._fat.update_directory_entry(self._fat.root_dir)
        self._fat.flush_fat()

    def _find(self, name: str) -> FATDirectoryEntry | None:
        _, files, _ = self._fat.root_dir.get_entries()
        return next((entry for entry in files if str(entry).lower() == name.lower()), None)

    def _forget_free_count(self) -> None:
        """The next computer counts for itself; a wrong count makes Windows "repair" the card."""
        if self._fat.fat_type != PyFat.FAT_TYPE_FAT32:
            return
        sector = self._start + self._fat.bpb_header["BPB_FSInfo"] * SECTOR_BYTES
        self._file.seek(sector + FSINFO_FREE_OFFSET)
        self._file.write(UNKNOWN_COUNT)


def _first_fat(sector: bytes, path: Path) -> int:
    start = next((span.start for span in read_partitions(sector) if span.is_fat), None)
    if start is None:
        raise ImageError(f"{path} has no FAT partition: is it a written card?")
    return start
