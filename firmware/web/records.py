"""Phone book, calls, rules and settings over HTTP: each route is one handler of the box."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from firmware.web.api import Handler, Reply
from firmware.web.body import BODY_BYTES_MAX, json_body

CARDS_BYTES_MAX = 4 << 20  # of a vCard file: some 20,000 contacts
READ = {f"/api/{name}": name for name in ("book", "rules", "settings", "history")}
WRITE = {  # route: handler, size of the body
    ("POST", "/api/book"): ("save_contact", BODY_BYTES_MAX),
    ("DELETE", "/api/book"): ("forget_contact", BODY_BYTES_MAX),
    ("POST", "/api/book/import"): ("import_cards", CARDS_BYTES_MAX),
    ("POST", "/api/rules"): ("set_rules", BODY_BYTES_MAX),
    ("POST", "/api/rule"): ("set_rule", BODY_BYTES_MAX),
    ("POST", "/api/settings"): ("set_settings", BODY_BYTES_MAX),
    ("POST", "/api/wireless"): ("set_wireless", BODY_BYTES_MAX),
    ("POST", "/api/update"): ("look_for_update", BODY_BYTES_MAX),
    ("POST", "/api/dial"): ("dial", BODY_BYTES_MAX),
    ("DELETE", "/api/call"): ("forget_call", BODY_BYTES_MAX),
    ("DELETE", "/api/calls"): ("forget_calls", BODY_BYTES_MAX),
}
PLACE_DIGITS = 16
VCARD_TYPE = "text/vcard"  # RFC 6350 section 10.1


def add_records(router: web.UrlDispatcher, handlers: Mapping[str, Handler]) -> None:
    """Register all."""

    def reading(name: str) -> Reply:
        async def reply(_request: web.Request) -> web.StreamResponse:
            return web.json_response(await handlers[name]({}))

        return reply

    def writing(name: str, most_bytes: int) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            return web.json_response(await handlers[name](await json_body(request, most_bytes)))

        return reply

    async def export(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            text=(await handlers["export_cards"]({}))["cards"],
            content_type=VCARD_TYPE,
            headers={"Content-Disposition": 'attachment; filename="fernruf.vcf"'},
        )

    async def calls(request: web.Request) -> web.StreamResponse:
        """The newest, or those before a place of the log."""
        before = request.query.get("before", "")
        if before and not (before.isascii() and before.isdigit() and len(before) < PLACE_DIGITS):
            raise web.HTTPBadRequest(reason="before: a place of the log")
        wanted = {"before": int(before)} if before else {}
        return web.json_response(await handlers["calls"](wanted))

    router.add_get("/api/calls", calls)
    for path, name in READ.items():
        router.add_get(path, reading(name))
    for (method, path), (name, most_bytes) in WRITE.items():
        router.add_route(method, path, writing(name, most_bytes))
    router.add_get("/api/book.vcf", export)
