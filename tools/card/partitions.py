"""The partition table in the first sector of a card: where its FAT partition lies.

Source: the "MBR" of the IBM PC; Raspberry Pi's firmware boots from the first FAT partition of it.
Units: bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SECTOR_BYTES = 512
TABLE_OFFSET = 446
ENTRY_BYTES = 16
BOOT_SIGNATURE = b"\x55\xaa"
FAT_TYPES = (0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E)


@dataclass(frozen=True, slots=True)
class Span:
    """One partition."""

    start: int
    size: int
    is_fat: bool


def read_partitions(sector: bytes) -> list[Span]:
    """The partitions that the first sector names; empty if it names none."""
    if len(sector) < SECTOR_BYTES or sector[510:512] != BOOT_SIGNATURE:
        return []
    found = []
    for index in range(4):
        entry = sector[TABLE_OFFSET + index * ENTRY_BYTES :][:ENTRY_BYTES]
        kind, first, count = entry[4], *struct.unpack("<II", entry[8:])
        if kind and count:
            found.append(Span(first * SECTOR_BYTES, count * SECTOR_BYTES, kind in FAT_TYPES))
    return found
