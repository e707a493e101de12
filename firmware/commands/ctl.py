"""`fernruf ctl`: the hand outside a simulated box, and the status of any box."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from firmware.commands.arguments import positive_seconds
from firmware.model import CallState
from firmware.shell.control import Answer, ControlClient

KEYS = "0123456789*#ABCD"
WAIT_TIMEOUT_S = 60.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = subparsers.add_parser("ctl", help="handle a box that runs with --control")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCKET")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("lift", help="take the handset up")
    verbs.add_parser("replace", help="put the handset down")
    press = verbs.add_parser("press", help="press keys, one after the other")
    press.add_argument("digits", type=_keys, metavar="DIGITS")
    verbs.add_parser("flash", help="tap the hook")
    verbs.add_parser("status", help="print one JSON object")
    verbs.add_parser("screen", help="print what the OLED shows")
    wait = verbs.add_parser("wait", help="wait for a state of the call; exit 1 on time-out")
    wait.add_argument("state", choices=[state.value for state in CallState], metavar="STATE")
    wait.add_argument("--timeout", type=positive_seconds, default=WAIT_TIMEOUT_S, metavar="S")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send one request and print what comes back."""
    answer = asyncio.run(_ask(arguments))
    if arguments.verb == "status":
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    elif arguments.verb == "screen":
        sys.stdout.write("\n".join(answer["lines"]) + "\n")
    return 0


async def _ask(arguments: argparse.Namespace) -> Answer:
    details = {
        "press": lambda: {"digits": arguments.digits},
        "wait": lambda: {"state": arguments.state, "timeout_s": arguments.timeout},
    }
    more = details.get(arguments.verb, dict)()
    async with ControlClient.open(arguments.control) as client:
        return await client.request(arguments.verb, **more)


def _keys(text: str) -> str:
    digits = text.replace(" ", "").upper()
    if not digits or any(key not in KEYS for key in digits):
        raise argparse.ArgumentTypeError(f"keys are {KEYS}")
    return digits
