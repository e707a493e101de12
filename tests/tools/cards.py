"""Images and cards for the tests: a small disk image with a FAT partition, cards that misbehave."""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
from pathlib import Path

from card.errors import BadCardError

MIB = 1 << 20
START = MIB  # of the FAT partition
FAT_BYTES = 40 * MIB


def make_image(path: Path, *, seed: int = 1, tail_bytes: int = 9 * MIB, fat: int = 32) -> bytes:
    """A partition table, a FAT partition made by mkfs.vfat, then `tail_bytes` of noise."""
    whole = bytearray(START + FAT_BYTES)
    path.write_bytes(whole)
    subprocess.run(
        [
            "mkfs.vfat",
            "-F",
            str(fat),
            "--offset",
            str(START // 512),
            str(path),
            str(FAT_BYTES // 1024),
        ],
        check=True,
        capture_output=True,
    )
    data = bytearray(path.read_bytes())
    kind = 0x0C if fat == 32 else 0x0E
    entry = struct.pack("<B3sB3sII", 0, b"", kind, b"", START // 512, FAT_BYTES // 512)
    data[446:462] = entry
    data[510:512] = b"\x55\xaa"
    data += random.Random(seed).randbytes(tail_bytes)
    path.write_bytes(data)
    return bytes(data)


def block_map(image: bytes, ranges: list[tuple[int, int]]) -> str:
    """A block map in the words of bmap-tools; ranges in blocks, both ends included."""
    lines = [
        f'<Range chksum="{hashlib.sha256(image[a * 4096 : (b + 1) * 4096]).hexdigest()}">{a}-{b}'
        "</Range>"
        for a, b in ranges
    ]
    return (
        f'<?xml version="1.0" ?>\n<bmap version="2.0"><ImageSize> {len(image)} </ImageSize>'
        f"<BlockSize> 4096 </BlockSize><BlockMap>{''.join(lines)}</BlockMap></bmap>"
    )


class SimCard:
    """A card of memory; what it does wrong is said when it is made."""

    def __init__(
        self,
        size_bytes: int,
        *,
        holds_bytes: int | None = None,
        wraps: bool = False,
        gone_after_bytes: int | None = None,
        rots_at: int | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self._holds_bytes = size_bytes if holds_bytes is None else holds_bytes
        self._wraps, self._left, self._rots_at = wraps, gone_after_bytes, rots_at
        self.flash = bytearray(random.Random(5).randbytes(self._holds_bytes))
        self.written: list[tuple[int, int]] = []

    def write(self, offset: int, data: bytes) -> None:
        assert offset + len(data) <= self.size_bytes, "a real card refuses this"
        self.written.append((offset, len(data)))
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise BadCardError("No medium found")
        for at, piece in self._pieces(offset, data):
            self.flash[at : at + len(piece)] = piece
        if self._rots_at is not None and offset <= self._rots_at < offset + len(data):
            self.flash[self._rots_at] ^= 0x10

    def read(self, offset: int, count: int) -> bytes:
        if self._wraps:
            offset %= self._holds_bytes
        return bytes(self.flash[offset : offset + count]).ljust(count, b"\0")

    def flush(self) -> None:
        pass

    def discard(self) -> None:
        pass

    def _pieces(self, offset: int, data: bytes) -> list[tuple[int, bytes]]:
        if self._wraps:
            return [(offset % self._holds_bytes, data)]
        return [(offset, data[: max(0, self._holds_bytes - offset)])]
