"""`fernruf set-clock`: sets the clock to what exchanges agree on, if no time server can be reached.

Run by systemd, which alone may do that, when the box has written what it has heard. A time before
this version was made, or twenty years later, is no time; and a time server is believed rather.
Units: `_s` seconds, `_utc_s` Unix time. Source: systemd-timesyncd(8) on its `synchronized` file.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.errors import CommandError

logger = logging.getLogger(__name__)

HEARD_BYTES_MAX = 256
LIFE_S = 20 * 365 * 86_400.0  # of a version
HEARD_S_MAX = 600.0  # since it was written


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "set-clock",
        help="set the clock as the exchanges say (systemd runs it)",
        description="Set the clock to what the exchanges say, unless a time server has set it.",
    )
    parser.add_argument(
        "heard", type=Path, metavar="FILE", help="the clock.json that the box has written"
    )
    parser.add_argument(
        "--epoch",
        type=Path,
        default=Path("/usr/lib/clock-epoch"),
        metavar="FILE",
        help="no time before it was changed is believed; default: %(default)s",
    )
    parser.add_argument(
        "--synchronized",
        type=Path,
        default=Path("/run/systemd/timesync/synchronized"),
        metavar="FILE",
        help="it is there if a time server has set the clock; default: %(default)s",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Set the clock, or say why not."""
    set_up_logging(arguments.verbose)
    if arguments.synchronized.exists():
        logger.info("a time server has set the clock")
        return 0
    utc_s = now_utc_s(arguments.heard, earliest_s=_changed_s(arguments.epoch))
    logger.warning("the clock is set to Unix time %d, as exchanges say", utc_s)
    if not arguments.dry_run:
        try:
            time.clock_settime(time.CLOCK_REALTIME, utc_s)
        except OSError as error:
            raise CommandError(f"cannot set the clock: {error.strerror}") from None
    return 0


def now_utc_s(heard: Path, earliest_s: float) -> float:
    """What is written there, plus the time since; CommandError if it cannot be the time."""
    try:
        with heard.open("rb") as file:
            utc_s = json.loads(file.read(HEARD_BYTES_MAX))["utc_s"]
    except (OSError, ValueError, TypeError, KeyError):
        raise CommandError(f"{heard}: says no time") from None
    if not isinstance(utc_s, int) or isinstance(utc_s, bool):
        raise CommandError(f"{heard}: says no time")
    since_s = time.time() - _changed_s(heard)  # the clock is wrong, but runs
    if not 0 <= since_s <= HEARD_S_MAX or not earliest_s <= utc_s <= earliest_s + LIFE_S:
        raise CommandError(f"{heard}: cannot be the time")
    return utc_s + since_s


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
