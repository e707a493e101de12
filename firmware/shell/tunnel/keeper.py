"""Keeps the one tunnel of a box: opens and closes it as the core says, and tells what became of it.

While it is open, it takes what goes to the world outside; the local network is still spoken to
directly. Units: `_s` seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from firmware.events import Fact
from firmware.events.network import CloseStream, OpenStream, StreamClosed, StreamOpened
from firmware.model import Endpoint
from firmware.overlay.dht.address import Scope, scope_of
from firmware.shell.tunnel.client import Receive, TunnelClient

logger = logging.getLogger(__name__)


class TunnelKeeper:
    """`tell` gets StreamOpened and StreamClosed, `receive` what comes through the tunnel."""

    def __init__(self, tell: Callable[[Fact], None], receive: Receive) -> None:
        self._tell, self._receive = tell, receive
        self._wanted: Endpoint | None = None
        self._is_changed = asyncio.Event()
        self._tunnel: TunnelClient | None = None
        self._to: Endpoint | None = None

    def perform(self, command: OpenStream | CloseStream) -> None:
        """In place of what was wanted before."""
        self._wanted = command.to if isinstance(command, OpenStream) else None
        self._is_changed.set()
        if self._tunnel is not None:
            self._tunnel.close()

    def takes(self, endpoint: Endpoint) -> bool:
        """True if what goes to `endpoint`, or comes from it, should go through the tunnel now."""
        if self._tunnel is None or self._to is None:
            return False
        scope = scope_of(endpoint.host)
        return scope is Scope.GLOBAL or scope is scope_of(self._to.host)

    def send(self, data: bytes, to: Endpoint) -> None:
        """Only if it `takes` it."""
        assert self._tunnel is not None
        self._tunnel.send(data, to)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._is_changed.wait()
            self._is_changed.clear()
            if self._wanted is not None:
                await self._hold(self._wanted)

    async def _hold(self, to: Endpoint) -> None:
        try:
            tunnel = await TunnelClient.connect(to, self._receive)
        except (OSError, TimeoutError) as error:
            logger.info("no tunnel to %s: %s", to, error)
            self._ended(to)
            return
        try:
            if self._wanted == to:
                logger.info("tunnel to %s", to)
                self._tunnel, self._to = tunnel, to
                self._tell(StreamOpened(to, tunnel.exchange))
                await tunnel.closed
        finally:
            self._tunnel = None
            tunnel.close()
        self._ended(to)

    def _ended(self, to: Endpoint) -> None:
        if self._wanted == to:
            self._wanted = None
        self._tell(StreamClosed(to))
