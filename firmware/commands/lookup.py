"""`fernruf lookup`: resolves a number and prints each candidate that was found."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict

from firmware import events
from firmware.commands.arguments import host_and_port, telephone_number
from firmware.errors import CommandError
from firmware.events import Message
from firmware.model import Endpoint
from firmware.number import display
from firmware.overlay.directory import Directory
from firmware.overlay.node import Node
from firmware.shell import Shell

TIMEOUT_S = 20.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser("lookup", help="find where a number can be reached")
    parser.add_argument("number", type=telephone_number, metavar="NUMBER")
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", required=True, metavar="ADDR:PORT"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Resolve, print, and end with 1 if nobody proved the number."""
    return asyncio.run(_look_up(arguments.number, tuple(arguments.bootstrap), arguments.json))


async def _look_up(number: str, bootstrap: tuple[str, ...], as_json: bool) -> int:
    ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def note(message: Message) -> None:
        if isinstance(message, events.NumberResolved | events.NumberUnresolved):
            ended.set_result(message)

    directory = Directory(Node(bootstrap, os.urandom, read_only=True), os.urandom)
    shell = Shell(directory, perform=note)
    await shell.open(Endpoint("0.0.0.0", 0))  # noqa: S104 - any interface may lead to the swarm
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shell.run(), name="shell")
        shell.post(partial(directory.handle, events.ResolveNumber(number)))
        outcome = await ended
        running.cancel()
    return 0
