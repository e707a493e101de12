"""The page of a box: its port is taken at once, what answers there is loaded when nobody lifts.

The modules of the server take a tenth of a second and memory; only who wants a page has them.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
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
from firmware.web import server_only
from firmware.web.access import Access

if TYPE_CHECKING:
    from firmware.web.server import WebServer

FORMER_IDENTITY = "identity.json.former"  # the one before the last restore
WAITING_MAX = 64  # connections that nobody has looked at yet: the kernel keeps them

logger = logging.getLogger(__name__)


class Page:
    """A page whose port listens; `run` answers there, `restored` hears of another identity."""

    def __init__(
        self,
        settings: WebSettings,
        handlers: Mapping[str, Handler],
        state: StateDir,
        visitors: Access,
        show_code: Callable[[str], None],
        card: BrowserCard | None,
        restored: Callable[[], None],
    ) -> None:
        """HardwareError if it cannot listen; a port in use is no reason to be silent."""
        self._settings, self._handlers, self._state = settings, handlers, state
        self._visitors, self._show_code, self._card = visitors, show_code, card
        self._restored = restored
        self._server: WebServer | None = None
        names = (f"{name}.local" for name in PAGE_NAMES)
        visitors.names = frozenset({"localhost", *settings.names, *names})
        wanted = Endpoint.parse(settings.bind)
        try:
            self._listener = listen(wanted)
        except HardwareError as error:
            if not wanted.port:
                raise
            logger.warning("%s; taking another port", error)
            self._listener = listen(Endpoint(wanted.host, 0))
        self.at = Endpoint(*self._listener.getsockname()[:2])

    def invite(self) -> str:
        """Its address, good for one visit without the code."""
        token = self._visitors.invite(asyncio.get_running_loop().time())
        return f"http://{self.at}/#invitation={token}"

    async def run(self, at_rest: Callable[[], Awaitable[None]]) -> None:
        """Serve until cancelled; dial tone goes before, so nothing is loaded until `at_rest`."""
        await at_rest()
        await asyncio.to_thread(load)
        self._server = self._made()
        await self._server.open(self._listener)
        logger.info("the page is at http://%s/", self.at)
        await self._server.run()

    async def close(self) -> None:
        """Hang up on all who look at it, and give its port back."""
        self._listener.close()
        if self._server is not None:
            await self._server.close()

    def _made(self) -> WebServer:
        from firmware.web.keys import KEYS_FILE, Keys
        from firmware.web.server import Household, WebServer

        household = Household(
            self._visitors,
            self._show_code,
            self._state.restore(KEYS_FILE, Keys.decode) or Keys(),
            partial(self._state.write, KEYS_FILE),
            self._state.load_identity,
            self._restore,
            self._settings.anywhere,
        )
        return WebServer(self._handlers, household, self._card)

    def _restore(self, kept: IdentityFile) -> None:
        self._state.write(FORMER_IDENTITY, self._state.load_identity().encode())
        self._state.write(IDENTITY, kept.encode())
        self._restored()


def load() -> None:
    """Import the server; in a worker thread, because it takes a while."""
    server_only.enter()
    importlib.import_module("firmware.web.server")


def listen(at: Endpoint) -> socket.socket:
    """A socket on which connections wait from now on; HardwareError if that is not possible."""
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        listener = socket.create_server((at.host, at.port), family=family, backlog=WAITING_MAX)
    except OSError as error:
        raise HardwareError(f"no page on {at}: {error.strerror}") from None
    listener.setblocking(False)
    return listener
