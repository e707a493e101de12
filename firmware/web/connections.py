"""The connections to the page: few at once, none that only takes a place.

Who sends nothing, or a request at a letter a second, is hung up on; one connection more than
CONNECTIONS_MAX is closed at once, so that the box never runs out of file descriptors.
Units: `_s` monotonic seconds; the caller passes `now_s`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

CONNECTIONS_MAX = 256
IDLE_S = 20.0  # from connecting, or from the last answer, to a whole request


@dataclass(slots=True)
class _State:
    since_s: float
    requests: int = 0  # that are being answered


class Connections:
    """Makes the protocol of each connection; call `sweep` about once a second."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._states: dict[RequestHandler, _State] = {}

    def __len__(self) -> int:
        return len(self._states)

    def make(self, now_s: float) -> asyncio.Protocol:
        """For `create_server`."""
        if len(self._states) >= CONNECTIONS_MAX:
            self._forget_the_gone()
        if len(self._states) >= CONNECTIONS_MAX:
            return _Refusal()
        protocol = self._server()
        self._states[protocol] = _State(now_s)
        return protocol

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

    def _forget_the_gone(self) -> None:
        for protocol in list(self._states):
            if protocol.transport is None and not self._states[protocol].requests:
                del self._states[protocol]


class _Refusal(asyncio.Protocol):
    """There is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close without a word."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
