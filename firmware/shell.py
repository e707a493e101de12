"""The shell around a core: one UDP socket, the clock, worker threads, the one log.

Carries facts to the core and carries out its commands; knows no protocol. The same shell runs a
telephone, a bare DHT node and a lookup. Everything that touches the core passes one inbox and is
done by one task, so a core never sees two things at once.
Units: `_s` monotonic seconds, the clock of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from firmware import events
from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import CommandError, HardwareError
from firmware.events import Core, Fact, Message
from firmware.jobs import Argon2Cost, compute_argon2, resolve_host
from firmware.model import Endpoint
from firmware.state import StateDir

logger = logging.getLogger(__name__)

INBOX_DATAGRAMS_MAX = 1024  # 20 ms of a 50,000 packets/s flood; what comes on top is dropped
JOBS_MAX = 64  # Argon2 and DNS jobs waiting; each hash takes tens of milliseconds
WALL_CLOCK_INTERVAL_S = 30.0

Step = Callable[[float], list[Message]]


@dataclass(slots=True)
class ShellCounters:
    """What the shell itself dropped."""

    datagrams_dropped: int = 0
    socket_errors: int = 0  # unsendable, or refused by the other side (ICMP)
    jobs_dropped: int = 0


class Shell:
    """Runs one core until it is cancelled.

    `perform` gets the messages that the shell itself does not know: bell, sound, picture.
    """

    def __init__(
        self,
        core: Core,
        *,
        state: StateDir | None = None,
        perform: Callable[[Message], None] | None = None,
        argon2_cost: Argon2Cost | None = None,
    ) -> None:
        self.core = core
        self.counters = ShellCounters()
        self.local: Endpoint | None = None
        self._state = state
        self._perform_elsewhere = perform
        self._argon2_cost = argon2_cost or Argon2Cost()
        self._inbox: deque[Step] = deque()
        self._datagrams_waiting = 0
        self._jobs_waiting = 0
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hash")
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")

    async def open(self, bind: Endpoint) -> Endpoint:
        """Bind the socket and return its address; raises HardwareError if that is not possible."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Receiver(self._received, self._socket_failed),
                local_addr=(bind.host, bind.port),
            )
        except OSError as error:
            raise HardwareError(f"cannot listen on {bind}: {error.strerror}") from None
        host, port = self._transport.get_extra_info("sockname")[:2]
        self.local = Endpoint(host, port)
        return self.local

    async def run(self) -> None:
        """Feed the core until cancelled; an exception of the core comes out here."""
        assert self._transport is not None, "open() first"
        self.tell(self._wall_clock())
        self.tell(events.Started())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._run_core(), name="core")
                tasks.create_task(self._watch_wall_clock(), name="wall clock")
        finally:
            self._transport.close()
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._writer.shutdown(wait=True)

    def tell(self, fact: Fact) -> None:
        """Queue a fact for the core; only from the event loop's thread."""
        self.post(partial(self._handle_logged, fact))

    def post(self, step: Step) -> None:
        """Queue one step of the core (the sound plane uses it directly)."""
        self._inbox.append(step)
        self._wake.set()

    def perform(self, message: Message) -> None:
        """Carry out one command of the core."""
        match message:
            case events.SendDatagram(data=data, to=to):
                self._send(data, to)
            case events.ComputeArgon2(secret=secret, salt=salt):
                self._submit(partial(compute_argon2, secret, salt, self._argon2_cost))
            case events.ResolveHost(name=name):
                self._submit(partial(resolve_host, name))
            case events.StoreState(name=name, data=data):
                self._store(name, data)
            case _ if self._perform_elsewhere is not None:
                self._perform_elsewhere(message)

    async def _run_core(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._inbox:
                self._take(self._inbox.popleft()(loop.time()))
            deadline_s = self.core.deadline_s()
            if deadline_s is not None and deadline_s <= loop.time():
                self._take(self.core.on_time(loop.time()))
            self._arm(loop)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake up at the core's deadline; one timer for everything."""
        deadline_s = self.core.deadline_s()
        if self._timer is not None:
            if deadline_s is not None and loop.time() < self._timer.when() <= deadline_s:
                return  # to wake up early once is cheaper than a new timer after each datagram
            self._timer.cancel()
        self._timer = None if deadline_s is None else loop.call_at(deadline_s, self._wake.set)

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            self.perform(message)

    def _handle_logged(self, fact: Fact, now_s: float) -> list[Message]:
        messages = self.core.handle(fact, now_s)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%.6f %r -> %r", now_s, fact, messages)
        return messages

    async def _watch_wall_clock(self) -> None:
        while True:
            await asyncio.sleep(WALL_CLOCK_INTERVAL_S)
            self.tell(self._wall_clock())

    def _wall_clock(self) -> events.WallClockRead:
        utc_s = time.time()
        return events.WallClockRead(utc_s, float(time.localtime(utc_s).tm_gmtoff))

    def _received(self, data: bytes, source: Endpoint) -> None:
        if self._datagrams_waiting >= INBOX_DATAGRAMS_MAX or len(data) > DATAGRAM_BYTES_MAX:
            self.counters.datagrams_dropped += 1
            return
        self._datagrams_waiting += 1
        self.post(partial(self._handle_datagram, events.DatagramReceived(data, source)))

    def _handle_datagram(self, fact: events.DatagramReceived, now_s: float) -> list[Message]:
        self._datagrams_waiting -= 1
        return self._handle_logged(fact, now_s)

    def _send(self, data: bytes, to: Endpoint) -> None:
        assert self._transport is not None
        self._transport.sendto(data, (to.host, to.port))

    def _socket_failed(self, error: OSError) -> None:
        """Nobody has to act: cores repeat and time out by themselves."""
        self.counters.socket_errors += 1
        logger.debug("socket: %s", error)

    def _submit(self, job: Callable[[], Fact]) -> None:
        """Run `job` in a worker thread; its fact comes back through the inbox."""
        if self._jobs_waiting >= JOBS_MAX:
            self.counters.jobs_dropped += 1
            return
        self._jobs_waiting += 1
        loop = asyncio.get_running_loop()

        def done(future: Future[Fact]) -> None:
            if not future.cancelled() and not loop.is_closed():
                loop.call_soon_threadsafe(self._job_done, future)

        self._workers.submit(job).add_done_callback(done)

    def _job_done(self, future: Future[Fact]) -> None:
        self._jobs_waiting -= 1
        self.post(lambda now_s: self._handle_logged(future.result(), now_s))

    def _store(self, name: str, data: bytes) -> None:
        if self._state is not None:
            self._writer.submit(_store_logged, self._state, name, data)


def _store_logged(state: StateDir, name: str, data: bytes) -> None:
    try:
        state.write(name, data)
    except CommandError as error:  # a full card must not end a call
        logger.warning("%s", error)


class _Receiver(asyncio.DatagramProtocol):
    """Turns asyncio's address tuples into endpoints."""

    def __init__(
        self, received: Callable[[bytes, Endpoint], None], failed: Callable[[OSError], None]
    ) -> None:
        self._received = received
        self._failed = failed

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, Endpoint(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        assert isinstance(exc, OSError)
        self._failed(exc)
