"""How often somebody may do something: token buckets, one for all or one for each.

Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict


class Bucket:
    """`burst` at once, then `per_s`."""

    def __init__(self, burst: float, per_s: float, now_s: float = 0.0) -> None:
        self._burst, self._per_s = burst, per_s
        self._left, self._since_s = burst, now_s

    def take(self, now_s: float) -> bool:
        """True if it may be done once more, now."""
        self._left = min(self._burst, self._left + (now_s - self._since_s) * self._per_s)
        self._since_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


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
        return bucket.take(now_s)
