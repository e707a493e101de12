"""Two boxes and an exchange over real sockets: nobody tells an address (*67)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.shell.shell import Shell
from tests.test_box import in_loop, running_box, until


@contextlib.asynccontextmanager
async def running_exchange() -> AsyncIterator[tuple[Endpoint, Exchange]]:
    """An exchange on loopback, which is the only node of the directory, too."""
    node = Node((), os.urandom)
    exchange = Exchange(Identity.generate(os.urandom(64)), node, os.urandom)
    shell = Shell(Directory(node, os.urandom, exchange=exchange))
    local = await shell.open(Endpoint("127.0.0.1", 0))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(shell.run())
        yield local, exchange
        task.cancel()


def test_two_boxes_talk_through_an_exchange_over_loopback(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_exchange() as (endpoint, exchange):
            more = f'mdns = false\ndirect = false\nexchanges = ["{endpoint}"]'
            async with (
                running_box(tmp_path, "anna", more, bootstrap=str(endpoint)) as anna,
                running_box(tmp_path, "bert", more, bootstrap=str(endpoint)) as bert,
            ):
                await until(anna, "reachable", True)
                status = await until(bert, "reachable", True)
                assert [one["endpoint"] for one in status["exchanges"]] == [str(endpoint)]
                async with asyncio.timeout(10):
                    while exchange.helping().announced < 2:
                        await anna.request("status")
                await anna.request("lift")
                await anna.request("press", digits="*67" + status["number"])
                await anna.request("wait", state="ringback", timeout_s=10)
                await bert.request("lift")
                await anna.request("wait", state="connected", timeout_s=10)
                assert exchange.helping().channels >= 1
                assert exchange.helping().bytes_relayed > 500  # of signalling at least
                await anna.request("replace")
                await bert.request("wait", state="failed", timeout_s=10)

    in_loop(story)
