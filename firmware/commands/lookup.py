"""`fernruf lookup`: resolves a number and prints each candidate that was found."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from functools import partial
from typing import Any

from firmware import events
from firmware.commands.arguments import host_and_port, telephone_number
from firmware.commands.words import counted
from firmware.errors import CommandError
from firmware.events import Message
from firmware.model import Endpoint
from firmware.number import display
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.resolve import Way
from firmware.shell.lan import LocalNetwork
from firmware.shell.shell import Shell

ANY_ADDRESS = Endpoint("::", 0)  # whichever interface leads to the swarm
JOIN_TIMEOUT_S = 3.0
WAYS = {
    Way.CACHE: "the memory of earlier calls",
    Way.LAN: "the local network",
    Way.CARD: "the number's card",
    Way.SWARM: "the number's swarm",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "lookup",
        help="find where a number can be reached",
        description="Find where a number can be reached. Prints each address that was found, how, "
        "and whether its owner has proved the number; ends with 1 if nobody has.",
    )
    parser.add_argument("number", type=telephone_number, metavar="NUMBER", help="twelve digits")
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", required=True, metavar="HOST:PORT",
        help="a node of the network to ask first; may be given several times",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Resolve, print, and end with 1 if nobody proved the number."""
    found = asyncio.run(look_up(arguments.number, tuple(arguments.bootstrap)))
    sys.stdout.write((json.dumps(found, indent=2) if arguments.json else _in_words(found)) + "\n")
    if found["verified"]:
        return 0
    if found["conflict"]:
        reason = "two different keys prove this number"
    elif not found["nodes"]:
        reason = f"no node of the network answered at {', '.join(arguments.bootstrap)}"
    else:
        reason = "nobody proved this number"
    raise CommandError(reason)


async def look_up(
    number: str, bootstrap: tuple[str, ...], bind: Endpoint = ANY_ADDRESS
) -> dict[str, Any]:
    """Join the swarm as a node that only asks, and resolve `number` there and on the LAN."""
    ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    joined = asyncio.Event()

    def note(message: Message) -> None:
        if isinstance(message, events.NumberResolved | events.NumberUnresolved):
            ended.set_result(message)
        elif isinstance(message, events.ReachabilityChanged) and message.nodes:
            joined.set()

    directory = Directory(Node(bootstrap, os.urandom, read_only=True), os.urandom)
    shell = Shell(directory, perform=note)
    local = await shell.open(bind)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shell.run(), name="shell")
        listening = tasks.create_task(LocalNetwork(shell.tell).run(local), name="local network")
        with contextlib.suppress(TimeoutError):  # so that the lookup is measured, not the start
            await asyncio.wait_for(joined.wait(), JOIN_TIMEOUT_S)
        shell.post(partial(directory.handle, events.ResolveNumber(number)))
        outcome = await ended
        running.cancel()
        listening.cancel()
    return _as_json(number, outcome, directory, nodes=directory.nodes)


def _as_json(number: str, outcome: Message, directory: Directory, nodes: int) -> dict[str, Any]:
    trace = directory.trace
    assert trace is not None
    return {
        "number": number,
        "verified": isinstance(outcome, events.NumberResolved),
        "conflict": isinstance(outcome, events.NumberUnresolved) and outcome.conflict,
        "nodes": nodes,
        "time_ms": round(trace.time_s * 1000, 1),
        "hops": trace.hops,
        "messages": trace.messages,
        "candidates": [
            {
                "endpoint": str(candidate.endpoint),
                "verified": candidate.verified,
                "way": candidate.way,
                "time_ms": round(candidate.time_s * 1000, 1),
            }
            for candidate in trace.candidates
        ],
        "path": [
            {
                "endpoint": str(hop.endpoint),
                "shared_bits": hop.shared_bits,
                "rtt_ms": None if hop.rtt_s is None else round(hop.rtt_s * 1000, 1),
                "time_ms": round(hop.answered_s * 1000, 1),
            }
            for hop in trace.path
        ],
    }


def _in_words(found: dict[str, Any]) -> str:
    counts = f"{counted(found['hops'], 'hop')}, {counted(found['messages'], 'message')}"
    cost = f"{found['time_ms']:.0f} ms, {counts}"
    lines = [f"{display(found['number'])}: {cost}"]
    for candidate in found["candidates"]:
        word = "verified" if candidate["verified"] else "not verified"
        found_in = f"in {WAYS[candidate['way']]} after {candidate['time_ms']:.0f} ms"
        lines.append(f"  {candidate['endpoint']}  found {found_in}, {word}")
    return "\n".join(lines)
