"""What we keep for others: announced peers, and the write tokens that prove who announces.

Knows no message and no routing. Units: `_s` monotonic seconds.
Sources: BEP 5 (announce_peer; tokens change every five minutes and live for ten);
RFC 7693 (keyed BLAKE2b).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable

from firmware.model import Endpoint
from firmware.overlay.dht.address import owner_of
from firmware.overlay.dht.node_id import distance

PEER_LIFE_S = 30 * 60.0
HASHES_MAX = 2000
PEERS_MAX = 20_000  # of all hashes; some 5 MB
PEERS_PER_HASH_MAX = 256
PEERS_PER_HASH_AND_OWNER_MAX = 4  # one household, one NAT
HASHES_PER_OWNER_MAX = 256  # an exchange announces for many boxes, but spread over all nodes
TOKEN_BYTES = 8
TOKEN_ROTATION_S = 5 * 60.0


class PeerStore:
    """Peers per info-hash, forgotten PEER_LIFE_S after their last announcement.

    At HASHES_MAX the hash farthest from our id gives way, since we are least responsible for it; at
    PEERS_MAX the hash with most peers loses the oldest of whoever has most there.
    """

    __slots__ = ("_count", "_hashes_of", "_peers", "own_id")

    def __init__(self, own_id: bytes) -> None:
        self.own_id = own_id
        self._peers: dict[bytes, dict[Endpoint, float]] = {}  # expiry; oldest announcement first
        self._count = 0  # of peers
        self._hashes_of: Counter[str] = Counter()  # (hash, peer) pairs per owner

    def __len__(self) -> int:
        return len(self._peers)

    def announce(self, info_hash: bytes, peer: Endpoint, now_s: float) -> bool:
        """Keep or renew `peer`; False if a limit is reached and nothing may give way."""
        owner = owner_of(peer)
        peers = self._peers.get(info_hash)
        if peers is None or peer not in peers:
            if not self._make_room(info_hash, owner, now_s):
                return False
            peers = self._peers.setdefault(info_hash, {})
            self._hashes_of[owner] += 1
            self._count += 1
        else:
            del peers[peer]  # to the end of the order
        peers[peer] = now_s + PEER_LIFE_S
        return True

    def peers(self, info_hash: bytes, now_s: float) -> list[Endpoint]:
        """All that is kept and still alive."""
        self._expire(info_hash, now_s)
        return list(self._peers.get(info_hash, ()))

    def info_hashes(self) -> list[bytes]:
        """Those that have peers."""
        return list(self._peers)

    def expire(self, now_s: float) -> None:
        """Forget what is too old; call it every few minutes."""
        for info_hash in list(self._peers):
            self._expire(info_hash, now_s)

    def _make_room(self, info_hash: bytes, owner: str, now_s: float) -> bool:
        self._expire(info_hash, now_s)
        if self._hashes_of[owner] >= HASHES_PER_OWNER_MAX:
            return False
        peers = self._peers.get(info_hash)
        if peers is None:
            if len(self._peers) >= HASHES_MAX and not self._drop_farther_than(info_hash):
                return False
            if self._count >= PEERS_MAX:
                self._drop_of_most(max(self._peers, key=lambda kept: len(self._peers[kept])))
            return True
        of_owner = [peer for peer in peers if owner_of(peer) == owner]
        if len(of_owner) >= PEERS_PER_HASH_AND_OWNER_MAX:
            self._drop(info_hash, of_owner[0])
        elif len(peers) >= PEERS_PER_HASH_MAX:
            self._drop_of_most(info_hash)
        elif self._count >= PEERS_MAX:
            self._drop_of_most(max(self._peers, key=lambda kept: len(self._peers[kept])))
        return True

    def _drop_of_most(self, info_hash: bytes) -> None:
        """Whoever has most entries here loses the oldest: a flood displaces itself first."""
        owners = Counter(map(owner_of, self._peers[info_hash]))
        most = owners.most_common(1)[0][0]
        self._drop(
            info_hash, next(peer for peer in self._peers[info_hash] if owner_of(peer) == most)
        )

    def _drop_farther_than(self, info_hash: bytes) -> bool:
        farthest = max(self._peers, key=lambda kept: distance(kept, self.own_id))
        if distance(farthest, self.own_id) <= distance(info_hash, self.own_id):
            return False
        for peer in list(self._peers[farthest]):
            self._drop(farthest, peer)
        return True

    def _expire(self, info_hash: bytes, now_s: float) -> None:
        for peer, expires_s in list(self._peers.get(info_hash, {}).items()):
            if expires_s > now_s:
                break  # in the order of announcement
            self._drop(info_hash, peer)

    def _drop(self, info_hash: bytes, peer: Endpoint) -> None:
        peers = self._peers[info_hash]
        del peers[peer]
        self._count -= 1
        if not peers:
            del self._peers[info_hash]
        owner = owner_of(peer)
        self._hashes_of[owner] -= 1
        if not self._hashes_of[owner]:
            del self._hashes_of[owner]


class Tokens:
    """Write tokens, valid 5 to 10 minutes for one address and one target; nothing is stored."""

    __slots__ = ("_random_bytes", "_rotated_s", "_secrets")

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._secrets: tuple[bytes, ...] = ()  # newest first, none before the first question
        self._rotated_s = 0.0

    def issue(self, target: bytes, host: str, now_s: float) -> bytes:
        """TOKEN_BYTES bytes for whoever asks from `host`."""
        self._rotate(now_s)
        return _token(self._secrets[0], target, host)

    def accepts(self, token: bytes, target: bytes, host: str, now_s: float) -> bool:
        """True if we issued `token` for this at most ten minutes ago."""
        self._rotate(now_s)
        matches = [
            hmac.compare_digest(token, _token(secret, target, host)) for secret in self._secrets
        ]
        return any(matches)

    def _rotate(self, now_s: float) -> None:
        if not self._secrets:
            self._secrets = (self._random_bytes(32), self._random_bytes(32))
            self._rotated_s = now_s
        turns = int((now_s - self._rotated_s) // TOKEN_ROTATION_S)
        for _ in range(min(turns, 2)):
            self._secrets = (self._random_bytes(32), self._secrets[0])
        self._rotated_s += turns * TOKEN_ROTATION_S


def _token(secret: bytes, target: bytes, host: str) -> bytes:
    return hashlib.blake2b(target + host.encode(), digest_size=TOKEN_BYTES, key=secret).digest()
