"""How much somebody may use up, or how often: token buckets, one for all or one for each.

Units: `_s` monotonic seconds; amounts in what the owner of the bucket counts.
"""

from __future__ import annotations

from collections import OrderedDict


class Bucket:
    """`burst` at once, `per_s` on average."""

    __slots__ = ("_burst", "_level", "_per_s", "_since_s")

    def __init__(self, burst: float, per_s: float, now_s: float = 0.0) -> None:
        self._burst, self._per_s = burst, per_s
        self._level, self._since_s = burst, now_s

    def take(self, amount: float, now_s: float) -> bool:
        """True if there was that much; else nothing is taken."""
        level = min(self._level + (now_s - self._since_s) * self._per_s, self._burst)
        self._since_s = now_s
        self._level = level - amount if level >= amount else level
        return level >= amount

    def charge(self, amount: float, now_s: float) -> None:
        """Take what has been used already, were it more than there was."""
        if not self.take(amount, now_s):
            self._level = max(self._level - amount, -self._burst)


class Buckets:
    """One for each key, `most` of them; who was heard of longest ago is forgotten first."""

    def __init__(self, burst: float, per_s: float, most: int) -> None:
        self._limits, self._most = (burst, per_s), most
        self._buckets: OrderedDict[bytes, Bucket] = OrderedDict()

    def take(self, key: bytes, now_s: float) -> bool:
        """True if `key` may do it once more, now."""
        bucket = self._buckets.setdefault(key, Bucket(*self._limits, now_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take(1.0, now_s)
