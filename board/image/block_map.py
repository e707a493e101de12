"""Writes the block map of an image: which blocks must be written, with their SHA-256.

`block_map.py IMAGE START:LENGTH... > IMAGE.bmap`, in bytes. Zeros inside a range are written too,
since an empty FAT is made of them. Zeros at the end of a range are left out only with
`START:LENGTH:trim`, for file systems that do not care what free space holds.
Source: the format of bmap-tools, version 2.0.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

BLOCK_BYTES = 4096
RANGE_BLOCKS_MAX = 4096  # 16 MiB: so that damage is found soon


def main() -> None:
    """Print the map of the image named on the command line."""
    path, *wanted = sys.argv[1:]
    image = Path(path).read_bytes()
    ranges = [each for span in wanted for each in _ranges(image, span)]
    lines = "\n".join(
        f'    <Range chksum="{digest}"> {first}-{last} </Range>' for first, last, digest in ranges
    )
    sys.stdout.write(
        '<?xml version="1.0" ?>\n<bmap version="2.0">\n'
        f"  <ImageSize> {len(image)} </ImageSize>\n  <BlockSize> {BLOCK_BYTES} </BlockSize>\n"
        f"  <BlocksCount> {len(image) // BLOCK_BYTES} </BlocksCount>\n"
        f"  <MappedBlocksCount> {sum(b - a + 1 for a, b, _ in ranges)} </MappedBlocksCount>\n"
        "  <ChecksumType> sha256 </ChecksumType>\n"
        f"  <BlockMap>\n{lines}\n  </BlockMap>\n</bmap>\n"
    )


def _ranges(image: bytes, span: str) -> list[tuple[int, int, str]]:
    start, length, *trim = span.split(":")
    first, end = int(start) // BLOCK_BYTES, (int(start) + int(length) - 1) // BLOCK_BYTES + 1
    empty = bytes(BLOCK_BYTES)
    while trim and end > first and _block(image, end - 1) == empty:
        end -= 1
    found = []
    for at in range(first, end, RANGE_BLOCKS_MAX):
        until = min(at + RANGE_BLOCKS_MAX, end)
        digest = hashlib.sha256(image[at * BLOCK_BYTES : until * BLOCK_BYTES]).hexdigest()
        found.append((at, until - 1, digest))
    return found


def _block(image: bytes, number: int) -> bytes:
    return image[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]


if __name__ == "__main__":
    main()
