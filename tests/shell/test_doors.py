"""Doors on real sockets of the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.events import DatagramReceived, SendDatagram, Started
from firmware.events.path import KeepDoor, SendByDoor
from firmware.model import Endpoint
from firmware.shell.doors import KEPT_MAX, READ_MAX, TRIED_MAX, Doors
from firmware.shell.shell import Shell
from tests.shell.test_shell import LOOPBACK, Recorder

PATIENCE_S = 30.0


class Peer:
    """Somebody with one socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.endpoint = Endpoint(*self.socket.getsockname())

    async def hear(self) -> tuple[bytes, tuple[str, int]]:
        loop = asyncio.get_running_loop()
        heard: tuple[bytes, tuple[str, int]] = await loop.sock_recvfrom(self.socket, 2048)
        return heard


def in_loop(story: Callable[[Peer, Doors, asyncio.Queue[object]], Awaitable[None]]) -> None:
    """Run a story with doors, and a queue of what they tell; None = they woke us."""

    async def bounded() -> None:
        told: asyncio.Queue[object] = asyncio.Queue()
        peer, doors = Peer(), Doors(told.put_nowait, lambda: told.put_nowait(None))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await story(peer, doors, told)
        finally:
            doors.close()
            peer.socket.close()
        assert len(doors) == 0

    asyncio.run(bounded())


def test_each_door_has_a_port_of_its_own_and_hears_the_peer_alone() -> None:
    async def story(peer: Peer, doors: Doors, told: asyncio.Queue[object]) -> None:
        for door in (1, 2):
            doors.send(SendByDoor(b"knock", peer.endpoint, door))
        (_, first), (_, second) = await peer.hear(), await peer.hear()
        assert first != second
        stranger = Peer()
        stranger.socket.sendto(b"stranger", second)
        stranger.socket.close()
        peer.socket.sendto(bytes(DATAGRAM_BYTES_MAX + 1), second)  # nobody's protocol
        peer.socket.sendto(b"peer", second)
        assert await told.get() == DatagramReceived(b"peer", peer.endpoint, 2)

    in_loop(story)


def test_door_that_is_kept_carries_all_and_the_others_are_closed() -> None:
    async def story(peer: Peer, doors: Doors, told: asyncio.Queue[object]) -> None:
        assert not doors.take(b"none yet", peer.endpoint)
        sources = []
        for door in (1, 2, 3):
            doors.send(SendByDoor(b"knock", peer.endpoint, door))
            sources.append((await peer.hear())[1])
        doors.keep(KeepDoor(peer.endpoint, 2))
        assert len(doors) == 1
        assert doors.take(b"speech", peer.endpoint)
        assert await peer.hear() == (b"speech", sources[1])
        peer.socket.sendto(b"answer", sources[1])
        assert await told.get() is None
        waiting: deque[tuple[bytes, Endpoint]] = deque()
        doors.fill(waiting, READ_MAX)
        assert list(waiting) == [(b"answer", peer.endpoint)]
        doors.keep(KeepDoor(peer.endpoint, 0))
        assert len(doors) == 0 and not doors.take(b"none", peer.endpoint)

    in_loop(story)


def test_kept_door_is_read_in_batches_and_only_while_there_is_room() -> None:
    async def story(peer: Peer, doors: Doors, _told: asyncio.Queue[object]) -> None:
        doors.send(SendByDoor(b"knock", peer.endpoint, 1))
        _, source = await peer.hear()
        doors.keep(KeepDoor(peer.endpoint, 1))
        said = [b"%d" % i for i in range(READ_MAX + 3)]
        for data in said:
            peer.socket.sendto(data, source)
        waiting: deque[tuple[bytes, Endpoint]] = deque()
        doors.fill(waiting, 2 * READ_MAX)
        assert [data for data, _ in waiting] == said[:READ_MAX]
        for most in (READ_MAX - 1, READ_MAX):  # there may be more than the limit already
            doors.fill(waiting, most)
            assert len(waiting) == READ_MAX
        doors.fill(waiting, READ_MAX + 1)
        assert len(waiting) == READ_MAX + 1
        doors.fill(waiting, 2 * READ_MAX)
        assert [data for data, _ in waiting] == said

    in_loop(story)


def test_doors_above_the_limit_are_refused_and_counted() -> None:
    async def story(peer: Peer, doors: Doors, _told: asyncio.Queue[object]) -> None:
        for door in range(1, TRIED_MAX + 3):
            doors.send(SendByDoor(b"knock", peer.endpoint, door))
        assert len(doors) == TRIED_MAX and doors.refused == 2
        doors.keep(KeepDoor(peer.endpoint, 0))
        for n in range(KEPT_MAX + 2):
            to = peer.endpoint._replace(host=f"127.0.0.{n + 2}")
            doors.send(SendByDoor(b"knock", to, 1))
            doors.keep(KeepDoor(to, 1))
        assert len(doors) == KEPT_MAX
        assert not doors.take(b"the oldest", peer.endpoint._replace(host="127.0.0.2"))

    in_loop(story)


def test_impossible_address_is_no_door() -> None:
    async def story(_peer: Peer, doors: Doors, _told: asyncio.Queue[object]) -> None:
        doors.send(SendByDoor(b"knock", Endpoint("2001:db8::1", 9), 1))
        assert len(doors) == 0 and doors.refused == 1

    in_loop(story)


def test_shell_speaks_by_the_door_that_its_core_keeps() -> None:
    async def story() -> None:
        peer = Peer()
        core = Recorder({}, until=lambda: len(core.of(DatagramReceived)) == 2)
        core.answers[Started] = [SendByDoor(b"knock", peer.endpoint, 7)]
        core.answers[DatagramReceived] = [
            KeepDoor(peer.endpoint, 7),
            SendDatagram(b"by the door", peer.endpoint),
        ]
        shell = Shell(core)
        await shell.open(LOOPBACK)
        running = asyncio.create_task(shell.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                _, door = await peer.hear()
                peer.socket.sendto(b"tried", door)
                assert await peer.hear() == (b"by the door", door)
                core.answers[DatagramReceived] = []
                peer.socket.sendto(b"kept", door)
                await core.done.wait()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            peer.socket.close()
        assert core.of(DatagramReceived) == [
            DatagramReceived(b"tried", peer.endpoint, 7),
            DatagramReceived(b"kept", peer.endpoint),
        ]

    asyncio.run(story())
