"""One side of a connection by aioice (RFC 8445), in a process of its own, in a host of the lab.

Requests are JSON lines on stdin: `gather` makes a new connection and answers its candidates,
`connect` takes the other side's and answers when the two are connected. The candidates are carried
by who asks.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aioice

CONNECT_S = 30.0


class Host:
    """One connection at a time."""

    def __init__(self) -> None:
        self._connection: aioice.Connection | None = None

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request."""
        try:
            async with asyncio.timeout(CONNECT_S):
                if request["do"] == "gather":
                    return await self._gather(request)
                return await self._connect(request)
        except (OSError, TimeoutError, aioice.stun.TransactionError) as error:
            return {"problem": f"{type(error).__name__} {error}"}

    async def _gather(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._connection is not None:
            await self._connection.close()
        self._connection = connection = aioice.Connection(
            ice_controlling=request["controlling"],
            stun_server=tuple(request["stun"]),
            turn_server=tuple(request["turn"]),
            turn_username=request["user"],
            turn_password=request["password"],
            turn_transport=request["transport"],
            use_ipv6=False,
        )
        await connection.gather_candidates()
        return {
            "user": connection.local_username,
            "password": connection.local_password,
            "candidates": [candidate.to_sdp() for candidate in connection.local_candidates],
        }

    async def _connect(self, request: dict[str, Any]) -> dict[str, Any]:
        connection = self._connection
        assert connection is not None
        connection.remote_username = request["user"]
        connection.remote_password = request["password"]
        for candidate in request["candidates"]:
            await connection.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
        await connection.add_remote_candidate(None)
        await connection.connect()
        connected_s = time.monotonic()
        pair = connection._nominated[1]  # noqa: SLF001 - it has no public name
        kinds = {pair.local_candidate.type, pair.remote_candidate.type}
        return {"connected_s": connected_s, "path": "relay" if "relay" in kinds else "direct"}


async def serve() -> None:
    """Answer until stdin ends."""
    host, reader = Host(), asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await host.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
