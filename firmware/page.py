"""The page of a box: the web server opened with all it needs of the box.

The server's modules are imported when a page is wanted: they take a fifth of a second and memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from firmware.config import WebSettings
from firmware.drivers.sim.browser import BrowserCard
from firmware.errors import HardwareError
from firmware.identity import IdentityFile
from firmware.model import Endpoint
from firmware.shell.control import Handler
from firmware.shell.lan import PAGE_NAMES
from firmware.shell.state import IDENTITY, StateDir
from firmware.web.access import Access

if TYPE_CHECKING:
    from firmware.web.server import WebServer

FORMER_IDENTITY = "identity.json.former"  # the one before the last restore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page that listens."""

    server: WebServer
    at: Endpoint

    def invite(self) -> str:
        """Its address, good for one visit without the code."""
        return f"http://{self.at}/#invitation={self.server.invite()}"


async def open_page(
    settings: WebSettings,
    handlers: Mapping[str, Handler],
    state: StateDir,
    visitors: Access,
    show_code: Callable[[str], None],
    card: BrowserCard | None,
    restored: Callable[[], None],
) -> OpenPage | None:
    """None if none is wanted; `restored` is called when another identity lies in the state.

    A port in use is no reason to be silent: another one is taken.
    """
    if not settings.bind:
        return None
    from firmware.web.keys import KEYS_FILE, Keys
    from firmware.web.server import Household, WebServer

    def restore(kept: IdentityFile) -> None:
        state.write(FORMER_IDENTITY, state.load_identity().encode())
        state.write(IDENTITY, kept.encode())
        restored()

    names = (f"{name}.local" for name in PAGE_NAMES)
    visitors.names = frozenset({"localhost", *settings.names, *names})
    household = Household(
        visitors,
        show_code,
        state.restore(KEYS_FILE, Keys.decode) or Keys(),
        partial(state.write, KEYS_FILE),
        state.load_identity,
        restore,
        settings.anywhere,
    )
    server = WebServer(handlers, household, card)
    wanted = Endpoint.parse(settings.bind)
    try:
        at = await server.open(wanted)
    except HardwareError as error:
        if not wanted.port:
            raise
        logger.warning("%s; taking another port", error)
        at = await server.open(Endpoint(wanted.host, 0))
    logger.info("the page is at http://%s/", at)
    return OpenPage(server, at)
