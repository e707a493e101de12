"""The connections to the page: few at once, none that only takes a place, none in a hurry.

They are taken one by one, between all else that the box does, and no more than ACCEPTS_A_S a
second: a call goes on whatever knocks. Others wait in the kernel's queue. One above CONNECTIONS_MAX
is answered by 503 without a look at what it asks, so that the box never runs out of file
descriptors. Who sends nothing, or a request at a letter a second, is hung up on.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

CONNECTIONS_MAX = 256
IDLE_S = 20.0  # from connecting, or from the last answer, to a whole request
SWEEP_S = 1.0
ACCEPTS_A_S = 200.0
ACCEPTS_AT_ONCE = 64.0  # after a pause: some browsers that open a page
SHORT_S = 1.0  # when the process has no file descriptor left
REQUEST_BYTES = 4_096  # read of one that is refused: closing over it would lose the answer
FULL = b'{"error": "Too many connections; please try again"}'
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nRetry-After: 20\r\nConnection: close\r\n\r\n%s" % (len(FULL), FULL)
)


@dataclass(slots=True)
class Pace:
    """How fast connections are taken: some at once, then so many a second."""

    a_second: float = ACCEPTS_A_S
    at_once: float = ACCEPTS_AT_ONCE
    _allowed: float = ACCEPTS_AT_ONCE
    _at_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long the next one has to wait; it is counted as taken."""
        earned = (now_s - self._at_s) * self.a_second
        self._allowed = min(self._allowed + earned, self.at_once) - 1.0
        self._at_s = now_s
        return max(0.0, -self._allowed / self.a_second)


@dataclass(slots=True)
class _State:
    since_s: float
    requests: int = 0  # that are being answered


class Connections:
    """Takes the connections of one listening socket."""

    def __init__(self, server: web.Server, listener: socket.socket) -> None:
        self._server, self._listener = server, listener
        self._states: dict[RequestHandler, _State] = {}

    def __len__(self) -> int:
        return len(self._states)

    async def accept(self) -> None:
        """Take one after the other until cancelled."""
        loop, pace = asyncio.get_running_loop(), Pace()
        while True:
            await asyncio.sleep(pace.wait_s(loop.time()))
            try:
                connection, _ = await loop.sock_accept(self._listener)
                if self.has_room():
                    await loop.connect_accepted_socket(self._made, connection)
                else:
                    refuse(connection)
            except ConnectionError:
                continue  # it was gone before it was taken
            except OSError:
                await asyncio.sleep(SHORT_S)

    async def sweep_up(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(asyncio.get_running_loop().time())

    def has_room(self) -> bool:
        """For one more."""
        if len(self._states) >= CONNECTIONS_MAX:
            self._forget_the_gone()
        return len(self._states) < CONNECTIONS_MAX

    @contextmanager
    def answering(self, request: web.Request) -> Iterator[None]:
        """While a request is answered its connection may be as slow as the answer."""
        protocol = request.protocol
        state = self._states.setdefault(protocol, _State(0.0))
        state.requests += 1
        try:
            yield
        finally:
            state.requests -= 1
            state.since_s = asyncio.get_running_loop().time()

    def sweep(self, now_s: float) -> None:
        """Hang up on those who only take a place."""
        self._forget_the_gone()
        for protocol, state in list(self._states.items()):
            if not state.requests and now_s - state.since_s > IDLE_S:
                protocol.force_close()
                if protocol.transport is not None:
                    protocol.transport.abort()
                del self._states[protocol]

    def _made(self) -> asyncio.Protocol:
        protocol = self._server()
        self._states[protocol] = _State(asyncio.get_running_loop().time())
        return protocol

    def _forget_the_gone(self) -> None:
        for protocol in list(self._states):
            if protocol.transport is None and not self._states[protocol].requests:
                del self._states[protocol]


def refuse(connection: socket.socket) -> None:
    """Say that there is no room, and close; who does not listen at once misses it."""
    with connection, suppress(OSError):
        connection.setblocking(False)
        connection.send(REFUSAL)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(REQUEST_BYTES)
