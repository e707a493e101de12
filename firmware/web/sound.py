"""The line of sound between the box and the page that is its handset, over one WebSocket.

A message is four bytes and a period of 20 ms. The page puts the time of its audio clock into the
four bytes, the box sends the latest of them back: so the page knows how long the way is. One page
at a time is the handset; the next one takes it over. docs/protocol.md has every byte.
Units: samples of 16 kHz, mono, signed 16 bit, little-endian. Source: RFC 6455.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from aiohttp import web

STAMP_BYTES = 4
PERIOD_BYTES = 640
FRAME_BYTES = STAMP_BYTES + PERIOD_BYTES
MESSAGE_BYTES_MAX = 1_024
WAITING_MAX = 5  # periods that the page has not taken yet; the oldest goes
TAKEN_OVER = 4001  # close code: another page is the handset now
MISUNDERSTOOD = 1007  # RFC 6455 section 7.4.1
SIGN_S = 10.0  # a page that answers no ping for so long is gone


class Card(Protocol):
    """The page's side of the box's sound card."""

    def attach(self, speak: Callable[[bytes], None]) -> None:
        """From now on `speak` gets each period, in any thread."""

    def detach(self, speak: Callable[[bytes], None]) -> None:
        """`speak` wants no more."""

    def hear(self, data: bytes) -> None:
        """A period of the page's microphone."""

    def measured(self, delay_s: float) -> None:
        """How long it takes from a period to the ear."""


class SoundLine:
    """Serves the WebSocket of one box's sound card."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._page: web.WebSocketResponse | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Be the handset's sound until the page goes or another one takes over."""
        socket = web.WebSocketResponse(
            max_msg_size=MESSAGE_BYTES_MAX, heartbeat=SIGN_S, compress=False
        )
        await socket.prepare(request)
        before, self._page = self._page, socket
        if before is not None:
            await before.close(code=TAKEN_OVER)
        voice = _Voice(socket)
        self._card.attach(voice.speak)
        try:
            async with asyncio.TaskGroup() as tasks:
                speaking = tasks.create_task(voice.run(), name="page's earpiece")
                await self._hear(socket, voice)
                speaking.cancel()
        finally:
            self._card.detach(voice.speak)
            if self._page is socket:
                self._page = None
        return socket

    async def close(self) -> None:
        """Tell the page that the box goes."""
        if self._page is not None:
            await self._page.close(code=1001)

    async def _hear(self, socket: web.WebSocketResponse, voice: _Voice) -> None:
        async for message in socket:
            if message.type is web.WSMsgType.BINARY and len(message.data) == FRAME_BYTES:
                voice.stamp = message.data[:STAMP_BYTES]
                self._card.hear(message.data[STAMP_BYTES:])
            elif message.type is web.WSMsgType.TEXT and (delay_ms := _delay_ms(message.data)):
                self._card.measured(delay_ms / 1000)
            else:
                await socket.close(code=MISUNDERSTOOD)


class _Voice:
    """What the earpiece gets, on its way to the page."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.stamp = bytes(STAMP_BYTES)  # the latest of the page
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MAX)
        self._arrived = asyncio.Event()

    def speak(self, data: bytes) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(partial(self._push, data))

    async def run(self) -> None:
        """Send until cancelled, or until the page is gone."""
        while not self._socket.closed:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                try:
                    await self._socket.send_bytes(self.stamp + self._waiting.popleft())
                except ConnectionError:
                    return

    def _push(self, data: bytes) -> None:
        self._waiting.append(data)
        self._arrived.set()


def _delay_ms(text: str) -> float | None:
    """`{"delay_ms": 61.5}`, a number above zero; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    delay_ms = found.get("delay_ms") if isinstance(found, dict) else None
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, int | float):
        return None
    return float(delay_ms) if 0 < delay_ms < 10_000 else None
