"""Spoken messages for the page: listed, played as WAV, deleted.

A message is kept as Opus (codec/recording.py); every browser plays WAV, and any part of it may be
asked for. Decoding is done in a worker thread, one message at a time.
Units: bytes. Source: RFC 9110 section 14 (ranges); Multimedia Programming Interface 1.0 (WAV).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping

from aiohttp import hdrs, web

from firmware.codec.recording import Player
from firmware.errors import MalformedError
from firmware.model import SAMPLE_RATE_HZ
from firmware.web.api import Handler, Reply
from firmware.web.body import json_body

SAMPLE_BYTES = 2
PCM = 1  # WAVE_FORMAT_PCM
WAV_TYPE = "audio/wav"


class Playback:
    """The routes; `handlers` are those of the box (archive.py)."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._decoding = asyncio.Lock()
        self._last: tuple[str, bytes] = "", b""  # a player asks for a message in several parts

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register all."""
        router.add_get("/api/messages", self._list)
        router.add_get("/api/message.wav", self._play)
        router.add_post("/api/message", self._asks("message_heard"))
        router.add_delete("/api/message", self._asks("forget_message"))

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._handlers["messages"]({}))

    def _asks(self, name: str) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            return web.json_response(await self._handlers[name](await json_body(request)))

        return reply

    async def _play(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("key", "")
        found = await self._handlers["message_sound"]({"key": key})
        async with self._decoding:
            if self._last[0] != key:
                try:
                    wav = await asyncio.to_thread(to_wav, found["recording"])
                except MalformedError:
                    raise web.HTTPNotFound(reason="The sound of this message is lost") from None
                self._last = key, wav
            return part_of(self._last[1], request)


def part_of(data: bytes, request: web.Request) -> web.Response:
    """All of it, or the one range that is asked for; 416 if that is not in it."""
    headers = {hdrs.ACCEPT_RANGES: "bytes"}
    try:
        wanted = request.http_range
    except ValueError:
        wanted = slice(None)  # one that nobody understands counts as none
    start, stop, _ = wanted.indices(len(data))
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=data, content_type=WAV_TYPE, headers=headers)
    if start >= stop:
        raise web.HTTPRequestRangeNotSatisfiable(
            reason="Not in this message", headers={hdrs.CONTENT_RANGE: f"bytes */{len(data)}"}
        )
    headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(body=data[start:stop], status=206, content_type=WAV_TYPE, headers=headers)


def to_wav(recording: bytes) -> bytes:
    """16 kHz, mono, 16 bit; MalformedError if it is no recording. Takes a while."""
    player = Player()
    player.add([recording])
    sound = bytearray()
    while (frame := player.frame()) is not None:
        sound += frame.astype("<i2").tobytes()
    rate = SAMPLE_RATE_HZ
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(sound), b"WAVE", b"fmt ", 16, PCM, 1, rate,
        rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", len(sound),
    )  # fmt: skip
    return head + bytes(sound)
