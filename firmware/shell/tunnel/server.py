"""The exchange's end of tunnels: a TLS port, and behind each stream a UDP socket of its own.

What a box sends through the stream leaves there by UDP, and what comes back by UDP goes through the
stream: to everybody else the box is one more telephone at the address of the exchange. A stream
that does not keep up loses datagrams, as a line would; nothing is queued behind speech.
Who only connects takes no place for long: few shake hands at once, and at the limit whoever has
been at it longest goes.
Units: `_s` monotonic seconds, the clock of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial

from firmware.bucket import Bucket
from firmware.errors import HardwareError, MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht.address import owner_of
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.tunnel.frames import Deframer, encode, encode_greeting
from firmware.shell.tunnel.policy import Policy

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
IDLE_MAX_S = 90.0  # a box says something every 20 s
SWEEP_S = 5.0
QUEUE_BYTES_MAX = 24_000  # written and not yet taken by the kernel: about a second of speech
BATCH_DATAGRAMS_MAX = 32  # of one socket in one turn
BACKLOG = 64
ACCEPTS_BURST, ACCEPTS_PER_S = 64, 100.0  # a handshake takes a core of a Pi some milliseconds
SHORT_S = 1.0  # when the process has no file descriptor left


@dataclass(frozen=True, slots=True)
class TunnelLimits:
    """How many streams there may be, and how many that are not one yet."""

    streams: int = 256
    handshakes: int = 64  # each takes a file descriptor, and a quarter of a megabyte at most
    per_owner: int = 8  # of one address: behind it may be a provider's NAT


class TunnelServer:
    """Lends the address of `udp`, the exchange's own socket, on other ports."""

    def __init__(self, udp: Endpoint, limits: TunnelLimits | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self.streams: set[_Stream] = set()
        self.owners: Counter[str] = Counter()
        self.udp = udp
        self.limits = limits or TunnelLimits()
        self._listener: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        self._handshakes: deque[asyncio.Task[None]] = deque()  # the oldest first

    def open(self, bind: Endpoint, context: ssl.SSLContext) -> Endpoint:
        """Listen; returns where. HardwareError if that is not possible."""
        family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
        try:
            self._listener = socket.create_server(
                (bind.host, bind.port), family=family, backlog=BACKLOG
            )
        except OSError as error:
            raise HardwareError(f"cannot listen on {bind} (TLS): {error.strerror}") from None
        self._listener.setblocking(False)
        self._context = context
        return Endpoint(*self._listener.getsockname()[:2])

    async def run(self) -> None:
        """Take those who come, close the idle streams, and in the end all of them."""
        assert self._listener is not None, "open() first"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sweep(), name="sweep")
                await self._accept(self._listener, tasks)
        finally:
            self._listener.close()
            for stream in list(self.streams):
                stream.abort()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            for stream in [one for one in self.streams if one.is_idle(loop.time())]:
                self.counters["idle"] += 1
                stream.abort()

    async def _accept(self, listener: socket.socket, tasks: asyncio.TaskGroup) -> None:
        """One after the other, in no hurry; others wait in the kernel's queue."""
        loop = asyncio.get_running_loop()
        pace = Bucket(ACCEPTS_BURST, ACCEPTS_PER_S, loop.time())
        while True:
            if not pace.take(1, loop.time()):
                await asyncio.sleep(1 / ACCEPTS_PER_S)
                continue
            try:
                connection, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # it was gone before it was taken
            except OSError:
                await asyncio.sleep(SHORT_S)
                continue
            if len(self._handshakes) >= self.limits.handshakes:
                self.counters["displaced"] += 1
                self._handshakes.popleft().cancel()
            task = tasks.create_task(self._shake_hands(connection), name="handshake")
            self._handshakes.append(task)
            task.add_done_callback(partial(self._shaken, connection))
            await asyncio.sleep(0)  # accepting does not wait if somebody is there already

    async def _shake_hands(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _Stream(self, loop),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError:
            self.counters["no_handshake"] += 1

    def _shaken(self, connection: socket.socket, handshake: asyncio.Task[None]) -> None:
        if handshake.cancelled():
            connection.close()
        if handshake in self._handshakes:
            self._handshakes.remove(handshake)

    def admits(self, owner: str) -> bool:
        """True if one more stream of `owner` is within the limits."""
        limits = self.limits
        return len(self.streams) < limits.streams and self.owners[owner] < limits.per_owner


class _Stream(asyncio.Protocol):
    """One box."""

    def __init__(self, server: TunnelServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._deframer = Deframer()
        self._heard_s = loop.time()
        self._socket: DatagramSocket | None = None
        self._owner = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """After the TLS handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        client = Endpoint(*transport.get_extra_info("peername")[:2])
        self._owner = owner_of(client)
        if not self._server.admits(self._owner):
            self._server.counters["refused"] += 1
            transport.abort()
            return
        try:
            self._socket = DatagramSocket(Endpoint(self._server.udp.host, 0))
        except HardwareError as error:
            logger.warning("tunnel: %s", error)
            transport.abort()
            return
        self._policy = Policy(client, self._loop.time())
        self._server.streams.add(self)
        self._server.owners[self._owner] += 1
        self._loop.add_reader(self._socket.fileno(), self._readable)
        transport.write(encode_greeting(self._server.udp.port))

    def data_received(self, data: bytes) -> None:
        """From the box, to everybody."""
        if self._socket is None:
            return
        now_s = self._heard_s = self._loop.time()
        try:
            datagrams = self._deframer.feed(data)
        except MalformedError:
            self._server.counters["malformed"] += 1
            self.abort()
            return
        for payload, to in datagrams:
            if self._policy.may_leave(payload, to, now_s):
                self._socket.send(payload, to)
            else:
                self._server.counters["not_let_out"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """By whomever."""
        del exc  # nobody has to act
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
            self._server.streams.discard(self)
            self._server.owners[self._owner] -= 1
            if not self._server.owners[self._owner]:
                del self._server.owners[self._owner]

    def is_idle(self, now_s: float) -> bool:
        """True if the box is gone, as far as one can tell."""
        return now_s - self._heard_s >= IDLE_MAX_S

    def abort(self) -> None:
        """At once; a box that still wants it comes back."""
        self._transport.abort()

    def _readable(self) -> None:
        """From everybody, to the box; what the stream has no room for is lost."""
        assert self._socket is not None
        now_s = self._loop.time()
        room_bytes = QUEUE_BYTES_MAX - self._transport.get_write_buffer_size()
        frames = []
        for _ in range(BATCH_DATAGRAMS_MAX):
            received = self._socket.receive()
            if received is None:
                break
            if not self._policy.may_enter(*received, now_s):
                self._server.counters["not_let_in"] += 1
                continue
            frame = encode(*received)
            if len(frame) > room_bytes:
                self._server.counters["congested"] += 1
                continue
            room_bytes -= len(frame)
            frames.append(frame)
        if frames:
            self._transport.write(b"".join(frames))
