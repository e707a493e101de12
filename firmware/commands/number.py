"""`fernruf number`: makes the identity if there is none; prints number and key as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from firmware import events
from firmware.events import Message
from firmware.identity import IdentityFile
from firmware.overlay.claim import Claim
from firmware.shell.jobs import Argon2Cost, compute_argon2, prove_number
from firmware.shell.state import StateDir


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "number",
        help="make or show the number of a box",
        description="Print number and public key of a box as a JSON object. If there is no number "
        "yet it is made, which takes some 20 seconds of one core.",
    )
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="where the box keeps its state"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search the number if it is not known yet; print one JSON object."""
    state = StateDir(arguments.state)
    identity_file = state.load_identity()
    if identity_file.modifier is None:
        search(state, identity_file)
        identity_file = state.load_identity()
    content = {
        "number": prove_number(identity_file, Argon2Cost(), str(state.path)),
        "public_key": identity_file.identity.public_key.hex(),
    }
    sys.stdout.write(json.dumps(content) + "\n")
    return 0


def _show_progress(tried: int, expected: int) -> None:
    """One line that changes in a terminal; a line now and then in a file."""
    text = f"making a number: {tried} hashes of about {expected}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text} ")
    elif tried % 100 == 0:
        sys.stderr.write(f"{text}\n")


def search(state: StateDir, identity_file: IdentityFile) -> None:
    """Run the claim core without a network: here nobody can be asked if the number is taken."""
    claim = Claim(identity_file.identity, "")
    waiting: list[Message] = claim.handle(events.Started(), 0.0)
    while waiting:
        match waiting.pop(0):
            case events.ComputeArgon2(secret=secret, salt=salt):
                answer: Message = compute_argon2(secret, salt, Argon2Cost())
            case events.ResolveNumber(number=found):
                answer = events.NumberUnresolved(found)
            case events.StoreState(name=name, data=data):
                return state.write(name, data)
            case events.ClaimProgressed(tried=tried, expected=expected):
                _show_progress(tried, expected)
                continue
            case _:
                continue
        waiting.extend(claim.handle(answer, 0.0))
    raise AssertionError("the search ended without a number")
