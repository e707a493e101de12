"""What programs may ask: state, figures, events, and to dial, if their token says so.

Described by static/openapi.json, which is served at /openapi.json.
Source: OpenAPI 3.1; RFC 6750 (bearer tokens).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from firmware.web.body import json_body
from firmware.web.metrics import METRICS_TYPE, metrics
from firmware.web.stream import View, Watch

Handler = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATE_KEYS = (
    "state", "number", "reachable", "unreachable", "peer_number", "peer_name", "reason", "codec",
    "path", "rtt_s", "authentication_digits",
)  # fmt: skip
CALL_KEYS = ("state", "peer_number", "peer_name", "reason")
NUMBER_CHARACTERS_MAX = 64


class Api:
    """The routes of one box."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        watch: Watch,
        headers: dict[str, str],
        may_dial: Callable[[web.Request], bool],
    ) -> None:
        self._handlers, self._watch, self._headers = handlers, watch, headers
        self._may_dial = may_dial

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register all."""
        router.add_get("/metrics", self._metrics)
        router.add_get("/api/v1/state", self._state)
        router.add_get("/api/v1/events", self._events)
        router.add_post("/api/v1/dial", self._dial)
        router.add_post("/api/v1/hang-up", self._hang_up)

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = metrics(await self._handlers["status"]({}))
        return web.Response(body=text.encode(), headers={"Content-Type": METRICS_TYPE})

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(public_state(await self._handlers["status"]({})))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self._watch.tell(request, call_events, self._headers)

    async def _dial(self, request: web.Request) -> web.Response:
        self._check_may_dial(request)
        number = (await json_body(request)).get("number")
        if not isinstance(number, str) or not 0 < len(number) <= NUMBER_CHARACTERS_MAX:
            raise web.HTTPBadRequest(reason="number: up to 64 of 0123456789*# and spaces")
        digits = number.replace(" ", "")
        if not digits or set(digits) - set("0123456789*#"):
            raise web.HTTPBadRequest(reason="number: up to 64 of 0123456789*# and spaces")
        return web.json_response(await self._handlers["dial"]({"digits": digits}))

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._check_may_dial(request)
        return web.json_response(await self._handlers["hang_up"]({}))

    def _check_may_dial(self, request: web.Request) -> None:
        if not self._may_dial(request):
            raise web.HTTPForbidden(reason="This token may not dial")


def public_state(status: Mapping[str, Any]) -> dict[str, Any]:
    """What a program sees of the status."""
    return {key: status.get(key) for key in STATE_KEYS}


def call_events(before: View, now: View) -> bytes:
    """`ring` when the bell begins, `call` when the call changes, `state` when the rest does."""
    told = b""
    if now.get("state") == "ringing" != before.get("state"):
        told += _event("ring", {key: now.get(key) for key in ("peer_number", "peer_name")})
    if not before or any(before.get(key) != now.get(key) for key in CALL_KEYS):
        told += _event("call", {key: now.get(key) for key in CALL_KEYS})
    if (state := public_state(now)) != public_state(before) or not before:
        told += _event("state", state)
    return told


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
