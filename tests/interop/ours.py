"""Our nodes on real sockets of loopback, in the shell that a box has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from firmware.events import Core, Message, SendDatagram
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.facts import Answered, Holder, LookupEnded, NodeAnswered, PeersSeen
from firmware.overlay.dht.items import Item, target_of_key, verified
from firmware.overlay.dht.krpc import AnnouncePeer, Answer, GetItem, PutItem, Question, Search
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.shell.jobs import Argon2Cost
from firmware.shell.shell import Shell
from tests.interop.theirs import Swarm

LIMIT_S = 10.0
CHEAP = Argon2Cost(memory_kib=8, passes=1)
Kind = TypeVar("Kind", bound=Message)


class Watched:
    """A core as it is, and a bell that rings after each of its steps."""

    def __init__(self, core: Core) -> None:
        self.said: list[Message] = []
        self.answered: set[Endpoint] = set()  # who asked us and has our answer
        self.stepped = asyncio.Event()
        self._core = core

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        return self.noted(self._core.handle(fact, now_s))

    def on_time(self, now_s: float) -> list[Message]:
        return self.noted(self._core.on_time(now_s))

    def deadline_s(self) -> float | None:
        return self._core.deadline_s()

    def noted(self, messages: list[Message]) -> list[Message]:
        """Pass `messages` on, and remember them."""
        self.said += messages
        self.answered |= {
            message.to
            for message in messages
            if isinstance(message, SendDatagram)
            and isinstance(krpc.decode(message.data), krpc.Response)
        }
        self.stepped.set()
        return messages


@dataclass(slots=True)
class Peer:
    """One core of ours with its socket at `endpoint`."""

    watched: Watched
    shell: Shell
    endpoint: Endpoint

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what a step of the core brings; TimeoutError after LIMIT_S."""
        async with asyncio.timeout(LIMIT_S):
            while not is_so():
                self.watched.stepped.clear()
                await self.watched.stepped.wait()

    async def says(self, kind: type[Kind], want: Callable[[Kind], bool]) -> Kind:
        """The first message of `kind` that `want` accepts."""
        found: list[Kind] = []

        def is_said() -> bool:
            found.extend(m for m in self.watched.said if isinstance(m, kind) and want(m))
            return bool(found)

        await self.until(is_said)
        return found[0]

    def tell(self, fact: Message) -> None:
        """A fact, or a command that the core serves."""
        self.shell.post(partial(self.watched.handle, fact))


@dataclass(slots=True)
class NodePeer(Peer):
    """A bare node of the DHT."""

    node: Node = field(kw_only=True)

    async def joined(self) -> None:
        await self.until(lambda: self.node.is_ready)

    async def find_peers(self, info_hash: bytes) -> tuple[set[Endpoint], tuple[Holder, ...]]:
        """One lookup to its end: what was announced, and the closest nodes."""
        handle = await self._begin(lambda now_s: self.node.find_peers(info_hash, now_s))
        ended = await self.says(LookupEnded, lambda m: m.handle == handle)
        seen = [m for m in self.watched.said if isinstance(m, PeersSeen) and m.handle == handle]
        return {peer for message in seen for peer in message.peers}, ended.closest

    async def ask(self, question: Question, to: Endpoint) -> Answer | None:
        handle = await self._begin(lambda now_s: self.node.ask(question, to, now_s))
        return (await self.says(Answered, lambda m: m.handle == handle)).answer

    async def announce(self, info_hash: bytes, port: int) -> int:
        """Announce to the closest nodes; how many took it."""
        _, closest = await self.find_peers(info_hash)
        answers = await asyncio.gather(
            *(
                self.ask(AnnouncePeer(info_hash, port, holder.token), holder.contact.endpoint)
                for holder in closest
                if holder.token is not None
            )
        )
        return sum(answer is not None for answer in answers)

    async def put(self, item: Item, cas: int | None = None) -> int:
        """Store `item` at the closest nodes; how many took it."""
        _, closest = await self._look_up(GetItem(item.target, seq=0))
        answers = await asyncio.gather(
            *(
                self.ask(PutItem(item, holder.token, cas), holder.contact.endpoint)
                for holder in closest
                if holder.token is not None
            )
        )
        return sum(answer is not None for answer in answers)

    async def get_immutable(self, target: bytes) -> Item | None:
        """The item that is `target`'s own proof."""
        return await self._newest(GetItem(target), b"")

    async def get_mutable(self, public_key: bytes, salt: bytes = b"") -> Item | None:
        """The newest item of a key that any of the nodes on the way has."""
        return await self._newest(GetItem(target_of_key(public_key, salt), seq=0), salt)

    async def _newest(self, question: GetItem, salt: bytes) -> Item | None:
        answers, _ = await self._look_up(question)
        items = [verified(answer.item, question.target, salt) for answer in answers]
        return max((item for item in items if item), key=lambda item: item.seq, default=None)

    async def _look_up(self, question: Search) -> tuple[list[Answer], tuple[Holder, ...]]:
        handle = await self._begin(lambda now_s: self.node.look_up(question, now_s))
        ended = await self.says(LookupEnded, lambda m: m.handle == handle)
        answers = [
            message.answer
            for message in self.watched.said
            if isinstance(message, NodeAnswered) and message.handle == handle
        ]
        return answers, ended.closest

    async def is_known_to(self, theirs: Swarm) -> None:
        """Wait until every node of `theirs` has pinged us and has our answer."""
        theirs.greet(self.endpoint)
        await self.until(lambda: self.watched.answered.issuperset(theirs.endpoints))

    def keeps(self, info_hash: bytes, peer: Endpoint) -> bool:
        """True if `peer` was announced to us."""
        return peer in self.node._server.peers(info_hash, asyncio.get_running_loop().time())

    async def _begin(self, start: Callable[[float], int]) -> int:
        """Call a method of the node in the core's own task, and let it send what follows."""
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def step(now_s: float) -> list[Message]:
            begun.set_result(start(now_s))
            return self.watched.noted(self.node.drain())

        self.shell.post(step)
        return await begun


@asynccontextmanager
async def our_node(theirs: Swarm, *, read_only: bool = False) -> AsyncIterator[NodePeer]:
    """A node of ours that has joined `theirs`."""
    node = Node(theirs.bootstrap, os.urandom, read_only=read_only)
    watched = Watched(node)
    shell = Shell(watched)
    peer = NodePeer(watched, shell, await shell.open(Endpoint(theirs.host, 0)), node=node)
    async with running(peer):
        await peer.joined()
        yield peer


@asynccontextmanager
async def our_directory(
    theirs: Swarm,
    number: str | None = None,
    certificate: bytes | None = None,
    identity: Identity | None = None,
) -> AsyncIterator[Peer]:
    """A read-only node with a directory, which publishes `number` if it has one.

    With the `identity` it proves itself to who asks, as every real box does: else callers wait for
    a better proof for half a second.
    """
    node = Node(theirs.bootstrap, os.urandom, read_only=True)
    watched = Watched(Directory(node, os.urandom, certificate, number, identity=identity))
    shell = Shell(watched, argon2_cost=CHEAP)
    peer = Peer(watched, shell, await shell.open(Endpoint(theirs.host, 0)))
    async with running(peer):
        yield peer


@asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[None]:
    """The shell of `peer` runs in the background; an exception of its core comes out here."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(peer.shell.run(), name="shell")
        yield
        task.cancel()
