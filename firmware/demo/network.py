"""The small network of the demo: bare DHT nodes on loopback, all in this process.

They are the same node and the same shell that a box has; each has a socket of its own.
"""

from __future__ import annotations

import asyncio

from firmware.demo.seed import seeded_bytes
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

NODES = 20
KNOWN_NODES = 3  # what a newcomer is told of; the others it finds by itself
JOIN_INTERVAL_S = 0.03  # so that each finds those that came before
ANY_PORT = Endpoint("127.0.0.1", 0)


class Network:
    """Open it, tell the boxes its `bootstrap`, and let it run until it is cancelled."""

    def __init__(self, seed: int) -> None:
        self.bootstrap: tuple[str, ...] = ()
        self._seed = seed
        self._shells: list[Shell] = []

    async def open(self) -> None:
        """Bind all sockets; raises HardwareError if that is not possible."""
        for index in range(NODES):
            random_bytes = seeded_bytes(self._seed, f"node {index}")
            shell = Shell(Node(self.bootstrap, random_bytes))
            address = await shell.open(ANY_PORT)
            self._shells.append(shell)
            if len(self.bootstrap) < KNOWN_NODES:
                self.bootstrap = (*self.bootstrap, str(address))

    async def run(self) -> None:
        """Be the network, one node after the other; an exception of a node comes out here."""
        async with asyncio.TaskGroup() as tasks:
            for index, shell in enumerate(self._shells):
                tasks.create_task(shell.run(), name=f"node {index}")
                await asyncio.sleep(JOIN_INTERVAL_S)
