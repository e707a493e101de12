"""A tunnel over loopback: real TLS, real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, closing

import pytest

from firmware.errors import HardwareError
from firmware.model import Endpoint
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.tunnel.certificate import server_context
from firmware.shell.tunnel.client import TunnelClient
from firmware.shell.tunnel.server import (
    TunnelLimits,
    TunnelServer,
)

LOOPBACK = Endpoint("127.0.0.1", 0)
EXCHANGE = Endpoint("127.0.0.1", 6881)
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"


def in_loop(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(main())


@asynccontextmanager
async def exchange(
    limits: TunnelLimits | None = None,
) -> AsyncIterator[tuple[TunnelServer, Endpoint]]:
    server = TunnelServer(EXCHANGE, limits)
    at = server.open(LOOPBACK, server_context())
    running = asyncio.create_task(server.run())
    await asyncio.sleep(0)  # so that it begins, and so also ends
    try:
        yield server, at
    finally:
        running.cancel()
        await asyncio.wait((running,))


class Inbox:
    """What came out of a tunnel."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[tuple[bytes, Endpoint]] = asyncio.Queue()

    def __call__(self, data: bytes, source: Endpoint) -> None:
        self.datagrams.put_nowait((data, source))


async def arrived(receiver: DatagramSocket) -> tuple[bytes, Endpoint]:
    for _ in range(10_000):
        if (found := receiver.receive()) is not None:
            return found
        await asyncio.sleep(0.001)
    raise AssertionError("nothing came")


async def until(is_so: Callable[[], object]) -> None:
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it is never so")


def test_datagram_leaves_at_the_exchange_and_the_answer_comes_back() -> None:
    async def story() -> None:
        inbox = Inbox()
        async with exchange() as (_, at):
            tunnel = await TunnelClient.connect(at, inbox)
            assert tunnel.exchange == EXCHANGE
            with closing(DatagramSocket(LOOPBACK)) as peer:
                tunnel.send(PING, peer.local)
                data, outside = await arrived(peer)
                assert data == PING
                peer.send(b"pong", outside)
                assert await inbox.datagrams.get() == (b"pong", peer.local)
            tunnel.close()
            await tunnel.closed

    in_loop(story)


def test_stranger_reaches_the_box_at_its_address_at_the_exchange() -> None:
    async def story() -> None:
        inbox = Inbox()
        async with exchange() as (_, at):
            tunnel = await TunnelClient.connect(at, inbox)
            with closing(DatagramSocket(LOOPBACK)) as peer, closing(DatagramSocket(LOOPBACK)) as b:
                tunnel.send(PING, peer.local)
                _, outside = await arrived(peer)
                b.send(b"who is there", outside)
                assert await inbox.datagrams.get() == (b"who is there", b.local)
            tunnel.close()
            await tunnel.closed

    in_loop(story)


def test_streams_above_the_limit_are_refused_until_one_has_gone() -> None:
    async def story() -> None:
        async with exchange(TunnelLimits(streams=2)) as (server, at):
            tunnels = [await TunnelClient.connect(at, Inbox()) for _ in range(2)]
            with pytest.raises(OSError, match="hung up"):
                await TunnelClient.connect(at, Inbox())
            assert server.counters["refused"] == 1
            tunnels[0].close()
            await until(lambda: len(server.streams) == 1)
            tunnels.append(await TunnelClient.connect(at, Inbox()))
            for tunnel in tunnels:
                tunnel.close()
                await tunnel.closed

    in_loop(story)


def test_who_connects_and_says_nothing_goes_for_who_comes_later() -> None:
    async def story() -> None:
        async with exchange(TunnelLimits(handshakes=8)) as (server, at):
            with ExitStack() as silent:
                sockets = [
                    silent.enter_context(socket.create_connection((at.host, at.port)))
                    for _ in range(11)
                ]
                await until(lambda: server.counters["displaced"] == 3)
                tunnel = await TunnelClient.connect(at, Inbox())
                assert server.counters["displaced"] == 4 and len(server.streams) == 1
                for one in sockets[:4]:
                    one.settimeout(10)
                    assert one.recv(1) == b""  # the first four were hung up on
            tunnel.close()
            await tunnel.closed
            await until(lambda: server.counters["no_handshake"] == 7)

    in_loop(story)


def test_stream_of_rubbish_is_cut_off() -> None:
    async def story() -> None:
        async with exchange() as (server, at):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            reader, writer = await asyncio.open_connection(at.host, at.port, ssl=context)
            writer.write(b"\xff\xff GET / HTTP/1.1\r\n\r\n")
            await until(lambda: server.counters["malformed"])
            writer.transport.abort()
            await until(lambda: not server.streams)
            assert not reader.exception()

    in_loop(story)


def test_stream_that_does_not_read_loses_datagrams_and_nothing_grows() -> None:
    async def story() -> None:
        async with exchange() as (server, at):
            tunnel = await TunnelClient.connect(at, Inbox())
            with closing(DatagramSocket(LOOPBACK)) as peer:
                tunnel.send(PING, peer.local)
                _, outside = await arrived(peer)
                for _ in range(200):
                    for _ in range(20):
                        peer.send(bytes(1200), outside)
                    await asyncio.sleep(0)
            assert server.counters["not_let_in"] + server.counters["congested"] > 100
            tunnel.close()
            await tunnel.closed

    in_loop(story)


def test_nobody_at_the_other_end_is_an_error() -> None:
    async def story() -> None:
        async with exchange() as (_, at):
            pass
        with pytest.raises(OSError, match="Connect"):
            await TunnelClient.connect(at, Inbox())

    in_loop(story)


def test_port_in_use_is_an_error_that_names_it() -> None:
    async def story() -> None:
        async with exchange() as (_, at):
            with pytest.raises(HardwareError, match=str(at.port)):
                TunnelServer(EXCHANGE).open(at, server_context())

    in_loop(story)
