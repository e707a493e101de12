"""Backup and restore of the identity, for who is inside and knows the password, if there is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from aiohttp import web

from firmware.identity import IdentityFile
from firmware.web import backup
from firmware.web.body import json_body

BODY_BYTES_MAX = 8_192
Prove = Callable[[str], Awaitable[None]]  # that this is the password; raises if it is not


class Safe:
    """The routes; `restore` keeps another identity and starts the box anew with it."""

    def __init__(
        self,
        identity: Callable[[], IdentityFile],
        restore: Callable[[IdentityFile], None],
        prove: Prove,
    ) -> None:
        self._identity, self._restore, self._prove = identity, restore, prove
        self._hashing = asyncio.Lock()  # each takes 64 MiB

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register all."""
        router.add_post("/api/backup/words", self._words)
        router.add_post("/api/backup/file", self._file)
        router.add_post("/api/restore", self._take_back)

    async def _words(self, request: web.Request) -> web.StreamResponse:
        await self._prove(_text(await json_body(request), "password"))
        return web.json_response({"words": backup.to_words(self._identity())})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        said = await json_body(request)
        await self._prove(_text(said, "password"))
        async with self._hashing:
            sealed = await asyncio.to_thread(
                backup.seal, self._identity(), _text(said, "passphrase"), os.urandom
            )
        return web.json_response({"file": sealed})

    async def _take_back(self, request: web.Request) -> web.StreamResponse:
        said = await json_body(request, BODY_BYTES_MAX)
        await self._prove(_text(said, "password"))
        if words := _text(said, "words"):
            kept = backup.from_words(words)
        else:
            async with self._hashing:
                kept = await asyncio.to_thread(
                    backup.unseal, _text(said, "file"), _text(said, "passphrase")
                )
        self._restore(kept)
        return web.json_response({})


def _text(said: dict[str, object], key: str) -> str:
    found = said.get(key, "")
    if not isinstance(found, str):
        raise web.HTTPBadRequest(reason=f"{key}: a text, please")
    return found
