"""What the C library gives back, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import threading
from firmware.memory import be_thrifty, give_back
thrifty = be_thrifty() if {thrifty} else None
from firmware.jobs import Argon2Cost, compute_argon2

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
if thrifty:
    give_back()
print(resident_mb() - before)
"""


def grown_mb(*, thrifty: bool) -> float:
    command = [sys.executable, "-c", SCRIPT.format(thrifty=thrifty)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def test_memory_of_the_hash_goes_back_to_the_system() -> None:
    assert grown_mb(thrifty=True) < 4.0


def test_memory_of_the_hash_would_stay_without_it() -> None:
    assert grown_mb(thrifty=False) > 10.0
