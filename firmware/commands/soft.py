"""`fernruf soft`: a telephone in the browser of this computer, and a real box in the network.

Everything it needs stands in its state directory: the identity, and a box.toml that is written at
the first start and belongs to the owner from then on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from firmware.box import Box
from firmware.commands.arguments import add_verbosity, host_and_port, port_number, set_up_logging
from firmware.commands.box import Ending, read_configuration, serve
from firmware.errors import CommandError
from firmware.shell.state import StateDir
from firmware.web.access import Access

BOX_FILE = "box.toml"
HANDSET_FILE = "handset.toml"
PAGE_PORT = 8080
GRAPHICAL = ("DISPLAY", "WAYLAND_DISPLAY")  # without these a browser would take the terminal
HANDSET = """\
# The browser cancels the echo of its own loudspeaker.
[audio]
echo = "off"
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "soft",
        help="run a telephone in the browser of this computer",
        description="Run a box whose handset is a page in the browser of this computer, until "
        "Ctrl-C. What is marked as for the first start is in its box.toml from then on.",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=default_state(os.environ, Path.home()),
        metavar="DIR",
        help="where it keeps its state and its box.toml; default: %(default)s",
    )
    parser.add_argument("--name", default="", help="shown to those you call; for the first start")
    parser.add_argument(
        "--port",
        type=port_number,
        default=PAGE_PORT,
        help="of the page, 0 = a free one; for the first start; default: %(default)s",
    )
    parser.add_argument(
        "--bootstrap", type=host_and_port, action="append", default=[], metavar="HOST:PORT",
        help="a node of a network of your own; for the first start",
    )  # fmt: skip
    parser.add_argument(
        "--control", type=Path, metavar="SOCKET", help="where `fernruf ctl` finds it"
    )
    parser.add_argument("--no-open", action="store_true", help="only print its address")
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the box, show its page, serve until interrupted."""
    set_up_logging(arguments.verbose)
    state = StateDir(arguments.state)
    with state.locked():
        if state.read(BOX_FILE) is None:
            first = configuration(arguments.name, arguments.port, tuple(arguments.bootstrap))
            state.write(HANDSET_FILE, HANDSET.encode())
            state.write(BOX_FILE, first.encode())
        greet = partial(show, is_opened=not arguments.no_open)
        visitors, ending = Access(os.urandom), Ending.CHANGED
        while ending is Ending.CHANGED:
            config, handset = read_configuration(state.path / BOX_FILE)
            if not config.web.bind:
                raise CommandError(
                    f"{config.source}: [web] bind: a telephone in the browser needs it"
                )
            box = partial(Box, config, handset, state, arguments.control, None, visitors)
            ending = asyncio.run(serve(box, greet))
            greet = partial(show, is_opened=False)
    return 0


def default_state(environment: Mapping[str, str], home: Path) -> Path:
    """Where the telephone of a user is kept (XDG Base Directory Specification)."""
    data = environment.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else home / ".local" / "share"
    return base / "fernruf"


def configuration(name: str, port: int, bootstrap: tuple[str, ...]) -> str:
    """The box.toml of the first start."""
    return f"""\
# A telephone in the browser; made by `fernruf soft`, yours to change.
[identity]
name = {json.dumps(name, ensure_ascii=False)}

[network]
bind = "[::]:6881"
bootstrap = {json.dumps(bootstrap)}
public_routers = {"false" if bootstrap else "true"}

[hardware]
kind = "simulated"
handset = "{HANDSET_FILE}"

[audio]
capture = "browser"
playback = "browser"

[web]
bind = "127.0.0.1:{port}"
"""


def show(box: Box, *, is_opened: bool) -> None:
    """Print the address and open it; the code of a later visit is printed, too."""
    address = box.invite()
    assert address is not None
    box.tell_code = lambda code: _say(f"the code for the page: {code}")
    _say(f"your telephone is at {address}")
    _say("(this address is good for one visit; Ctrl-C stops the telephone)")
    if is_opened and any(os.environ.get(name) for name in GRAPHICAL):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
