"""`fernruf exchange`: an exchange with no telephone, which is also a node of the directory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from firmware.commands.arguments import add_verbosity, endpoint, host_and_port, set_up_logging
from firmware.model import Endpoint
from firmware.overlay.dht.acquaintances import NODES_FILE, decode_nodes
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.shell import Shell
from firmware.state import StateDir

DRAIN_S = 10.0  # from the farewell to the end
LOOK_S = 0.1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser("exchange", help="an exchange with no telephone")
    parser.add_argument("--bind", type=endpoint, required=True, metavar="ADDR:PORT")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", default=[], metavar="HOST:PORT"
    )
    parser.add_argument(
        "--drain",
        type=float,
        default=DRAIN_S,
        metavar="SECONDS",
        help="how long to serve on after SIGTERM, while boxes look for another exchange",
    )
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    set_up_logging(arguments.verbose)
    state = StateDir(arguments.state)
    with state.locked(), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.bind, tuple(arguments.bootstrap), state, arguments.drain))
    return 0


async def serve(
    bind: Endpoint, bootstrap: tuple[str, ...], state: StateDir, drain_s: float = DRAIN_S
) -> None:
    """Open the socket, say where, and serve; on a signal take leave of the boxes first."""
    known = state.restore(NODES_FILE, decode_nodes)
    node = Node(bootstrap, os.urandom, known=known, saves=True)
    identity = state.load_identity().identity
    exchange = Exchange(identity, node, os.urandom, Limits.of_a_server())
    exchange.publish(asyncio.get_running_loop().time())
    directory = Directory(node, os.urandom, exchange=exchange)
    shell = Shell(directory, state=state)
    local = await shell.open(bind)
    sys.stdout.write(f"listening on {local}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shell.run(), name="shell")
        await stop.wait()
        shell.post(directory.drain)
        for _ in range(int(drain_s / LOOK_S)):  # who needs longer is cut off
            await asyncio.sleep(LOOK_S)
            helping = exchange.helping()
            if not helping.registrations and not helping.channels:
                break
        running.cancel()
