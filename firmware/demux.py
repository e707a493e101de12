"""One UDP socket for everything: the first byte of a datagram says which protocol it speaks.

Sources: RFC 7983 and RFC 9443 (STUN 0-3, RTP and RTCP 128-191); BEP 5 (a KRPC message is a bencoded
dictionary and so begins with "d"); sealed signalling and channels take bytes that nobody else uses.
"""

from __future__ import annotations

from enum import Enum

DATAGRAM_BYTES_MAX = 2048  # above any of our protocols; what is longer is dropped by the shell
SEALED_FIRST_BYTE = 0xF0
CHANNEL_FIRST_BYTE = 0xF1
_KRPC_FIRST_BYTE = 0x64  # "d"


class Protocol(Enum):
    """What a datagram claims to be; nothing is proved yet."""

    STUN = "stun"
    KRPC = "krpc"
    RTP = "rtp"
    SEALED = "sealed"
    CHANNEL = "channel"
    UNKNOWN = "unknown"


def protocol_of(data: bytes) -> Protocol:
    """Classify by the first byte; empty and oversized datagrams are UNKNOWN."""
    if not 0 < len(data) <= DATAGRAM_BYTES_MAX:
        return Protocol.UNKNOWN
    first = data[0]
    if first == _KRPC_FIRST_BYTE:
        return Protocol.KRPC
    if first <= 3:
        return Protocol.STUN
    if 128 <= first <= 191:
        return Protocol.RTP
    if first == SEALED_FIRST_BYTE:
        return Protocol.SEALED
    if first == CHANNEL_FIRST_BYTE:
        return Protocol.CHANNEL
    return Protocol.UNKNOWN
