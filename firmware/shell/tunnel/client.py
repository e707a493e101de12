"""The box's end of a tunnel: one TLS stream to an exchange, as good as a socket.

Believes nothing of whom it speaks to: what matters is sealed end to end, and a stream that drops,
delays or forges is a bad line. Never queues behind speech. Units: `_s` seconds.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.shell.tunnel.frames import Deframer, encode

CONNECT_S = 8.0  # with the TLS handshake and the greeting
QUEUE_BYTES_MAX = 24_000  # about a second of speech
SEND_BUFFER_BYTES = 32_768  # in the kernel

Receive = Callable[[bytes, Endpoint], None]


class TunnelClient(asyncio.Protocol):
    """`exchange` is its UDP endpoint, as it says itself. Made by `connect`."""

    def __init__(self, to: Endpoint, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self.dropped = 0
        self.exchange = to
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._receive = receive
        self._deframer = Deframer()

    @classmethod
    async def connect(cls, to: Endpoint, receive: Receive) -> TunnelClient:
        """An open tunnel; OSError or TimeoutError if it cannot be had."""
        loop = asyncio.get_running_loop()
        tunnel = cls(to, receive, loop)
        async with asyncio.timeout(CONNECT_S):
            transport, _ = await loop.create_connection(
                lambda: tunnel, to.host, to.port, ssl=_context(), server_hostname=""
            )
            try:
                await asyncio.wait(
                    (tunnel.greeted, tunnel.closed), return_when=asyncio.FIRST_COMPLETED
                )
            except asyncio.CancelledError:
                transport.abort()
                raise
        if not tunnel.greeted.done():
            raise ConnectionError("the exchange hung up")
        return tunnel

    def send(self, data: bytes, to: Endpoint) -> None:
        """As a datagram: no promise that it arrives."""
        frame = encode(data, to)
        if self._transport.get_write_buffer_size() + len(frame) > QUEUE_BYTES_MAX:
            self.dropped += 1
            return
        self._transport.write(frame)

    def close(self) -> None:
        """At once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """After the TLS handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        """From the exchange."""
        try:
            datagrams = self._deframer.feed(data)
        except MalformedError:
            self._transport.abort()
            return
        if self._deframer.greeting is not None and not self.greeted.done():
            self.exchange = Endpoint(self.exchange.host, self._deframer.greeting)
            self.greeted.set_result(None)
        for payload, source in datagrams:
            self._receive(payload, source)

    def connection_lost(self, exc: Exception | None) -> None:
        """By whomever."""
        del exc  # whoever waits for `closed` decides what follows
        if not self.closed.done():
            self.closed.set_result(None)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
