"""A small directory for a bench, in a process of its own: `python -m bench.peers.nodes COUNT`."""

from __future__ import annotations

import asyncio
import os
import sys

from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

ANY_PORT = Endpoint("127.0.0.1", 0)


async def main(count: int) -> None:
    """Say where the first node listens, and run until killed."""
    bootstrap: tuple[str, ...] = ()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            shell = Shell(Node(bootstrap, os.urandom))
            address = await shell.open(ANY_PORT)
            if not bootstrap:
                bootstrap = (str(address),)
                print(f"listening on {address}", flush=True)
            tasks.create_task(shell.run())
            await asyncio.sleep(0.03)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
