"""RED payloads: older frames in the packet of a newer one."""

from __future__ import annotations

import random

import pytest

from firmware.errors import MalformedError
from firmware.media.red import BLOCKS_MAX, OFFSET_MAX, Block, decode, encode

BLOCKS = [Block(111, b"older" * 12, 1920), Block(8, b"old", 960), Block(111, b"new")]


def test_red_blocks_survive_the_way() -> None:
    assert decode(encode(BLOCKS)) == BLOCKS
    assert decode(encode(BLOCKS[-1:])) == BLOCKS[-1:]


def test_red_bytes_are_those_of_rfc_2198() -> None:
    # section 3: F=1, payload type, 14 bits of offset, 10 bits of length; then F=0, payload type
    encoded = encode([Block(5, b"ab", 320), Block(7, b"c")])
    assert encoded == bytes([0x85, 320 >> 6, (320 & 63) << 2, 2, 7]) + b"abc"


def test_red_truncated_anywhere_in_its_headers_or_copies_is_malformed() -> None:
    encoded = encode(BLOCKS)
    for length in range(len(encoded) - len(BLOCKS[-1].payload)):
        with pytest.raises(MalformedError):
            decode(encoded[:length])


def test_red_with_more_blocks_than_the_limit_is_malformed() -> None:
    header = bytes([0x80 | 8, 0, 4, 0])
    assert len(decode(header * (BLOCKS_MAX - 1) + bytes([8]))) == BLOCKS_MAX
    with pytest.raises(MalformedError):
        decode(header * BLOCKS_MAX + bytes([8]))


def test_red_offset_at_its_limit_survives() -> None:
    blocks = [Block(0, b"", OFFSET_MAX), Block(0, b"")]
    assert decode(encode(blocks)) == blocks


def test_red_random_bytes_are_blocks_or_malformed() -> None:
    seed = 31
    dice = random.Random(seed)
    for turn in range(20_000):
        data = dice.randbytes(dice.randrange(60))
        try:
            blocks = decode(data)
        except MalformedError:
            continue
        assert sum(len(block.payload) for block in blocks) < len(data), f"seed {seed}, turn {turn}"
