"""Who comes in: the code of the display, a password, an invitation; and tokens for programs.

Source: OWASP's cheat sheets on authentication and sessions; RFC 6750.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from aiohttp import hdrs, web

from firmware.web.access import SESSION_S, Access
from firmware.web.body import json_body
from firmware.web.keys import PASSWORD_CHARACTERS_MAX, Keys, Token, hash_password

SESSION_COOKIE = "fernruf"
BEARER = "Bearer "
OPEN_POSTS = ("/api/door", "/api/session")  # the way in


class Door:
    """The routes of the way in; `keep` is given what must be kept, and may raise CommandError."""

    def __init__(
        self,
        access: Access,
        keys: Keys,
        keep: Callable[[bytes], None],
        show_code: Callable[[str], None],
    ) -> None:
        self._access, self._keys, self._keep, self._show_code = access, keys, keep, show_code
        self._hashing = asyncio.Lock()  # one password at a time: each takes 19 MiB

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register all."""
        router.add_post("/api/door", self._ask)
        router.add_post("/api/session", self._enter)
        router.add_delete("/api/session", self._leave)
        router.add_get("/api/keys", self._show)
        router.add_post("/api/password", self._set_password)
        router.add_post("/api/token", self._add_token)
        router.add_delete("/api/token", self._remove_token)

    def lets_in(self, request: web.Request) -> bool:
        """True for a session, or a program's token where programs may ask."""
        is_for_programs = request.path == "/metrics" or request.path.startswith("/api/v1/")
        return self.is_inside(request) or (is_for_programs and self._token(request) is not None)

    def may_dial(self, request: web.Request) -> bool:
        """True for a session, or a token that was made for it."""
        token = self._token(request)
        return self.is_inside(request) or (token is not None and token.may_dial)

    def is_inside(self, request: web.Request) -> bool:
        """True for a session."""
        return self._access.knows(_cookie(request), _now_s())

    async def prove(self, password: str) -> None:
        """Return if this is the password, or if there is none to know."""
        if self._keys.password_hash and await self._by_password(password) is None:
            raise web.HTTPForbidden(reason="That is not the password")

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        """Somebody stands at the door: the display shows the code, if there is no other way."""
        wants_code = (await json_body(request)).get("code") is True
        if self.is_inside(request):
            return web.json_response({"inside": True})
        has_password = bool(self._keys.password_hash)
        if wants_code or not has_password:
            code = self._access.code(_now_s())
            if code is None:
                wait_s = self._access.code_wait_s(_now_s())
                raise web.HTTPTooManyRequests(
                    reason=f"Too many wrong codes; please wait {wait_s:.0f} s"
                )
            self._show_code(code)
        return web.json_response({"inside": False, "password": has_password and not wants_code})

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        said = await json_body(request)
        match said:
            case {"invitation": str(invitation)}:
                token = self._access.accept(invitation, _now_s())
                refusal = "This address was good for one visit only"
            case {"password": str(password)}:
                token = await self._by_password(password)
                refusal = "That is not the password"
            case {"code": str(digits)}:
                token = self._access.enter(digits, _now_s())
                refusal = "That is not the code on the display"
            case _:
                token = None
                refusal = "A code or a password, please"
        if token is None:
            raise web.HTTPForbidden(reason=refusal)
        response = web.json_response({"inside": True})
        response.set_cookie(
            SESSION_COOKIE, token, httponly=True, samesite="Strict", path="/",
            secure=request.secure, max_age=int(SESSION_S),
        )  # fmt: skip
        return response

    async def _by_password(self, password: str) -> str | None:
        if len(password) > PASSWORD_CHARACTERS_MAX:
            return None
        async with self._hashing:
            wait_s = self._access.password_wait_s(_now_s())
            if wait_s:
                raise web.HTTPTooManyRequests(
                    reason=f"Too many wrong passwords; please wait {wait_s:.0f} s"
                )
            is_right = await asyncio.to_thread(self._keys.is_password, password)
            return self._access.tried_password(_now_s(), is_right=is_right)

    async def _leave(self, request: web.Request) -> web.StreamResponse:
        self._access.leave(_cookie(request))
        response = web.json_response({"inside": False})
        response.del_cookie(SESSION_COOKIE)
        return response

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        tokens = [{"name": each.name, "may_dial": each.may_dial} for each in self._keys.tokens]
        return web.json_response({"password": bool(self._keys.password_hash), "tokens": tokens})

    async def _set_password(self, request: web.Request) -> web.StreamResponse:
        """Set it, or with an empty one take it away; all other sessions end."""
        password = (await json_body(request)).get("password")
        if not isinstance(password, str):
            raise web.HTTPBadRequest(reason="A password, please")
        async with self._hashing:
            made = await asyncio.to_thread(hash_password, password) if password else ""
        self._change(Keys(made, self._keys.tokens))
        self._access.end_others(_cookie(request))
        return web.json_response({"password": bool(made)})

    async def _add_token(self, request: web.Request) -> web.StreamResponse:
        said = await json_body(request)
        name, may_dial = said.get("name"), said.get("may_dial", False)
        if not isinstance(name, str) or not isinstance(may_dial, bool):
            raise web.HTTPBadRequest(reason="A name, please")
        keys, text = self._keys.with_token(name, may_dial=may_dial, random_bytes=os.urandom)
        self._change(keys)
        return web.json_response({"token": text})

    async def _remove_token(self, request: web.Request) -> web.StreamResponse:
        self._change(self._keys.without_token(str((await json_body(request)).get("name"))))
        return web.json_response({})

    def _token(self, request: web.Request) -> Token | None:
        said = request.headers.get(hdrs.AUTHORIZATION, "")
        return self._keys.token(said[len(BEARER) :].strip()) if said.startswith(BEARER) else None

    def _change(self, keys: Keys) -> None:
        self._keep(keys.encode())
        self._keys = keys


def _cookie(request: web.Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _now_s() -> float:
    return asyncio.get_running_loop().time()
