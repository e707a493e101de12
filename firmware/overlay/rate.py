"""Token buckets: how much of our answering one address, and all of them together, may use up.

Knows no message. Units: `_s` monotonic seconds; one token = one answer.
"""

from __future__ import annotations

from collections import OrderedDict

ANSWERS_PER_S = 10.0  # per address; a lookup needs one or two of one node
ANSWERS_BURST = 50.0
ALL_ANSWERS_PER_S = 400.0  # about 100 kB/s: source addresses can be forged without end
ALL_ANSWERS_BURST = 800.0
ADDRESSES_MAX = 4096


class RateLimit:
    """At the limit of ADDRESSES_MAX the address heard longest ago is forgotten."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, as of _s
        self._all = (ALL_ANSWERS_BURST, 0.0)

    def allows(self, owner: str, now_s: float) -> bool:
        """Take one token of `owner` and of all; False if either has none."""
        tokens, since_s = self._buckets.pop(owner, (ANSWERS_BURST, now_s))
        tokens = min(ANSWERS_BURST, tokens + (now_s - since_s) * ANSWERS_PER_S)
        all_tokens = min(
            ALL_ANSWERS_BURST, self._all[0] + (now_s - self._all[1]) * ALL_ANSWERS_PER_S
        )
        allowed = tokens >= 1.0 and all_tokens >= 1.0
        spent = 1.0 if allowed else 0.0
        self._buckets[owner] = (tokens - spent, now_s)
        self._all = (all_tokens - spent, now_s)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        return allowed

    def __len__(self) -> int:
        return len(self._buckets)
