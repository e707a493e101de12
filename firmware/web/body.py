"""The body of a request: small, soon, and a JSON object; an error otherwise."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import hdrs, web

BODY_S = 10.0  # for all of it to arrive
BODY_BYTES_MAX = 4_096  # where nothing else is said


async def body_bytes(request: web.Request, most_bytes: int = BODY_BYTES_MAX) -> bytes:
    """All of it; 408 if it does not come, 413 above `most_bytes`, at once if it is announced."""
    if (request.content_length or 0) > most_bytes:
        raise _too_large()
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                found += part
                if len(found) > most_bytes:
                    raise _too_large()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="The request did not come") from None
    except (ConnectionError, web.RequestPayloadError):
        raise web.HTTPBadRequest(reason="The request ended early") from None
    return bytes(found)


async def json_body(request: web.Request, most_bytes: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """The body as an object; an empty one is an empty object. 400 for anything else."""
    try:
        found = json.loads(await body_bytes(request, most_bytes) or b"{}")
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(reason="Not JSON") from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(reason="Not a JSON object")
    return found


def _too_large() -> web.HTTPException:
    """With the connection's end: what is still to come is not read."""
    return web.HTTPRequestEntityTooLarge(
        BODY_BYTES_MAX, reason="That is too large", headers={hdrs.CONNECTION: "close"}
    )
