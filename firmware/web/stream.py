"""One look at the box for all who watch it, and what has changed since their last one.

Figures that change with every packet are told once a second, all else within TICK_S; what changed
is encoded once, however many pages are open.
Source: server-sent events of the HTML standard, section 9.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web

WATCHERS_MAX = 120  # pages and programs that watch at once
TICK_S = 0.05  # how far a page may lag behind the box
SLOW_S = 1.0  # of figures
QUIET_S = 15.0  # a sign of life in an idle stream, so that a dead one is noticed
STUCK_S = 30.0  # for a page to take what was sent
SLOW_KEYS = ("rtp", "rtt_s", "nodes", "exchanges", "timings", "helping")

View = dict[str, Any]
Encode = Callable[[View, View], bytes]  # what is told from the view before to this one


class Watch:
    """`look` gives everything that can be seen of the box."""

    def __init__(self, look: Callable[[], Awaitable[View]]) -> None:
        self._look = look
        self._known: View = {}
        self._slow_from_s = 0.0
        self._watchers = 0
        self._changed = asyncio.Condition()
        self._encoded: dict[tuple[Encode, int, int], bytes] = {}  # of the last change

    async def run(self) -> None:
        """Look as long as somebody watches; wake all who do when something is new."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._watchers:
                now = await self._next()
                if now != self._known:
                    async with self._changed:
                        self._encoded.clear()
                        self._known = now
                        self._changed.notify_all()

    async def tell(
        self, request: web.Request, encode: Encode, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Answer with a stream; its first event is told from an empty view."""
        if self._watchers >= WATCHERS_MAX:
            raise web.HTTPServiceUnavailable(reason="Too many pages are open")
        response = web.StreamResponse(headers={**headers, hdrs.CONTENT_TYPE: "text/event-stream"})
        await response.prepare(request)
        self._watchers += 1
        try:
            async for before, now in self._changes():
                async with asyncio.timeout(STUCK_S):
                    await response.write(self._told(encode, before, now))
        except (ConnectionError, TimeoutError):
            pass  # the page was closed
        finally:
            self._watchers -= 1
        return response

    async def _changes(self) -> AsyncIterator[tuple[View, View]]:
        """Pairs of what was told and what is; the same twice when it was quiet for long."""
        told: View = {}
        now = self._known = await self._look()
        while True:
            yield told, now
            told = now
            async with self._changed:
                if self._known is told:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), QUIET_S)
            now = self._known

    def _told(self, encode: Encode, before: View, now: View) -> bytes:
        key = (encode, id(before), id(now))
        if key not in self._encoded or now is not self._known:
            told = encode(before, now) or b": still here\n\n"
            if now is not self._known:
                return told
            self._encoded[key] = told
        return self._encoded[key]

    async def _next(self) -> View:
        now, now_s = await self._look(), asyncio.get_running_loop().time()
        if now.get("state") == self._known.get("state") and now_s < self._slow_from_s:
            return now | {key: self._known[key] for key in SLOW_KEYS if key in self._known}
        self._slow_from_s = now_s + SLOW_S
        return now


def news(before: View, now: View) -> bytes:
    """For a page: all keys that have another value."""
    changed = {key: value for key, value in now.items() if before.get(key, before) != value}
    return f"data: {json.dumps(changed)}\n\n".encode() if changed else b""
