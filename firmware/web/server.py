"""The page's server: files, the door, streams of what changes, and the hand of a simulated box.

Runs in the box's event loop and asks the same handlers as the control socket (remote.py). All but
the files and the way in is refused without a session or a token.
Source: Content Security Policy level 3; RFC 9110; OWASP's cheat sheet on HTTP headers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from firmware.errors import CommandError
from firmware.identity import IdentityFile
from firmware.web.access import Access, is_near
from firmware.web.api import Api, Handler, Reply
from firmware.web.body import json_body
from firmware.web.connections import Connections
from firmware.web.door import BEARER, OPEN_POSTS, Door
from firmware.web.journal import Journal
from firmware.web.keys import Keys
from firmware.web.playback import Playback
from firmware.web.qr import card_svg, own_card
from firmware.web.records import VCARD_TYPE, add_records
from firmware.web.safe import Safe
from firmware.web.sound import Card, SoundLine
from firmware.web.stream import Watch, news

URL_CHARACTERS_MAX = 2_048
STOP_S = 1.0
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
STATIC = Path(__file__).with_name("static")
FILES = {each.name: KINDS[each.suffix] for each in STATIC.iterdir() if each.suffix in KINDS}
HAND = ("lift", "replace", "press", "flash")
READING = (hdrs.METH_GET, hdrs.METH_HEAD)
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    hdrs.SERVER: "Fernruf",  # and not which version of which library
    hdrs.CACHE_CONTROL: "no-store",
}


@dataclass(frozen=True, slots=True)
class Household:
    """Who may come in, and how: what the box lends the page for it."""

    access: Access
    show_code: Callable[[str], None]  # on the display
    keys: Keys = field(default_factory=Keys)
    keep: Callable[[bytes], None] = lambda _data: None  # the keys, in a file
    identity: Callable[[], IdentityFile] | None = None  # for a backup; None = there is none
    restore: Callable[[IdentityFile], None] = lambda _kept: None
    anywhere: bool = False  # false: only for who is on the local network


class WebServer:
    """Serves one box; `card` is its sound card if a page is its handset."""

    def __init__(
        self, handlers: Mapping[str, Handler], household: Household, card: Card | None = None
    ) -> None:
        self._handlers, self._access = handlers, household.access
        self._anywhere = household.anywhere
        self._journal = Journal()
        self._door = Door(household.access, household.keys, household.keep, household.show_code)
        self._safe = (
            None
            if household.identity is None
            else Safe(household.identity, household.restore, self._door.prove)
        )
        self._watch = Watch(self._look)
        self._api = Api(handlers, self._watch, SECURITY, self._door.may_dial)
        self._sound = SoundLine(card) if card is not None else None
        self._runner: web.AppRunner | None = None
        self.connections: Connections | None = None

    async def open(self, listener: socket.socket) -> None:
        """Make ready to take the connections of a listening, non-blocking socket."""
        app = web.Application(middlewares=[self._guard])
        self._add_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
        await self._runner.setup()
        assert self._runner.server is not None
        self.connections = Connections(self._runner.server, listener)
        logging.getLogger("firmware").addHandler(self._journal)

    async def run(self) -> None:
        """Answer whoever comes, and look at the box once for all open pages."""
        assert self.connections is not None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.connections.accept(), name="connections")
            tasks.create_task(self.connections.sweep_up(), name="sweep")
            tasks.create_task(self._watch.run(), name="watch")

    async def close(self) -> None:
        """Hang up on everybody; the socket belongs to who opened it."""
        logging.getLogger("firmware").removeHandler(self._journal)
        if self._sound is not None:
            await self._sound.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", _file_named("index.html"))
        for name in FILES:
            router.add_get(f"/{name}", _file_named(name))
        router.add_get("/api/status", self._status)
        router.add_get("/api/events", self._events)
        router.add_get("/api/log", self._log)
        add_records(router, self._handlers)
        Playback(self._handlers).add_to(router)
        router.add_get("/api/number.svg", self._number)
        router.add_get("/api/number.vcf", self._number_card)
        for name in HAND:
            router.add_post(f"/api/hand/{name}", self._hand(name))
        self._door.add_to(router)
        if self._safe is not None:
            self._safe.add_to(router)
        self._api.add_to(router)
        if self._sound is not None:
            router.add_get("/api/sound", self._sound.serve)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Reply) -> web.StreamResponse:
        """Every request passes here, every answer gets the headers."""
        assert self.connections is not None
        with self.connections.answering(request):
            try:
                self._check(request)
                response = await handler(request)
            except web.HTTPException as error:
                response = _refusal(error)
            except CommandError as error:
                response = web.json_response({"error": str(error)}, status=409)
            if not response.prepared:
                response.headers.update(SECURITY)
            return response

    def _check(self, request: web.Request) -> None:
        if not self._anywhere and not is_near(request.remote or ""):
            raise web.HTTPForbidden(reason="This page is for the local network only")
        if not self._access.answers_to(request.host):
            raise web.HTTPMisdirectedRequest(reason="This is not the name of this telephone")
        if len(request.raw_path) > URL_CHARACTERS_MAX:
            raise web.HTTPRequestURITooLong(reason="The address is too long")
        changes = request.method not in READING
        by_token = request.headers.get(hdrs.AUTHORIZATION, "").startswith(BEARER)
        # a form of another site cannot send these headers, and no such site is told that it may
        if changes and not by_token and request.headers.get("X-Fernruf") != "1":
            raise web.HTTPForbidden(reason="Not from this page")
        if changes or hdrs.UPGRADE in request.headers:
            # a WebSocket may be opened from anywhere, and a cookie is the same for all ports
            origin = request.headers.get(hdrs.ORIGIN)
            if origin is not None and origin.partition("//")[2] != request.host:
                raise web.HTTPForbidden(reason="Not from this page")
        is_file = request.path == "/" or request.path[1:] in FILES
        is_way_in = request.method == hdrs.METH_POST and request.path in OPEN_POSTS
        if not is_file and not is_way_in and not self._door.lets_in(request):
            raise web.HTTPUnauthorized(
                reason="Please show the code first", headers={hdrs.WWW_AUTHENTICATE: BEARER.strip()}
            )

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._handlers["status"]({}))

    async def _log(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"lines": self._journal.lines()})

    async def _number(self, _request: web.Request) -> web.StreamResponse:
        drawn = await asyncio.to_thread(card_svg, await self._card())
        return web.Response(body=drawn, content_type="image/svg+xml")

    async def _number_card(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=await self._card(),
            content_type=VCARD_TYPE,
            headers={"Content-Disposition": 'attachment; filename="my-number.vcf"'},
        )

    async def _card(self) -> bytes:
        number = (await self._handlers["status"]({}))["number"]
        if number is None:
            raise web.HTTPNotFound(reason="The number is still being made")
        return own_card(number, (await self._handlers["settings"]({}))["name"])

    def _hand(self, name: str) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            return web.json_response(await self._handlers[name](await json_body(request)))

        return reply

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """What has changed, as soon as it has; the first event holds everything."""
        return await self._watch.tell(request, news, SECURITY)

    async def _look(self) -> dict[str, Any]:
        """Everything a page shows; what a process uses changes all the time and is left out."""
        status = await self._handlers["status"]({}) | await self._handlers["screen"]({})
        del status["process"]
        return status | {"archive": await self._handlers["archive"]({})}


def _file_named(name: str) -> Reply:
    body, kind = STATIC.joinpath(name).read_bytes(), FILES[name]

    async def reply(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return reply


def _refusal(error: web.HTTPException) -> web.Response:
    kept = {
        name: error.headers[name]
        for name in (hdrs.WWW_AUTHENTICATE, hdrs.ALLOW, hdrs.CONTENT_RANGE)
        if name in error.headers
    }
    return web.json_response({"error": error.reason}, status=error.status, headers=kept)
