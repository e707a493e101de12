"""Nodes of the directory, many in one process: `python -m tests.lab.nodes PORT ADDRESS...`.

The first is whom the others ask at their start. Prints a line when all are open.
"""

from __future__ import annotations

import asyncio
import os
import sys

from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

JOIN_INTERVAL_S = 0.02  # so that each finds those that came before


async def serve(port: int, addresses: list[str]) -> None:
    """One node at each address, until killed."""
    first = f"{addresses[0]}:{port}"
    shells = [
        Shell(Node((first,) if address != addresses[0] else (), os.urandom))
        for address in addresses
    ]
    for shell, address in zip(shells, addresses, strict=True):
        await shell.open(Endpoint(address, port))
    print("open", flush=True)  # noqa: T201
    async with asyncio.TaskGroup() as tasks:
        for shell in shells:
            tasks.create_task(shell.run())
            await asyncio.sleep(JOIN_INTERVAL_S)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2:]))
