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
    if ":" in host:
        packed, mask = ipaddress.IPv6Address(host).packed, _MASK_V6
    else:
        packed, mask = bytes(map(int, host.split("."))), _MASK_V4
    masked = bytearray(map(and_, packed, mask))
    masked[0] |= (random_byte & 7) << 5
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
