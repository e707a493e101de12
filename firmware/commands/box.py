"""`fernruf box`: one box in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from pathlib import Path

from firmware.box import Box
from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.config import Config, parse_config
from firmware.errors import CommandError, ConfigError
from firmware.handset import Handset, parse_handset
from firmware.preferences import Places
from firmware.shell.memory import give_back
from firmware.shell.service import Service
from firmware.shell.state import StateDir
from firmware.web.access import Access

logger = logging.getLogger(__name__)


class Ending(Enum):
    """Why a box does not go on."""

    STOPPED = auto()  # by a signal
    SWITCHED_OFF = auto()  # by the shutdown key
    CHANGED = auto()  # another identity or configuration lies there: it begins anew at once


SWITCH_OFF = "off"  # beside the control socket: fernruf.service looks for it when the box has ended


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "box",
        help="run one box in the foreground",
        description="Run one box, real or simulated, until Ctrl-C. It hangs up before it ends.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="its box.toml")
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR",
        help="where it keeps its key, its number and all that outlives a power cut",
    )  # fmt: skip
    parser.add_argument(
        "--control", type=Path, metavar="SOCKET", help="where `fernruf ctl` finds it"
    )
    parser.add_argument(
        "--notices", type=Path, metavar="DIR",
        help="files of other programs in there are shown on the display",
    )  # fmt: skip
    parser.add_argument(
        "--wishes", type=Path, metavar="DIR",
        help="where it leaves what only root may do, such as joining another wireless network",
    )  # fmt: skip
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the configuration and serve until SIGINT or SIGTERM."""
    set_up_logging(arguments.verbose)
    read_configuration(arguments.config)  # before anything is made
    if arguments.notices is not None and not arguments.notices.is_dir():
        logger.warning("no notices are shown as long as %s is no folder", arguments.notices)
    state, places = StateDir(arguments.state), Places(arguments.wishes, arguments.notices)
    visitors, ending = Access(os.urandom), Ending.CHANGED
    with state.locked():
        while ending is Ending.CHANGED:
            config, handset = read_configuration(arguments.config)
            box = partial(Box, config, handset, state, arguments.control, places, visitors)
            ending = asyncio.run(serve(box))
    if ending is Ending.SWITCHED_OFF and arguments.control:
        ask_to_switch_off(arguments.control)
    return 0


def ask_to_switch_off(control: Path) -> None:
    """Whoever started the box may switch off the machine; the box itself may not."""
    try:
        control.with_name(SWITCH_OFF).touch()
    except OSError as error:
        raise CommandError(f"cannot ask to be switched off: {error.strerror}") from None


def read_configuration(path: Path) -> tuple[Config, Handset]:
    """The configuration and the handset file it names (relative to itself)."""
    config = parse_config(_read(path), str(path))
    if not config.hardware.handset:
        return config, Handset()
    handset_path = path.parent / config.hardware.handset
    return config, parse_handset(_read(handset_path), str(handset_path))


async def serve(
    make_box: Callable[[], Box], greet: Callable[[Box], None] = lambda _box: None
) -> Ending:
    """Run the box; on a signal, the shutdown key or a change hang up first.

    `greet` is called as soon as its sockets are open.
    """
    box = make_box()
    await box.open()
    greet(box)
    give_back()
    service = Service()
    service.ready()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(box.run(), name="box")
        living = tasks.create_task(service.live(), name="watchdog")
        await first_of(stop, box.switched_off, box.changed)
        service.stopping()
        living.cancel()
        await box.hang_up()
        running.cancel()
    if stop.is_set():
        return Ending.STOPPED
    if box.switched_off.is_set():
        return Ending.SWITCHED_OFF
    await box.close_page()  # its port is wanted again
    return Ending.CHANGED


async def first_of(*happenings: asyncio.Event) -> None:
    """Wait until one of them has happened."""
    waiting = [asyncio.ensure_future(happening.wait()) for happening in happenings]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: {reason}") from None
