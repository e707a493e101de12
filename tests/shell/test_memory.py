"""What goes back to the system, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

from firmware.shell.memory import unchanged_files

SCRIPT = """
import threading
from firmware.shell.memory import be_thrifty, give_back
assert be_thrifty()
from firmware.shell.jobs import Argon2Cost, compute_argon2

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

before = resident_mb()
for _ in range(3):
    threads = [threading.Thread(target=compute_argon2, args=(b"x" * 8, b"y" * 16, Argon2Cost()))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
give_back()
print(resident_mb() - before)
"""


def grown_mb() -> float:
    command = [sys.executable, "-c", SCRIPT]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def test_memory_of_the_hash_goes_back_to_the_system() -> None:
    assert grown_mb() < 4.0


LIBRARIES = """
import numpy, cryptography.hazmat.primitives.hashes as hashes
from firmware.shell.memory import let_go_of_files

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

def work():
    digest = hashes.Hash(hashes.SHA256())
    digest.update(numpy.arange(100).tobytes())
    return digest.finalize()

before, done = resident_mb(), work()
assert let_go_of_files() > 10
print(before - resident_mb())
assert work() == done
"""


def test_libraries_that_nobody_uses_leave_the_memory_and_return_when_they_are_used() -> None:
    command = [sys.executable, "-c", LIBRARIES]
    less_mb = float(subprocess.run(command, capture_output=True, check=True).stdout)
    assert less_mb > 5.0


def test_only_what_is_as_in_its_file_and_cannot_be_written_is_let_go() -> None:
    def mapping(begin: str, rights: str, path: str, anonymous_kb: int) -> list[str]:
        lines = [f"{begin}000-{begin}fff {rights} 00000000 fe:00 1234   {path}", "Size: 4 kB"]
        return [*lines, f"Anonymous: {anonymous_kb} kB", "Swap: 0 kB", "VmFlags: rd mr mw me"]

    smaps = [
        *mapping("1", "r-xp", "/usr/lib/libc.so.6", 0),
        *mapping("2", "r--p", "/usr/lib/libc.so.6", 4),  # relocated
        *mapping("3", "rw-p", "/usr/lib/libc.so.6", 0),
        *mapping("4", "r--s", "/var/lib/shared", 0),
        *mapping("5", "r-xp", "[vdso]", 0),
        *mapping("6", "r--p", "/usr/lib/locale with space", 0),
        "7000-7fff rw-p 00000000 00:00 0",
        "VmFlags: rd",
    ]
    assert list(unchanged_files(smaps)) == [(0x1000, 0x1FFF), (0x6000, 0x6FFF)]
