"""A swarm of libtorrent nodes with one node of ours, which lives on between the tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, Self

from tests.interop.ours import NodePeer, our_node
from tests.interop.theirs import Swarm

STORY_LIMIT_S = 40.0


class Meeting:
    """Open while the `with` lasts; the event loop of our node has a thread of its own."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.theirs = Swarm(host)
        self.ours: NodePeer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = ExitStack()
        self._leave: asyncio.Event
        self._staying: asyncio.Task[None]

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell a story in the event loop of our node."""
        asyncio.run_coroutine_threadsafe(story, self._loop).result(STORY_LIMIT_S)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.theirs)
        self._thread.start()
        self.run(self._come())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._go())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._stack.close()

    async def _come(self) -> None:
        self._leave = asyncio.Event()
        present = asyncio.Event()
        self._staying = self._loop.create_task(self._stay(present))
        arrival = self._loop.create_task(present.wait())
        await asyncio.wait([arrival, self._staying], return_when=asyncio.FIRST_COMPLETED)
        if not present.is_set():
            await self._staying  # says why our node could not come

    async def _stay(self, present: asyncio.Event) -> None:
        async with our_node(self.theirs) as self.ours:
            present.set()
            await self._leave.wait()

    async def _go(self) -> None:
        self._leave.set()
        await self._staying
