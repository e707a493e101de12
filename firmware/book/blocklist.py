"""Lists of blocked numbers: read from text of any kind, kept as five bytes a number.

A line holds one number: twelve digits with spaces, dots, dashes or a `+` between them, perhaps
quoted, perhaps with other columns behind it. Empty lines and comments (`#`, `;`) are passed over.
Units: a number of twelve digits fits into 40 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from firmware import number
from firmware.errors import MalformedError

NUMBER_BYTES = 5
NUMBERS_MAX = 200_000  # of one list: a million bytes
LINE_MAX = 1_000  # characters; a longer one is no list of numbers
_FIRST_COLUMN = re.compile(r"""^[\s"'+]*([0-9][0-9 .\-/]*[0-9])["']?\s*(?:[,;\t#].*)?$""")


@dataclass(frozen=True, slots=True)
class BlockList:
    """A list as it is kept, and what was left out of it."""

    data: bytes
    numbers: int
    skipped: int  # lines that hold no number of ours, or a wrong check digit


def read_block_list(lines: Iterable[str]) -> BlockList:
    """MalformedError if there are too many numbers, or a line that no list has."""
    found: set[int] = set()
    skipped = 0
    for line in lines:
        if len(line) > LINE_MAX:
            raise MalformedError(f"a line is longer than {LINE_MAX} characters: no list of numbers")
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        match = _FIRST_COLUMN.match(text)
        digits = re.sub(r"[^0-9]", "", match[1]) if match else ""
        if not number.is_valid(digits):
            skipped += 1
        else:
            found.add(int(digits))
            if len(found) > NUMBERS_MAX:
                raise MalformedError(f"more than {NUMBERS_MAX} numbers: split the list")
    data = b"".join(each.to_bytes(NUMBER_BYTES, "big") for each in sorted(found))
    return BlockList(data, len(found), skipped)


def contains(data: bytes, peer_number: str) -> bool:
    """Whether a list has the number: seventeen looks for 100,000 of them."""
    wanted = int(peer_number).to_bytes(NUMBER_BYTES, "big")
    low, high = 0, len(data) // NUMBER_BYTES
    while low < high:
        middle = (low + high) // 2
        found = data[NUMBER_BYTES * middle : NUMBER_BYTES * (middle + 1)]
        if found == wanted:
            return True
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return False
