"""Memory: what is used once or seldom goes back to the system.

A memory-hard hash: without this each worker thread keeps the 19 MiB of its last one, and an arena
of its own besides. Libraries: half of what a start reads of their files is not needed to wait for a
call; it stays in the page cache for as long as nothing else needs the space, and comes back by
itself, 64 KiB at a time, where it is used. Knows no hash. Where the C library is not glibc, or the
system not Linux, nothing happens.
Source: mallopt(3), malloc_trim(3), madvise(2), proc(5).
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable, Iterator
from pathlib import Path

MMAP_THRESHOLD_BYTES = 1 << 20  # what is larger is mapped alone, and unmapped when it is freed
ARENAS_MAX = 1  # Python's threads allocate one after the other anyway
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_MADV_DONTNEED = 4  # mman.h
_CHANGED = ("Anonymous", "Swap")  # lines of smaps: pages that the file does not hold


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


def let_go_of_files() -> int:
    """Unmap what of the files of libraries is in memory and unchanged; how many pieces.

    What was freed meanwhile goes back as well.

    Takes some ten milliseconds, most of it outside of Python.
    """
    try:
        libc = ctypes.CDLL(None)
        libc.malloc_trim(0)
        with Path("/proc/self/smaps").open(encoding="ascii", errors="replace") as lines:
            ranges = list(unchanged_files(lines))
    except (OSError, AttributeError):
        return 0
    for begin, end in ranges:
        libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)
    return len(ranges)


def unchanged_files(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of each mapping of a file that is not writable, and as the file has it."""
    begin = end = 0
    is_file = False
    for line in smaps:
        words = line.split()
        if not words[0].endswith(":"):  # a new mapping: range, rights, offset, device, inode, path
            begin, end = (int(address, 16) for address in words[0].split("-"))
            is_file = words[1][1:] in ("-xp", "--p") and len(words) > 5 and words[5][0] == "/"
        elif words[0][:-1] in _CHANGED and words[1] != "0":
            is_file = False
        elif words[0] == "VmFlags:" and is_file:  # the last line
            yield begin, end
