"""Where exchanges announce themselves: well-known swarms, so many that none grows too large.

An exchange is in the one that its key chooses; who looks for exchanges begins anywhere.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import hashlib

from firmware.overlay.dht.node_id import NODE_ID_BYTES

SHARDS = 16  # of 30,000 exchanges, 100 boxes each for three million: 1,900 in a swarm
_NAME = b"fernruf exchanges "


def shard_hash(shard: int) -> bytes:
    """The info-hash of a swarm of exchanges."""
    assert 0 <= shard < SHARDS
    return hashlib.sha256(_NAME + str(shard).encode()).digest()[:NODE_ID_BYTES]


def shard_of(exchange_key: bytes) -> int:
    """The swarm in which the exchange with that key announces itself."""
    return hashlib.sha256(_NAME + exchange_key).digest()[0] % SHARDS
