"""What is written to: a card, opened so that nobody else has it, or a plain file for tests.

Knows offsets and bytes, no image. Opening checks again that this is the disk that was chosen.
Units: bytes. Source: open(2) O_EXCL on block devices, ioctl_list(2) BLKGETSIZE64 and BLKDISCARD,
posix_fadvise(2); diskutil(8).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from card.disks import Disk
from card.errors import BadCardError, RefusedError

BLKGETSIZE64 = 0x80081272
BLKDISCARD = 0x1277


class Target(Protocol):
    """The little that writing needs of a card."""

    @property
    def size_bytes(self) -> int:
        """How much it says it holds."""

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data`; BadCardError if the card refuses or has gone."""

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes of what is really on the card, not of a cache."""

    def flush(self) -> None:
        """Return when everything written is on the card."""

    def discard(self) -> None:
        """Tell the card that its contents are not needed; may do nothing."""


class OpenTarget:
    """A block device or a regular file, exclusively."""

    def __init__(self, path: Path) -> None:
        self._path = path
        is_device = stat.S_ISBLK(path.stat().st_mode)
        try:
            self._fd = os.open(path, os.O_RDWR | (os.O_EXCL if is_device else 0))
        except PermissionError:
            raise RefusedError(f"no permission to write {path}: try it as root (sudo)") from None
        except OSError as error:
            raise RefusedError(f"cannot open {path}: {error.strerror}") from None
        self.size_bytes = _size_bytes(self._fd, is_device)

    def close(self) -> None:
        """Let go of the card."""
        os.close(self._fd)

    def write(self, offset: int, data: bytes) -> None:
        """See Target."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise BadCardError(f"{self._path}: writing at {offset}: {error.strerror}") from None

    def read(self, offset: int, count: int) -> bytes:
        """See Target."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, offset, count, os.POSIX_FADV_DONTNEED)
        parts = []
        try:
            while count and (part := os.pread(self._fd, count, offset)):
                parts.append(part)
                offset, count = offset + len(part), count - len(part)
        except OSError as error:
            raise BadCardError(f"{self._path}: reading at {offset}: {error.strerror}") from None
        return b"".join(parts)

    def flush(self) -> None:
        """See Target."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise BadCardError(f"{self._path}: flushing: {error.strerror}") from None

    def discard(self) -> None:
        """See Target; a card that cannot is none the worse."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, BLKDISCARD, struct.pack("QQ", 0, self.size_bytes))


def unmount(disk: Disk) -> None:
    """Take the card's file systems out of the desktop's hands; RefusedError if somebody uses it."""
    if sys.platform == "darwin":
        commands = [("diskutil", "unmountDisk", disk.path)]
    else:
        commands = [("umount", mount) for part in disk.partitions for mount in part.mounts]
    for command in commands:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RefusedError(f"cannot unmount: {done.stderr.decode(errors='replace').strip()}")


def _size_bytes(fd: int, is_device: bool) -> int:
    if is_device and sys.platform == "linux":
        (size,) = struct.unpack("Q", fcntl.ioctl(fd, BLKGETSIZE64, bytes(8)))
        return int(size)
    return os.lseek(fd, 0, os.SEEK_END)
