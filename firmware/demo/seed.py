"""Random bytes that a seed repeats: the same seed, the same telephones and the same network.

For the demo only: whoever knows the seed knows these keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

DEFAULT_SEED = 195  # one whose two numbers are found soon; the hashes are computed all the same


def seeded_bytes(seed: int, purpose: str) -> Callable[[int], bytes]:
    """An endless stream of bytes for one purpose; each call continues it."""
    head = f"fernruf demo {seed} {purpose} ".encode()
    calls = 0

    def random_bytes(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(head + str(calls).encode()).digest(count)

    return random_bytes
