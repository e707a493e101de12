"""Memory: tells the C library to give back at once what a memory-hard hash has used.

Without this each worker thread keeps the 19 MiB of its last hash, and an arena of its own besides.
Knows no hash. Where the C library is not glibc nothing happens.
Source: mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import gc

MMAP_THRESHOLD_BYTES = 1 << 20  # what is larger is mapped alone, and unmapped when it is freed
ARENAS_MAX = 1  # Python's threads allocate one after the other anyway
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h


def be_thrifty() -> bool:
    """To be called before the first thread starts; False if this C library cannot."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES), (_M_ARENA_MAX, ARENAS_MAX))
    return all(mallopt(*setting) == 1 for setting in settings)


def give_back() -> None:
    """After the start: what only the start needed goes back to the system."""
    gc.collect()
    gc.freeze()  # what lives now lives for long: no need to look at it again
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return
