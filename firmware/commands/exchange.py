"""`fernruf exchange`: an exchange with no telephone, which is also a node of the directory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
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


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser("exchange", help="an exchange with no telephone")
    parser.add_argument("--bind", type=endpoint, required=True, metavar="ADDR:PORT")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", default=[], metavar="HOST:PORT"
    )
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    set_up_logging(arguments.verbose)
    state = StateDir(arguments.state)
    with state.locked(), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.bind, tuple(arguments.bootstrap), state))
    return 0


async def serve(bind: Endpoint, bootstrap: tuple[str, ...], state: StateDir) -> None:
    """Open the socket, say where, and run the node."""
    known = state.restore(NODES_FILE, decode_nodes)
    node = Node(bootstrap, os.urandom, known=known, saves=True)
    identity = state.load_identity().identity
    exchange = Exchange(identity, node, os.urandom, Limits.of_a_server())
    shell = Shell(Directory(node, os.urandom, exchange=exchange), state=state)
    local = await shell.open(bind)
    sys.stdout.write(f"listening on {local}\n")
    sys.stdout.flush()
    await shell.run()
