"""The shell with a tunnel: what goes through it, what beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.events.network import (
    CloseStream,
    DatagramBeside,
    OpenStream,
    SendBeside,
    StreamClosed,
    StreamOpened,
)
from firmware.model import Endpoint
from firmware.shell.shell import Shell
from firmware.shell.tunnel.certificate import server_context
from firmware.shell.tunnel.server import TunnelServer

LOOPBACK = Endpoint("127.0.0.1", 0)
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
Kind = TypeVar("Kind", bound=Message)


class Listener:
    """A core that only listens."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        self.heard.put_nowait(fact)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        return []

    def deadline_s(self) -> float | None:
        return None

    async def next(self, kind: type[Kind]) -> Kind:
        while not isinstance(fact := await self.heard.get(), kind):
            pass
        return fact


class Stage:
    """A box and its peer, each with a shell, and an exchange with a tunnel."""

    async def play(self, story: Callable[[Stage], Coroutine[None, None, None]]) -> None:
        self.box, self.peer = Listener(), Listener()
        self.box_shell, self.peer_shell = Shell(self.box), Shell(self.peer)
        self.box_at = await self.box_shell.open(LOOPBACK)
        self.peer_at = await self.peer_shell.open(LOOPBACK)
        server = TunnelServer(self.peer_at)
        self.tls = server.open(LOOPBACK, server_context())
        runs = (self.box_shell.run(), self.peer_shell.run(), server.run())
        running = [asyncio.ensure_future(run) for run in runs]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(30):
                await story(self)
        finally:
            for one in running:
                one.cancel()
            await asyncio.wait(running)

    def box_does(self, *messages: Message) -> None:
        self.box_shell.post(lambda _now_s: list(messages))

    def peer_does(self, *messages: Message) -> None:
        self.peer_shell.post(lambda _now_s: list(messages))


def test_open_tunnel_takes_what_goes_outside_and_gives_what_comes() -> None:
    async def story(stage: Stage) -> None:
        stage.box_does(OpenStream(stage.tls))
        opened = await stage.box.next(StreamOpened)
        assert opened == StreamOpened(stage.tls, stage.peer_at)
        stage.box_does(SendDatagram(PING, stage.peer_at))
        received = await stage.peer.next(DatagramReceived)
        assert received.data == PING and received.source != stage.box_at
        stage.peer_does(SendDatagram(b"back", received.source))
        assert await stage.box.next(DatagramReceived) == DatagramReceived(b"back", stage.peer_at)

    asyncio.run(Stage().play(story))


def test_udp_is_told_apart_while_a_tunnel_is_open_and_used_again_after_it() -> None:
    async def story(stage: Stage) -> None:
        stage.box_does(OpenStream(stage.tls))
        await stage.box.next(StreamOpened)
        stage.box_does(SendBeside(PING, stage.peer_at))
        assert (await stage.peer.next(DatagramReceived)).source == stage.box_at
        stage.peer_does(SendDatagram(b"by UDP", stage.box_at))
        assert await stage.box.next(DatagramBeside) == DatagramBeside(b"by UDP", stage.peer_at)
        stage.box_does(CloseStream())
        assert await stage.box.next(StreamClosed) == StreamClosed(stage.tls)
        stage.box_does(SendDatagram(PING, stage.peer_at))
        assert (await stage.peer.next(DatagramReceived)).source == stage.box_at

    asyncio.run(Stage().play(story))


def test_tunnel_that_cannot_be_opened_is_told_and_another_can() -> None:
    async def story(stage: Stage) -> None:
        nobody = Endpoint("127.0.0.1", 1)
        stage.box_does(OpenStream(nobody))
        assert await stage.box.next(StreamClosed) == StreamClosed(nobody)
        stage.box_does(OpenStream(stage.tls))
        assert (await stage.box.next(StreamOpened)).to == stage.tls

    asyncio.run(Stage().play(story))
