"""Jobs that block: what they leave behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware.shell.jobs import Argon2Cost, compute_argon2

STATM = Path("/proc/self/statm")
PAGE_BYTES = 4096
HASHES = 8


@pytest.mark.skipif(not STATM.exists(), reason="no /proc here")
def test_memory_of_a_hash_is_given_back() -> None:
    cost = Argon2Cost()
    before = int(STATM.read_text().split()[1])
    with ThreadPoolExecutor(2) as workers:
        for _ in workers.map(
            lambda n: compute_argon2(b"key", b"salt %08d" % n, cost), range(HASHES)
        ):
            pass
        kept = (int(STATM.read_text().split()[1]) - before) * PAGE_BYTES
    assert kept < cost.memory_kib * 1024 / 2
