"""160-bit identifiers: distance, and the tie between a node id and its IP address.

Knows no table and no network. Identifiers are 20 bytes; distances are integers below 2**160.
Sources: BEP 5 (XOR metric), BEP 42 (id from the address), RFC 3720 appendix B.4 (CRC32C).
"""

from __future__ import annotations

import ipaddress
from operator import and_

from firmware.overlay.dht.address import Scope, scope_of

NODE_ID_BYTES = 20
_MASK_V4 = bytes.fromhex("030f3fff")
_MASK_V6 = bytes.fromhex("0103070f1f3f7fff")  # of the high 64 bits


def distance(one: bytes, other: bytes) -> int:
    """XOR metric of two identifiers of 20 bytes."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")


def shared_bits(one: bytes, other: bytes) -> int:
    """How many leading bits are equal, 0 to 160."""
    return 8 * NODE_ID_BYTES - distance(one, other).bit_length()


def for_address(host: str, random_20: bytes) -> bytes:
    """An id that BEP 42 allows at `host`, from 20 injected random bytes."""
    assert len(random_20) == NODE_ID_BYTES
    checksum = _address_checksum(host, random_20[19])
    head = checksum >> 11 << 11 | int.from_bytes(random_20[:4], "big") & 0x7FF  # 21 bits are given
    return head.to_bytes(4, "big") + random_20[4:]


def fits_address(node_id: bytes, host: str) -> bool:
    """True if BEP 42 allows `node_id` at `host`; every id fits an address that is not global."""
    if scope_of(host) is not Scope.GLOBAL:
        return True
    checksum = _address_checksum(host, node_id[19])
    return (checksum ^ int.from_bytes(node_id[:4], "big")) >> 11 == 0


def crc32c(data: bytes | bytearray) -> int:
    """CRC-32C (Castagnoli); check value of b"123456789" is 0xE3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _address_checksum(host: str, random_byte: int) -> int:
    seed = random_byte & 7
    if ":" not in host:
        # A CRC of four bytes is the sum of those of its bytes, each alone among zeros.
        first, second, third, fourth = host.split(".")
        alone = _ALONE_V4
        return alone[seed][first] ^ alone[8][second] ^ alone[9][third] ^ alone[10][fourth]
    masked = bytearray(map(and_, ipaddress.IPv6Address(host).packed, _MASK_V6))
    masked[0] |= seed << 5
    return crc32c(masked)


def _crc_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def _alone_v4() -> tuple[dict[str, int], ...]:
    """By the decimal of an octet, masked: eight tables of the first, then second to fourth."""
    zero = crc32c(bytes(4))
    heads = [bytes([_MASK_V4[0], seed << 5]) for seed in range(8)]
    tables = [
        {str(value): crc32c(bytes([value & head[0] | head[1], 0, 0, 0])) for value in range(256)}
        for head in heads
    ]
    for at in (1, 2, 3):
        masked = [bytes(at) + bytes([value & _MASK_V4[at]]) + bytes(3 - at) for value in range(256)]
        tables.append({str(value): crc32c(masked[value]) ^ zero for value in range(256)})
    return tuple(tables)


_ALONE_V4 = _alone_v4()
