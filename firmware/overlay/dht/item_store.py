"""Items that we keep for others (BEP 44), within limits, until nobody renews them.

Knows no message and no routing; signatures are checked before. Units: `_s` monotonic seconds.
Source: BEP 44 (put, seq, cas, expiration).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from firmware.overlay.dht.items import Item

ITEM_LIFE_S = 2 * 3600.0
ITEMS_MAX = 700  # as libtorrent; 1 MB at most
ITEMS_PER_OWNER_MAX = 32  # of one address


class Stored(Enum):
    """What came of a put."""

    KEPT = "kept"
    CAS_MISMATCH = "cas_mismatch"
    SEQ_TOO_LOW = "seq_too_low"
    FULL = "full"


@dataclass(slots=True)
class _Kept:
    item: Item
    position: int  # of its target on the ring
    owner: str
    expires_s: float


class ItemStore:
    """Items by target, forgotten ITEM_LIFE_S after they were put last.

    At ITEMS_MAX whoever has most of them, newcomer included, loses the one farthest from our id. If
    nobody has more than one, the farthest of all gives way: we are least responsible for it.
    """

    __slots__ = ("_kept", "_owners")

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}  # put longest ago first
        self._owners: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, target: bytes, now_s: float) -> Item | None:
        """What is kept and still alive."""
        kept = self._kept.get(target)
        return kept.item if kept is not None and kept.expires_s > now_s else None

    def put(self, item: Item, cas: int | None, owner: str, own_id: bytes, now_s: float) -> Stored:
        """Keep an authentic `item` that `owner` has sent; `cas` as in BEP 44."""
        self.expire(now_s)
        target = item.target
        kept = self._kept.get(target)
        if kept is not None:
            if cas is not None and cas != kept.item.seq:
                return Stored.CAS_MISMATCH
            if not _may_follow(item, kept.item):
                return Stored.SEQ_TOO_LOW
            del self._kept[target]  # to the end of the order
            self._kept[target] = kept
            kept.item, kept.expires_s = item, now_s + ITEM_LIFE_S
            self._give_to(kept, owner)
            return Stored.KEPT
        if self._owners[owner] >= ITEMS_PER_OWNER_MAX:
            return Stored.FULL
        position = int.from_bytes(target, "big")
        if len(self._kept) >= ITEMS_MAX and not self._make_room(position, owner, own_id):
            return Stored.FULL
        self._kept[target] = _Kept(item, position, owner, now_s + ITEM_LIFE_S)
        self._owners[owner] += 1
        return Stored.KEPT

    def expire(self, now_s: float) -> None:
        """Forget what is too old."""
        while self._kept:
            target, kept = next(iter(self._kept.items()))
            if kept.expires_s > now_s:
                return
            self._drop(target)

    def _give_to(self, kept: _Kept, owner: str) -> None:
        """Of all who put an item it counts for the one who has fewest.

        So nobody can make another's item his own by repeating it, and then let it be displaced
        along with a flood of his.
        """
        if owner != kept.owner and self._owners[owner] + 1 < self._owners[kept.owner]:
            self._leave(kept.owner)
            self._owners[owner] += 1
            kept.owner = owner

    def _make_room(self, position: int, owner: str, own_id: bytes) -> bool:
        own = int.from_bytes(own_id, "big")
        loser, most = self._owners.most_common(1)[0]
        if self._owners[owner] >= most:
            loser = owner
        is_rivalry = loser == owner or most == 1  # else any newcomer is worth more
        candidates = [
            (kept.position ^ own, target)
            for target, kept in self._kept.items()
            if kept.owner == loser or (most == 1 and loser != owner)
        ]
        far, target = max(candidates)
        if is_rivalry and far <= position ^ own:
            return False
        self._drop(target)
        return True

    def _drop(self, target: bytes) -> None:
        self._leave(self._kept.pop(target).owner)

    def _leave(self, owner: str) -> None:
        self._owners[owner] -= 1
        if not self._owners[owner]:
            del self._owners[owner]


def _may_follow(item: Item, kept: Item) -> bool:
    """True for what is newer, and for the same again, which renews it."""
    return item.seq > kept.seq or (item.seq == kept.seq and item.value == kept.value)
