"""The page's server: a few files, one stream of what changes, and the hand of a simulated box.

Runs in the box's event loop and asks the same handlers as the control socket (remote.py). All but
the door is refused without a session.
Source: Content Security Policy level 3; server-sent events of the HTML standard; RFC 9110.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from firmware.errors import CommandError, HardwareError
from firmware.model import Endpoint
from firmware.web.access import Access, is_near
from firmware.web.qr import number_svg
from firmware.web.sound import Card, SoundLine

logger = logging.getLogger(__name__)

Handler = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_COOKIE = "fernruf"
BODY_BYTES_MAX = 4_096
WATCHERS_MAX = 100  # pages that are open at once
TICK_S = 0.05  # how far a page may lag behind the box
QUIET_S = 15.0  # a sign of life in an idle stream, so that a dead one is noticed
STOP_S = 1.0
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
STATIC = importlib.resources.files("firmware.web").joinpath("static")
FILES = {
    each.name: KINDS[Path(each.name).suffix]
    for each in STATIC.iterdir()
    if Path(each.name).suffix in KINDS
}
HAND = ("lift", "replace", "press", "flash")
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    hdrs.CACHE_CONTROL: "no-store",
}
_ACCESS = web.AppKey("access", Access)


class WebServer:
    """Serves one box; `show_code` puts the code of the door on its display, None takes it away."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        access: Access,
        show_code: Callable[[str], None],
        *,
        anywhere: bool = False,
        card: Card | None = None,
    ) -> None:
        self._handlers, self._access, self._show_code = handlers, access, show_code
        self._anywhere = anywhere
        self._sound = SoundLine(card) if card is not None else None
        self._watchers = 0
        self._known: dict[str, Any] = {}
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._files = {name: _file(name) for name in FILES}

    async def open(self, bind: Endpoint) -> Endpoint:
        """Listen; returns where. HardwareError if that is not possible."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        app[_ACCESS] = self._access
        app.router.add_get("/", self._file_named("index.html"))
        for name in FILES:
            app.router.add_get(f"/{name}", self._file_named(name))
        app.router.add_post("/api/door", self._ask)
        app.router.add_post("/api/session", self._enter)
        app.router.add_delete("/api/session", self._leave)
        app.router.add_get("/api/status", self._status)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/number.svg", self._number)
        for name in HAND:
            app.router.add_post(f"/api/hand/{name}", self._hand(name))
        if self._sound is not None:
            app.router.add_get("/api/sound", self._sound.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, bind.host, bind.port, backlog=64)
            await site.start()
        except OSError as error:
            raise HardwareError(f"no page on {bind}: {error.strerror}") from None
        host, port = self._runner.addresses[0][:2]
        return Endpoint(host, port)

    def invite(self) -> str:
        """A token for one visit without the code."""
        return self._access.invite(_now_s())

    async def run(self) -> None:
        """Look at the box once for all open pages, and wake them when something is new."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._watchers:
                now = await self._look()
                if now != self._known:
                    async with self._changed:
                        self._known = now
                        self._changed.notify_all()

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._sound is not None:
            await self._sound.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Reply) -> web.StreamResponse:
        """Every request passes here, every answer gets the headers."""
        try:
            self._check(request)
            response = await handler(request)
        except web.HTTPException as error:
            response = _refusal(error.status, error.reason)
        except CommandError as error:
            response = _refusal(409, str(error))
        if not response.prepared:
            response.headers.update(SECURITY)
        return response

    def _check(self, request: web.Request) -> None:
        if not self._anywhere and not is_near(request.remote or ""):
            raise web.HTTPForbidden(reason="This page is for the local network only")
        if not self._access.answers_to(request.host):
            raise web.HTTPMisdirectedRequest(reason="This is not the name of this telephone")
        changes = request.method not in (hdrs.METH_GET, hdrs.METH_HEAD)
        # a form of another site cannot send this header, and no such site is told that it may
        if changes and request.headers.get("X-Fernruf") != "1":
            raise web.HTTPForbidden(reason="Not from this page")
        if changes or hdrs.UPGRADE in request.headers:
            # a WebSocket may be opened from anywhere, and a cookie is the same for all ports
            origin = request.headers.get(hdrs.ORIGIN)
            if origin is not None and origin.partition("//")[2] != request.host:
                raise web.HTTPForbidden(reason="Not from this page")
        is_open = request.path == "/" or request.path[1:] in FILES
        is_door = request.method == hdrs.METH_POST and request.path in (
            "/api/door",
            "/api/session",
        )
        if not is_open and not is_door and not self._is_known(request):
            raise web.HTTPUnauthorized(reason="Please show the code first")

    def _is_known(self, request: web.Request) -> bool:
        return self._access.knows(request.cookies.get(SESSION_COOKIE, ""), _now_s())

    def _file_named(self, name: str) -> Reply:
        body, kind = self._files[name], FILES[name]

        async def reply(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, content_type=kind, charset="utf-8")

        return reply

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        """Somebody stands at the door: the display shows the code."""
        if self._is_known(request):
            return web.json_response({"inside": True})
        code = self._access.code(_now_s())
        if code is None:
            raise web.HTTPTooManyRequests(reason="Too many wrong codes; please wait half a minute")
        self._show_code(code)
        return web.json_response({"inside": False, "digits": len(code)})

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        said = await _json(request)
        digits, invitation = said.get("code"), said.get("invitation")
        token = self._access.enter(digits, _now_s()) if isinstance(digits, str) else None
        if isinstance(invitation, str):
            token = self._access.accept(invitation, _now_s())
            if token is None:
                raise web.HTTPForbidden(reason="This address was good for one visit only")
        if token is None:
            raise web.HTTPForbidden(reason="That is not the code on the display")
        response = web.json_response({"inside": True})
        response.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Strict", path="/")
        return response

    async def _leave(self, request: web.Request) -> web.StreamResponse:
        self._access.leave(request.cookies.get(SESSION_COOKIE, ""))
        response = web.json_response({"inside": False})
        response.del_cookie(SESSION_COOKIE)
        return response

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._handlers["status"]({}))

    async def _number(self, _request: web.Request) -> web.StreamResponse:
        number = (await self._handlers["status"]({}))["number"]
        if number is None:
            raise web.HTTPNotFound(reason="The number is still being made")
        return web.Response(body=number_svg(number), content_type="image/svg+xml")

    def _hand(self, name: str) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            return web.json_response(await self._handlers[name](await _json(request)))

        return reply

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """What has changed, as soon as it has; the first event holds everything."""
        if self._watchers >= WATCHERS_MAX:
            raise web.HTTPServiceUnavailable(reason="Too many pages are open")
        response = web.StreamResponse(headers={**SECURITY, hdrs.CONTENT_TYPE: "text/event-stream"})
        await response.prepare(request)
        self._watchers += 1
        try:
            await self._tell_changes(response)
        except ConnectionError:
            logger.debug("a page was closed")
        finally:
            self._watchers -= 1
        return response

    async def _tell_changes(self, response: web.StreamResponse) -> None:
        told: dict[str, Any] = {}
        now = self._known = await self._look()
        while True:
            news = {key: value for key, value in now.items() if told.get(key) != value}
            sign = f"data: {json.dumps(news)}" if news else ": still here"
            await response.write(f"{sign}\n\n".encode())
            told = now
            async with self._changed:
                if self._known is told:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), QUIET_S)
            now = self._known

    async def _look(self) -> dict[str, Any]:
        """Everything a page shows; what a process uses changes all the time and is left out."""
        status = await self._handlers["status"]({}) | await self._handlers["screen"]({})
        del status["process"]
        return status


async def _json(request: web.Request) -> dict[str, Any]:
    """The body as an object; an empty one is an empty object. 400 for anything else."""
    body = await request.read() if request.body_exists else b""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(reason="Not JSON") from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(reason="Not a JSON object")
    return found


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


def _file(name: str) -> bytes:
    return STATIC.joinpath(name).read_bytes()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
