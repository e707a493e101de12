"""Redundant audio data: older frames again in the packet of a newer one.

Knows no key, codec or time; what a block means is said by its payload type.
Units: `offset` in ticks of the packet's RTP clock, backwards from its timestamp.
Source: RFC 2198.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from firmware.errors import MalformedError

PAYLOAD_TYPE = 121  # dynamic, fixed in docs/protocol.md
BLOCKS_MAX = 8  # in a packet, the newest frame included
OFFSET_MAX = (1 << 14) - 1
BLOCK_BYTES_MAX = (1 << 10) - 1  # of an older block
HEADER_BYTES = 4  # of each older block; the newest has one byte

_MORE = 0x80


class Block(NamedTuple):
    """One frame inside a packet."""

    payload_type: int  # 0 to 127
    payload: bytes
    offset: int = 0


def encode(blocks: Sequence[Block]) -> bytes:
    """The payload of blocks in the order of time; the last is the packet's own frame."""
    assert 0 < len(blocks) <= BLOCKS_MAX and blocks[-1].offset == 0
    headers = bytearray()
    for block in blocks[:-1]:
        assert 0 < block.offset <= OFFSET_MAX and len(block.payload) <= BLOCK_BYTES_MAX
        headers.append(_MORE | block.payload_type)
        headers += (block.offset << 10 | len(block.payload)).to_bytes(3, "big")
    headers.append(blocks[-1].payload_type)
    return bytes(headers) + b"".join(block.payload for block in blocks)


def decode(payload: bytes) -> list[Block]:
    """The blocks in the order of the packet, its own frame last; MalformedError otherwise."""
    headers: list[tuple[int, int, int]] = []  # payload type, offset, length
    position = 0
    while True:
        if position >= len(payload):
            raise MalformedError("RED header is truncated")
        first = payload[position]
        if not first & _MORE:
            break
        if len(headers) >= BLOCKS_MAX - 1 or position + HEADER_BYTES > len(payload):
            raise MalformedError("RED headers are truncated or too many")
        rest = int.from_bytes(payload[position + 1 : position + HEADER_BYTES], "big")
        headers.append((first & 0x7F, rest >> 10, rest & BLOCK_BYTES_MAX))
        position += HEADER_BYTES
    newest, position = first, position + 1
    blocks = []
    for payload_type, offset, length in headers:
        if position + length > len(payload):
            raise MalformedError("RED block is truncated")
        blocks.append(Block(payload_type, payload[position : position + length], offset))
        position += length
    return [*blocks, Block(newest, payload[position:])]
