"""The process whose power is cut: a store that saves one record after the other, as fast as it can.

Run with power_cut.c preloaded. For each line of standard input, a seed, it forks a writer, says its
process id, then each record that was confirmed, and when the writer is gone.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from firmware.events import Fact
from firmware.events.store import Kind, RecordSaved, SaveFailed, SaveRecord
from firmware.identity import Identity
from firmware.store.keeper import Store
from firmware.store.sealing import Sealer

IDENTITY = Identity(bytes(range(32)), bytes(range(32, 64)))
AHEAD_MAX = 40  # saves that wait for their confirmation
# How often each kind is saved, and under how many keys.
SHARES = {
    Kind.CONTACT: (40, 40),
    Kind.CALL: (28, 40),
    Kind.SOUND: (2, 3),
    Kind.SLIP: (10, 40),
    Kind.MESSAGE: (7, 20),
    Kind.OUTGOING: (6, 12),
    Kind.PIN: (7, 40),
}


def saves(seed: int) -> Iterator[SaveRecord]:
    """What the writer of this seed saves, without an end."""
    dice = random.Random(seed)
    while True:
        kind = dice.choices(list(SHARES), [often for often, _ in SHARES.values()])[0]
        size = dice.randrange(30_000) if kind is Kind.SOUND else dice.randrange(300)
        key = f"{kind}{dice.randrange(SHARES[kind][1])}"
        yield SaveRecord(kind, key, None if dice.random() < 0.1 else dice.randbytes(size))


def write(folder: Path, seed: int) -> None:
    """Save until killed; each confirmation is one line."""
    waiting = 0

    def tell(fact: Fact) -> None:
        nonlocal waiting
        assert not isinstance(fact, SaveFailed), fact
        if isinstance(fact, RecordSaved):
            os.write(1, b"saved\n")
            waiting -= 1

    dice = random.Random(seed)
    store = Store(folder, Sealer(IDENTITY, dice.randbytes), tell, dice.uniform(0.0, 0.05))
    store.open()
    for save in saves(seed):
        while waiting >= AHEAD_MAX:
            time.sleep(0.0002)
        waiting += 1
        store.perform(save)


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            write(folder, int(line))
        os.write(1, f"writer {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    main()
