"""`fernruf exchange`: an exchange with no telephone, which is also a node of the directory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from firmware.commands.arguments import (
    add_verbosity,
    endpoint,
    host_and_port,
    seconds,
    set_up_logging,
)
from firmware.overlay.dht.acquaintances import NODES_FILE, decode_nodes
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.shell.memory import give_back
from firmware.shell.shell import Shell
from firmware.shell.state import StateDir
from firmware.shell.tunnel.certificate import server_context
from firmware.shell.tunnel.server import TunnelServer

DRAIN_S = 20.0  # from the farewell to the end: a box may have to ask all swarms of exchanges
LOOK_S = 0.1
ANSWERS_PER_S = 4_000.0  # a server has more to give than a box: all its boxes in ten seconds


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "exchange",
        help="run an exchange with no telephone",
        description="Run a node of the directory that rings boxes behind routers, and carries "
        "their calls until they have found a direct way. It can hear none of them.",
    )
    parser.add_argument(
        "--bind", type=endpoint, required=True, metavar="ADDRESS:PORT",
        help="its UDP port, such as 0.0.0.0:6881",
    )  # fmt: skip
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR",
        help="where it keeps its key and whom it knows",
    )  # fmt: skip
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", default=[], metavar="HOST:PORT",
        help="a node of the network to ask first; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--drain",
        type=seconds,
        default=DRAIN_S,
        metavar="SECONDS",
        help="how long to serve on after SIGTERM, while boxes look for another exchange; "
        "default: %(default)g",
    )
    parser.add_argument(
        "--tls",
        type=endpoint,
        metavar="ADDRESS:PORT",
        help="a TCP port, best 443, for boxes whose networks block UDP",
    )
    parser.add_argument(
        "--kernel-relay",
        type=Path,
        metavar="SOCKET",
        help="of the program fernruf-kernel-relay, if it runs",
    )
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    set_up_logging(arguments.verbose)
    state = StateDir(arguments.state)
    with state.locked(), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments, state))
    return 0


async def serve(arguments: argparse.Namespace, state: StateDir) -> None:
    """Open the sockets, say where, and serve; on a signal take leave of the boxes first."""
    known = state.restore(NODES_FILE, decode_nodes)
    node = Node(
        tuple(arguments.bootstrap),
        os.urandom,
        known=known,
        saves=True,
        answers_per_s=ANSWERS_PER_S,
    )
    identity = state.load_identity().identity
    exchange = Exchange(identity, node, os.urandom, Limits.of_a_server())
    exchange.publish(asyncio.get_running_loop().time())
    directory = Directory(node, os.urandom, exchange=exchange)
    shell = Shell(directory, state=state, kernel_relay=arguments.kernel_relay)
    local = await shell.open(arguments.bind)
    sys.stdout.write(f"listening on {local}\n")
    tunnels = None
    if arguments.tls is not None:
        tunnels = TunnelServer(local)
        at = tunnels.open(arguments.tls, server_context())
        exchange.tls_port = at.port
        sys.stdout.write(f"tunnels at {at}\n")
    sys.stdout.flush()
    give_back()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shell.run(), name="shell")
        lending = tasks.create_task(tunnels.run(), name="tunnels") if tunnels else None
        await stop.wait()
        shell.post(directory.drain)
        for _ in range(int(arguments.drain / LOOK_S)):  # who needs longer is cut off
            await asyncio.sleep(LOOK_S)
            helping = exchange.helping()
            if not helping.registrations and not helping.channels:
                break
        running.cancel()
        if lending is not None:
            lending.cancel()
