"""A page server over handlers of a test's own, and a browser's part in a few lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from firmware.model import Endpoint
from firmware.page import listen
from firmware.web.access import Access
from firmware.web.server import Household, WebServer
from firmware.web.sound import Card

HEADERS = {"X-Fernruf": "1"}
HANDLERS = (
    "lift", "replace", "press", "flash", "dial", "hang_up", "archive", "messages",
    "forget_message", "message_heard",
)  # fmt: skip


class House:
    """What the page shows, whom it asked, and the code on the display."""

    def __init__(self, card: Card | None = None) -> None:
        self.status: dict[str, Any] = {
            "state": "idle",
            "number": "471108151234",
            "reachable": True,
            "process": {},
        }
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.code = ""
        self.base = ""
        self.kept: list[bytes] = []
        self.handlers: dict[str, Any] = {name: self._handler(name) for name in HANDLERS} | {
            "status": self._status,
            "screen": self._screen,
            "settings": self._settings,
        }
        names = frozenset({"localhost", "fernruf.local"})
        self.access = Access(random.Random(7).randbytes, names)
        household = Household(self.access, self._show, keep=self.kept.append)
        self.server = WebServer(self.handlers, household, card)

    def _show(self, code: str) -> None:
        self.code = code

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.status)

    async def _screen(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"lines": ["Ready"], "pixels": "00" * 1024, "width": 128, "height": 64}

    async def _settings(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": "Oma Erna; née Müller"}

    def _handler(self, name: str) -> Any:
        async def handle(request: Mapping[str, Any]) -> dict[str, Any]:
            self.asked.append((name, request))
            return {}

        return handle


@asynccontextmanager
async def open_house(
    card: Card | None = None,
) -> AsyncIterator[tuple[House, aiohttp.ClientSession]]:
    """The server on a free port, and a client that keeps cookies."""
    house = House(card)
    jar = aiohttp.CookieJar(unsafe=True)
    with listen(Endpoint("127.0.0.1", 0)) as listener:
        house.base = "http://{}:{}".format(*listener.getsockname())
        await house.server.open(listener)
        running = asyncio.create_task(house.server.run())
        try:
            async with aiohttp.ClientSession(house.base, cookie_jar=jar) as client:
                yield house, client
        finally:
            running.cancel()
            await asyncio.wait([running])
            await house.server.close()


async def enter(house: House, client: aiohttp.ClientSession) -> None:
    """Ask for the code, read it off the display, type it."""
    async with client.post("/api/door", headers=HEADERS) as asked:
        assert asked.status == 200
    async with client.post("/api/session", json={"code": house.code}, headers=HEADERS) as done:
        assert done.status == 200, await done.text()
