"""`fernruf demo`: two simulated boxes call each other on this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from firmware.commands.arguments import seed_number
from firmware.demo.seed import DEFAULT_SEED
from firmware.demo.stage import Demo
from firmware.errors import CommandError
from firmware.model import Codec


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "demo",
        help="two simulated boxes make a call",
        description="Two simulated boxes on this computer make a call. What was heard, shown and "
        "measured is left in a folder.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="where it is left; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=seed_number,
        default=DEFAULT_SEED,
        metavar="N",
        help="whose telephones: another seed, other numbers; default: %(default)s",
    )
    parser.add_argument(
        "--codec",
        choices=[codec.value for codec in Codec],
        default=Codec.OPUS.value,
        help="how speech is coded; default: %(default)s",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play the call and leave its recordings."""
    asyncio.run(_run(Demo(arguments.out, arguments.seed, Codec(arguments.codec))))
    return 0


async def _run(demo: Demo) -> None:
    """A SIGTERM stops the demo as Ctrl-C does: no box is left behind."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    try:
        await demo.run(sys.stdout)
    except asyncio.CancelledError:
        raise CommandError("the demo was stopped") from None
