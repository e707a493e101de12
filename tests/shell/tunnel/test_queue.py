"""What waits in a tunnel for a stream that does not keep up: up to a limit, and then it is lost."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any

import pytest

from firmware.model import Endpoint
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.tunnel import client, server
from firmware.shell.tunnel.client import TunnelClient
from firmware.shell.tunnel.frames import encode
from firmware.shell.tunnel.server import TunnelServer

LOOPBACK = Endpoint("127.0.0.1", 0)
PAYLOAD = bytes(991)
FRAME_BYTES = len(encode(PAYLOAD, LOOPBACK))


class Line(asyncio.Transport):
    """A stream whose other end takes nothing until `taken`."""

    def __init__(self, raw: socket.socket) -> None:
        super().__init__({"socket": raw, "peername": ("127.0.0.1", 5000)})
        self.waiting = b""
        self.most_bytes = 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.waiting += bytes(data)
        self.most_bytes = max(self.most_bytes, len(self.waiting))

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def taken(self) -> None:
        self.waiting = b""


def test_limits_of_both_ends_are_the_same_and_whole_frames() -> None:
    assert client.QUEUE_BYTES_MAX == server.QUEUE_BYTES_MAX
    assert client.QUEUE_BYTES_MAX % FRAME_BYTES == 0  # so that these tests reach them exactly


def test_box_queues_so_many_bytes_drops_the_one_more_and_goes_on_when_there_is_room() -> None:
    loop = asyncio.new_event_loop()
    with closing(loop), socket.socket() as raw:
        tunnel, line = TunnelClient(LOOPBACK, lambda *_: None, loop), Line(raw)
        tunnel.connection_made(line)
        for _ in range(client.QUEUE_BYTES_MAX // FRAME_BYTES):
            tunnel.send(PAYLOAD, LOOPBACK)
        assert len(line.waiting) == client.QUEUE_BYTES_MAX and tunnel.dropped == 0
        tunnel.send(b"", LOOPBACK)
        assert len(line.waiting) == client.QUEUE_BYTES_MAX and tunnel.dropped == 1
        line.taken()
        tunnel.send(PAYLOAD, LOOPBACK)
        assert line.waiting == encode(PAYLOAD, LOOPBACK) and tunnel.dropped == 1


@pytest.mark.parametrize("more", [0, 1])
def test_exchange_queues_so_many_bytes_for_a_box_and_the_one_more_is_lost(more: int) -> None:
    async def story() -> None:
        exchange = TunnelServer(LOOPBACK)
        stream = server._Stream(exchange, asyncio.get_running_loop())
        with socket.socket() as raw, closing(DatagramSocket(LOOPBACK)) as peer:
            line = Line(raw)
            stream.connection_made(line)
            line.taken()  # the greeting
            assert stream._socket is not None
            for _ in range(server.QUEUE_BYTES_MAX // FRAME_BYTES + more):
                peer.send(PAYLOAD, stream._socket.local)
            stream._readable()
            assert len(line.waiting) == line.most_bytes == server.QUEUE_BYTES_MAX
            assert exchange.counters["congested"] == more
            line.taken()
            peer.send(b"again", stream._socket.local)
            stream._readable()
            assert line.waiting == encode(b"again", peer.local)
            stream.connection_lost(None)

    asyncio.run(story())
