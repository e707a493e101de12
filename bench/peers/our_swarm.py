"""A swarm of our nodes, each with the shell and the socket that a box has, in one event loop."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from nacl.signing import SigningKey

from bench.peers.swarm import Timing
from firmware.events import Message
from firmware.model import Endpoint
from firmware.overlay.dht import items
from firmware.overlay.dht.facts import Answered, LookupEnded, NodeAnswered, PeersSeen
from firmware.overlay.dht.krpc import AnnouncePeer, GetItem, Ping, PutItem, Question
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

BOOTSTRAP = 3
JOIN_INTERVAL_S = 0.02  # so that each finds those that came before
LOOPBACK = Endpoint("127.0.0.1", 0)
Outcome = TypeVar("Outcome")


class Swarm:
    """All with the defaults of the product; each node has met every other, as libtorrent's have."""

    def open(self, nodes: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._peers: list[_Peer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._run(self._join(nodes))

    def idle(self, duration_s: float) -> None:
        self._run(asyncio.sleep(duration_s))

    def announce(self, node: int, key: bytes) -> Timing:
        return self._run(self._peers[node].announce(key))

    def get_peers(self, node: int, key: bytes) -> Timing:
        return self._run(self._peers[node].get_peers(key))

    def put(self, node: int, key: bytes, value: bytes) -> Timing:
        return self._run(self._peers[node].put(_signer(key), value))

    def get(self, node: int, key: bytes) -> Timing:
        return self._run(self._peers[node].get(bytes(_signer(key).verify_key)))

    async def _join(self, nodes: int) -> None:
        bootstrap: tuple[str, ...] = ()
        for _ in range(nodes):
            peer = _Peer(bootstrap)
            address = await peer.shell.open(LOOPBACK)
            if len(bootstrap) < BOOTSTRAP:
                bootstrap = (*bootstrap, str(address))
            self._peers.append(peer)
            self._tasks.append(self._loop.create_task(peer.shell.run()))
            await asyncio.sleep(JOIN_INTERVAL_S)
        for peer in self._peers:
            await peer.meet([other.shell.local for other in self._peers if other is not peer])

    def _run(self, coroutine: Coroutine[Any, Any, Outcome]) -> Outcome:
        return self._loop.run_until_complete(coroutine)


class _Peer:
    """One node; what it says about an operation comes back as a future."""

    def __init__(self, bootstrap: tuple[str, ...]) -> None:
        self.node = Node(bootstrap, os.urandom)
        self.shell = Shell(self.node, perform=self._hear)
        self._first: dict[int, asyncio.Future[Message]] = {}
        self._ended: dict[int, asyncio.Future[Message]] = {}

    async def meet(self, others: list[Endpoint | None]) -> None:
        """Ask each whether it is there, which brings it into the table."""
        asked = [self._begin(partial(self.node.ask, Ping(), to))[1] for to in others if to]
        await asyncio.gather(*asked)

    async def announce(self, info_hash: bytes) -> Timing:
        start_s = time.perf_counter()
        ended = await self._begin(partial(self.node.find_peers, info_hash))[1]
        await self._write(ended, lambda token: AnnouncePeer(info_hash, 4711, token))
        return Timing(None, time.perf_counter() - start_s)

    async def get_peers(self, info_hash: bytes) -> Timing:
        start_s = time.perf_counter()
        first, ended = self._begin(partial(self.node.find_peers, info_hash))
        await first
        first_s = time.perf_counter() - start_s
        await ended
        return Timing(first_s, time.perf_counter() - start_s)

    async def put(self, signer: SigningKey, value: bytes) -> Timing:
        """As libtorrent does: find the newest item, sign the next, store it."""
        start_s = time.perf_counter()
        public_key = bytes(signer.verify_key)
        question = GetItem(items.target_of_key(public_key), seq=0)
        ended = await self._begin(partial(self.node.look_up, question))[1]
        item = items.signed(value, public_key, 1, lambda data: signer.sign(data).signature)
        await self._write(ended, lambda token: PutItem(item, token))
        return Timing(None, time.perf_counter() - start_s)

    async def get(self, public_key: bytes) -> Timing:
        start_s = time.perf_counter()
        question = GetItem(items.target_of_key(public_key), seq=0)
        first, ended = self._begin(partial(self.node.look_up, question))
        await first
        first_s = time.perf_counter() - start_s
        await ended
        return Timing(first_s, time.perf_counter() - start_s)

    async def _write(self, ended: Message, question: Callable[[bytes], Question]) -> None:
        """Ask each of the closest nodes to keep something; all must agree."""
        assert isinstance(ended, LookupEnded) and ended.closest
        asked = []
        for holder in ended.closest:
            assert holder.token is not None
            ask = partial(self.node.ask, question(holder.token), holder.contact.endpoint)
            asked.append(self._begin(ask)[1])
        for answered in await asyncio.gather(*asked):
            assert isinstance(answered, Answered) and answered.answer is not None

    def _begin(
        self, start: Callable[[float], int]
    ) -> tuple[asyncio.Future[Message], asyncio.Future[Message]]:
        """Call a method of the node in the core's own task; its first value, and its end."""
        loop = asyncio.get_running_loop()
        first: asyncio.Future[Message] = loop.create_future()
        ended: asyncio.Future[Message] = loop.create_future()

        def step(now_s: float) -> list[Message]:
            handle = start(now_s)
            self._first[handle], self._ended[handle] = first, ended
            return self.node.drain()

        self.shell.post(step)
        return first, ended

    def _hear(self, message: Message) -> None:
        match message:
            case PeersSeen(handle) if handle in self._first:
                self._first.pop(handle).set_result(message)
            case NodeAnswered(handle, _, answer) if handle in self._first:
                if answer.item is not None and answer.item.is_authentic():
                    self._first.pop(handle).set_result(message)
            case LookupEnded(handle) | Answered(handle) if handle in self._ended:
                self._first.pop(handle, None)
                self._ended.pop(handle).set_result(message)


def _signer(key: bytes) -> SigningKey:
    return SigningKey(hashlib.sha256(key).digest())
