"""What a bare node of the directory loads: a hundred of them fit where one telephone runs."""

from __future__ import annotations

import subprocess
import sys

LARGE = ("numpy", "cryptography", "PIL", "noise", "argon2", "sqlite3", "zeroconf", "miniupnpc")
TWO_NODES_MEET = """
import asyncio, os, sys
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

async def main():
    first = Shell(Node((), os.urandom))
    address = await first.open(Endpoint("127.0.0.1", 0))
    second = Shell(Node((str(address),), os.urandom))
    await second.open(Endpoint("127.0.0.1", 0))
    running = [asyncio.create_task(shell.run()) for shell in (first, second)]
    while not second.core.is_ready:
        await asyncio.sleep(0)
    for task in running:
        task.cancel()
    await asyncio.wait(running)

asyncio.run(main())
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_a_node_that_has_met_another_has_loaded_nothing_large() -> None:
    command = [sys.executable, "-c", TWO_NODES_MEET, *LARGE]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == []
