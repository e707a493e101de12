"""What the C library gives back, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

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
