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
VERBS = {
    "lift": "take the handset up",
    "replace": "put the handset down",
    "press": "press keys, one after the other",
    "flash": "tap the hook, as for a second call",
    "status": "print one JSON object",
    "screen": "print what the display shows",
    "wait": "wait for a state of the call; end with 1 if it does not come in time",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = subparsers.add_parser(
        "ctl",
        help="handle a box that runs with --control",
        description="Be the hand at a simulated box, or ask any box how it is.",
    )
    parser.add_argument(
        "--control", type=Path, required=True, metavar="SOCKET", help="the same as the box's"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, words in VERBS.items():
        verbs.add_parser(verb, help=words, description=f"{words[0].upper()}{words[1:]}.")
    press, wait = verbs.choices["press"], verbs.choices["wait"]
    press.add_argument(
        "digits",
        type=_keys,
        metavar="DIGITS",
        help="0 to 9, *, # and A to D; the shell wants quotes around * and #",
    )
    states = [state.value for state in CallState]
    wait.add_argument("state", choices=states, metavar="STATE", help=", ".join(states))
    wait.add_argument(
        "--timeout", type=positive_seconds, default=WAIT_TIMEOUT_S, metavar="S",
        help="seconds; default: %(default)g",
    )  # fmt: skip
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
