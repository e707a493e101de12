"""The shell around a core: one UDP socket, the clock, worker threads, the one log.

Carries facts to the core and carries out its commands; knows no protocol. The same shell runs a
telephone, a bare DHT node and a lookup. The core is only ever touched in a turn: one batch of
datagrams, or what the inbox holds. Turns are short callbacks of one event loop, so a core never
sees two things at once, and between two of them come sound, timers and other sockets.
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
from pathlib import Path
from typing import NoReturn

from firmware import events
from firmware.errors import CommandError
from firmware.events import Core, Fact, Message
from firmware.events.network import (
    CloseRelay,
    CloseStream,
    DatagramBeside,
    LimitRelays,
    OpenRelay,
    OpenStream,
    RelayUsed,
    SendBeside,
)
from firmware.events.path import KeepDoor, SendByDoor
from firmware.events.strangers import SearchStamp
from firmware.model import Endpoint
from firmware.shell.datagrams import DatagramSocket, SocketCounters
from firmware.shell.datapath import POLL_S, WAITING_MAX, DataPath
from firmware.shell.doors import Doors
from firmware.shell.gateway import Upnp, find_gateway
from firmware.shell.jobs import Argon2Cost, compute_argon2, resolve_host, search_stamp
from firmware.shell.kernel.client import KernelRelays
from firmware.shell.state import StateDir
from firmware.shell.tunnel.keeper import TunnelKeeper

logger = logging.getLogger(__name__)

TURN_S = 0.001  # a turn begins no datagram after that, so a flood delays sound by a few of these
JOBS_MAX = 64  # Argon2 and DNS jobs waiting; each hash takes tens of milliseconds
WALL_CLOCK_INTERVAL_S = 30.0
RELAYS_INTERVAL_S = 1.0
INBOX_MAX = 1024  # steps; a tunnel's datagram that comes on top is dropped

Step = Callable[[float], list[Message]]


@dataclass(slots=True)
class ShellCounters:
    """What the shell itself dropped."""

    datagrams_dropped: int = 0  # too long, or no room in the kernel
    socket_errors: int = 0  # unsendable, or refused by the other side (ICMP)
    jobs_dropped: int = 0


class Shell:
    """Runs one core until it is cancelled.

    `perform` gets the messages that the shell itself does not know: bell, sound, picture.
    `kernel_relay` is the socket of the helper that puts relays into the kernel, if there is one.
    """

    def __init__(
        self,
        core: Core,
        *,
        state: StateDir | None = None,
        perform: Callable[[Message], None] | None = None,
        argon2_cost: Argon2Cost | None = None,
        kernel_relay: Path | None = None,
    ) -> None:
        self.core = core
        self.local: Endpoint | None = None
        self.after_datagrams: Callable[[], None] | None = None  # were read and the core saw them
        self._state = state
        self._perform_elsewhere = perform
        self._argon2_cost = argon2_cost or Argon2Cost()
        self._kernel_relay = kernel_relay
        self._inbox: deque[Step] = deque()
        self._is_running = False
        self._has_turn = False  # one is under way or will come
        self._jobs_waiting = 0
        self._jobs_dropped = 0
        self._tunnelled_dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._socket: DatagramSocket | None = None
        self._path: DataPath | None = None
        self._tunnels = TunnelKeeper(self.tell, self._came_by_tunnel)
        self._doors = Doors(self.tell, self._read_and_tell)
        self._is_polling = False  # the socket is read by the clock, not when it has something
        self._comes_back = False  # to the socket, whether the event loop says so or not
        self._return: asyncio.Handle | None = None  # when; never twice
        self._upnp = Upnp()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hash")
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")

    @property
    def counters(self) -> ShellCounters:
        """Up to now."""
        of_socket = self._socket.counters if self._socket else SocketCounters()
        dropped = self._tunnelled_dropped + of_socket.dropped
        dropped += self._path.dropped if self._path else 0
        return ShellCounters(dropped, of_socket.errors, self._jobs_dropped)

    async def open(self, bind: Endpoint) -> Endpoint:
        """Bind the socket and return its address; raises HardwareError if that is not possible."""
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[NoReturn] = self._loop.create_future()
        self._socket = DatagramSocket(bind)
        kernel = KernelRelays(self._kernel_relay) if self._kernel_relay else None
        self._path = DataPath(self._socket, kernel=kernel)
        self.local = self._socket.local
        return self.local

    async def run(self) -> None:
        """Feed the core until cancelled; an exception of the core comes out here."""
        assert self._socket is not None and self._path is not None, "open() first"
        self.tell(self._wall_clock())
        self.tell(events.Started())
        self._is_running = True
        self._loop.call_soon(self._turn)
        self._loop.add_reader(self._socket.fileno(), self._readable)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_failure(), name="core")
                tasks.create_task(self._watch_wall_clock(), name="wall clock")
                tasks.create_task(self._watch_relays(), name="relays")
                tasks.create_task(self._tunnels.run(), name="tunnel")
        finally:
            self._is_running = False
            self._loop.remove_reader(self._socket.fileno())
            if self._timer is not None:
                self._timer.cancel()
            self._doors.close()
            self._path.close()
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._writer.shutdown(wait=True)

    def tell(self, fact: Fact) -> None:
        """Queue a fact for the core; only from the event loop's thread."""
        self.post(partial(self._handle_logged, fact))

    def post(self, step: Step) -> None:
        """Queue one step of the core (the sound plane uses it directly)."""
        self._inbox.append(step)
        if self._is_running and not self._has_turn:
            self._has_turn = True
            self._loop.call_soon(self._turn)

    def beat(self, step: Step, *, reads: bool) -> None:
        """One step at once: a turn of its own; `reads`: after all that waits in the socket.

        Not from inside a turn. Before `run` the step only waits for it.
        """
        self._inbox.append(step)
        if self._is_running:
            if reads:
                self._read()
            else:
                self._turn()

    def perform(self, message: Message) -> None:
        """Carry out one command of the core."""
        match message:
            case events.SendDatagram(data=data, to=to):
                if self._tunnels.takes(to):
                    self._tunnels.send(data, to)
                elif not self._doors.take(data, to):
                    self._send(data, to)
            case events.ComputeArgon2(secret=secret, salt=salt):
                self._submit(partial(compute_argon2, secret, salt, self._argon2_cost))
            case SearchStamp():
                self._submit(partial(search_stamp, message, self._argon2_cost))
            case events.ResolveHost(name=name):
                self._submit(partial(resolve_host, name))
            case events.FindGateway():
                assert self.local is not None
                self._submit(partial(find_gateway, self.local))
            case events.AskUpnp():
                self._submit(partial(self._upnp.ask, message))
            case events.SendFromOtherPort(data=data, to=to):
                assert self._socket is not None
                self._socket.send_from_other_port(data, to)
            case SendByDoor():
                self._doors.send(message)
            case KeepDoor():
                self._doors.keep(message)
            case events.StoreState(name=name, data=data):
                self._store(name, data)
            case OpenRelay() | CloseRelay() | LimitRelays():
                assert self._path is not None
                self._path.perform(message)
            case OpenStream() | CloseStream():
                self._tunnels.perform(message)
            case SendBeside(data=data, to=to):
                self._send(data, to)
            case _ if self._perform_elsewhere is not None:
                self._perform_elsewhere(message)

    async def _until_failure(self) -> None:
        await self._failure

    def _readable(self) -> None:
        """The event loop says so; unless a turn for the socket is to come anyway."""
        if not self._comes_back:
            self._read_and_tell()

    def _read_and_tell(self) -> None:
        self._read()
        self._tell_after_datagrams()

    def _tell_after_datagrams(self) -> None:
        if self.after_datagrams is None or not self._is_running:
            return
        try:
            self.after_datagrams()
        except Exception as error:  # it asks the core for sound
            self._fail(error)
            raise

    def _read(self) -> None:
        """One turn: a batch of datagrams, and what follows from it."""
        if not self._is_running:
            return
        assert self._path is not None
        self._has_turn = True
        waiting = self._path.waiting
        now_s = self._loop.time()
        until_s = now_s + TURN_S
        try:
            self._path.fill(now_s)
            self._doors.fill(waiting, WAITING_MAX)
            while waiting and now_s < until_s:
                data, source = waiting.popleft()
                is_beside = self._tunnels.takes(source)
                fact = (DatagramBeside if is_beside else events.DatagramReceived)(data, source)
                self._take(self._handle_logged(fact, now_s))
                now_s = self._loop.time()
        except Exception as error:
            self._fail(error)
            raise
        self._turn()
        self._come_back()

    def _come_back(self) -> None:
        """The next turn for the socket: when it has something, by the clock, or at once."""
        assert self._path is not None and self._socket is not None
        if self._path.is_busy != self._is_polling:
            self._is_polling = self._path.is_busy
            if self._is_polling:
                self._loop.remove_reader(self._socket.fileno())
            else:
                self._loop.add_reader(self._socket.fileno(), self._readable)
        self._comes_back = self._is_polling or bool(self._path.waiting)
        if self._return is not None:
            self._return.cancel()
        self._return = None
        if self._path.waiting:
            self._return = self._loop.call_soon(self._read)
        elif self._is_polling:
            self._return = self._loop.call_later(POLL_S, self._read)

    def _turn(self) -> None:
        """Do what the inbox holds and what is due; then wait for the next deadline."""
        if not self._is_running:
            return
        self._has_turn = True
        try:
            self._empty_inbox()
            deadline_s, now_s = self.core.deadline_s(), self._loop.time()
            if deadline_s is not None and deadline_s <= now_s:
                self._take(self.core.on_time(now_s))
                self._empty_inbox()
                deadline_s, now_s = self.core.deadline_s(), self._loop.time()
            self._arm(deadline_s, now_s)
        except Exception as error:
            self._fail(error)
            raise
        self._has_turn = False

    def _empty_inbox(self) -> None:
        while self._inbox:
            self._take(self._inbox.popleft()(self._loop.time()))

    def _fail(self, error: Exception) -> None:
        """The core is broken: it gets no other turn, and run() ends with the error."""
        assert self._socket is not None
        self._is_running = False
        self._loop.remove_reader(self._socket.fileno())
        if not self._failure.done():
            self._failure.set_exception(error)

    def _arm(self, deadline_s: float | None, now_s: float) -> None:
        """Take a turn at the core's deadline; one timer for everything."""
        if self._timer is not None:
            if deadline_s is not None and now_s < self._timer.when() <= deadline_s:
                return  # to wake up early once is cheaper than a new timer after each datagram
            self._timer.cancel()
        self._timer = None if deadline_s is None else self._loop.call_at(deadline_s, self._turn)

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

    async def _watch_relays(self) -> None:
        assert self._path is not None
        while True:
            await asyncio.sleep(RELAYS_INTERVAL_S)
            if uses := self._path.report(self._loop.time()):
                self.tell(RelayUsed(uses))

    def _wall_clock(self) -> events.WallClockRead:
        utc_s = time.time()
        return events.WallClockRead(utc_s, float(time.localtime(utc_s).tm_gmtoff))

    def _send(self, data: bytes, to: Endpoint) -> None:
        assert self._socket is not None
        self._socket.send(data, to)

    def _came_by_tunnel(self, data: bytes, source: Endpoint) -> None:
        if len(self._inbox) < INBOX_MAX:
            self.tell(events.DatagramReceived(data, source))
        else:
            self._tunnelled_dropped += 1

    def _submit(self, job: Callable[[], Fact]) -> None:
        """Run `job` in a worker thread; its fact comes back through the inbox."""
        if self._jobs_waiting >= JOBS_MAX:
            self._jobs_dropped += 1
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
