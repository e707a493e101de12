"""The shell on real sockets and threads, around cores made for the purpose."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from firmware import events
from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import HardwareError
from firmware.events import Message
from firmware.model import Endpoint
from firmware.shell.batches import ROWS
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.jobs import Argon2Cost, compute_argon2, resolve_host
from firmware.shell.shell import INBOX_MAX, JOBS_MAX, TURN_S, Shell
from firmware.shell.state import StateDir

LOOPBACK = Endpoint("127.0.0.1", 0)
CHEAP = Argon2Cost(memory_kib=8, passes=1)


class Recorder:
    """A core that answers each kind of fact with what the test wants, and says when it is done."""

    def __init__(self, answers: dict[type, list[Message]], until: Callable[[], bool]) -> None:
        self.heard: list[Message] = []
        self.done = asyncio.Event()
        self.due_s: float | None = None
        self.woken_s: list[float] = []
        self.answers = answers
        self._until = until

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        self.heard.append(fact)
        if self._until():
            self.done.set()
        return self.answers.get(type(fact), [])

    def on_time(self, now_s: float) -> list[Message]:
        self.woken_s.append(now_s)
        self.due_s = None
        self.done.set()
        return []

    def deadline_s(self) -> float | None:
        return self.due_s

    def of(self, kind: type) -> list[Message]:
        return [fact for fact in self.heard if isinstance(fact, kind)]


async def run_until_done(shell: Shell, core: Recorder) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(shell.run())
        await core.done.wait()
        running.cancel()


def in_loop(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(main())


def test_core_hears_the_clock_before_it_is_started() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: len(core.heard) >= 2)
        shell = Shell(core)
        await shell.open(LOOPBACK)
        await run_until_done(shell, core)
        assert [type(fact) for fact in core.heard] == [events.WallClockRead, events.Started]

    in_loop(story)


def test_datagram_to_oneself_comes_back_as_a_fact() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: bool(core.of(events.DatagramReceived)))
        shell = Shell(core)
        local = await shell.open(LOOPBACK)
        shell.post(lambda _now_s: [events.SendDatagram(b"hello", local)])
        await run_until_done(shell, core)
        assert core.of(events.DatagramReceived) == [events.DatagramReceived(b"hello", local)]

    in_loop(story)


def test_oversized_datagram_is_dropped_and_counted() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: bool(core.of(events.DatagramReceived)))
        shell = Shell(core)
        local = await shell.open(LOOPBACK)
        shell.post(lambda _now_s: [events.SendDatagram(bytes(DATAGRAM_BYTES_MAX + 1), local)])
        shell.post(lambda _now_s: [events.SendDatagram(b"small", local)])
        await run_until_done(shell, core)
        assert len(core.of(events.DatagramReceived)) == 1
        assert shell.counters.datagrams_dropped == 1

    in_loop(story)


def test_datagram_to_an_impossible_address_is_counted() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: bool(core.of(events.Started)))
        shell = Shell(core)
        await shell.open(LOOPBACK)
        shell.post(lambda _now_s: [events.SendDatagram(b"x", Endpoint("::1", 9))])
        await run_until_done(shell, core)
        assert shell.counters.socket_errors == 1

    in_loop(story)


def test_flood_keeps_no_timer_waiting() -> None:
    class Slow(Recorder):
        """Half a millisecond of work on each datagram; they come faster than that."""

        def handle(self, fact: Message, now_s: float) -> list[Message]:
            end_s = time.perf_counter() + 0.0005
            while isinstance(fact, events.DatagramReceived) and time.perf_counter() < end_s:
                pass
            return super().handle(fact, now_s)

    async def story() -> None:
        core = Slow({}, lambda: len(core.of(events.DatagramReceived)) >= 400)
        shell = Shell(core)
        local = await shell.open(LOOPBACK)
        with closing(DatagramSocket(LOOPBACK)) as flooder:
            for _ in range(400):
                flooder.send(b"flood", local)
            ticks_s: list[float] = []
            running = asyncio.create_task(shell.run())
            while not core.done.is_set():
                await asyncio.sleep(0.001)
                ticks_s.append(time.perf_counter())
            running.cancel()
        # 200 ms of work; to wake a task by a timer takes the event loop three rounds
        assert len(ticks_s) > 0.200 / (4 * TURN_S)

    in_loop(story)


def test_sound_plane_has_its_turn_in_the_middle_of_a_flood() -> None:
    async def story() -> None:
        heard_at_turn: list[int] = []
        core = Recorder({}, lambda: len(core.of(events.DatagramReceived)) >= 200)
        shell = Shell(core)
        local = await shell.open(LOOPBACK)

        def sound(_now_s: float) -> list[Message]:
            heard_at_turn.append(len(core.of(events.DatagramReceived)))
            return []

        with closing(DatagramSocket(LOOPBACK)) as flooder:
            for _ in range(200):
                flooder.send(b"flood", local)
            running = asyncio.create_task(shell.run())
            while not core.done.is_set():
                shell.post(sound)
                await asyncio.sleep(0)
            running.cancel()
        steps = [after - before for before, after in itertools.pairwise(heard_at_turn)]
        assert max(steps) <= 2 * ROWS  # a turn that was left unfinished, and another

    in_loop(story)


def test_hash_is_answered_with_its_question() -> None:
    async def story() -> None:
        question = events.ComputeArgon2(b"secret", b"eight bytes")
        core = Recorder({events.Started: [question]}, lambda: bool(core.of(events.Argon2Computed)))
        shell = Shell(core, argon2_cost=CHEAP)
        await shell.open(LOOPBACK)
        await run_until_done(shell, core)
        expected = compute_argon2(b"secret", b"eight bytes", CHEAP)
        assert core.of(events.Argon2Computed) == [expected]

    in_loop(story)


def test_jobs_above_the_limit_are_dropped_and_counted() -> None:
    async def story() -> None:
        question = events.ComputeArgon2(b"secret", b"eight bytes")
        core = Recorder(
            {events.Started: [question] * (JOBS_MAX + 3)},
            lambda: len(core.of(events.Argon2Computed)) == JOBS_MAX,
        )
        shell = Shell(core, argon2_cost=CHEAP)
        await shell.open(LOOPBACK)
        await run_until_done(shell, core)
        assert shell.counters.jobs_dropped == 3

    in_loop(story)


def test_so_many_datagrams_of_a_tunnel_wait_and_those_on_top_are_dropped_and_counted() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: len(core.of(events.DatagramReceived)) == INBOX_MAX)
        shell = Shell(core)
        await shell.open(LOOPBACK)
        for i in range(INBOX_MAX + 1):
            shell._came_by_tunnel(b"%d" % i, LOOPBACK)
        await run_until_done(shell, core)
        heard = [fact.data for fact in core.heard if isinstance(fact, events.DatagramReceived)]
        assert heard == [b"%d" % i for i in range(INBOX_MAX)]
        assert shell.counters.datagrams_dropped == 1

    in_loop(story)


def test_deadline_wakes_the_core_in_time() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: False)
        shell = Shell(core)
        await shell.open(LOOPBACK)
        due_s = asyncio.get_running_loop().time() + 0.05
        core.due_s = due_s
        await run_until_done(shell, core)
        assert due_s - 0.01 <= core.woken_s[0]

    in_loop(story)


def test_state_is_written_before_the_shell_ends(tmp_path: Path) -> None:
    async def story() -> None:
        stored = events.StoreState("peers.json", b"{}")
        core = Recorder({events.Started: [stored]}, lambda: bool(core.of(events.Started)))
        shell = Shell(core, state=StateDir(tmp_path))
        await shell.open(LOOPBACK)
        await run_until_done(shell, core)

    in_loop(story)
    assert json.loads((tmp_path / "peers.json").read_text()) == {}


def test_exception_of_a_core_ends_the_shell() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: False)
        shell = Shell(core)
        await shell.open(LOOPBACK)
        shell.post(lambda _now_s: [][0])
        with pytest.raises(ExceptionGroup) as raised:
            await run_until_done(shell, core)
        assert raised.group_contains(IndexError)

    in_loop(story)


def test_what_follows_datagrams_is_asked_after_each_batch_and_ends_the_shell_if_it_fails() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: False)
        shell = Shell(core)
        local = await shell.open(LOOPBACK)
        asked: list[int] = []

        def after() -> None:
            asked.append(len(core.of(events.DatagramReceived)))
            if len(asked) == 2:
                raise IndexError
            sender.sendto(b"again", (local.host, local.port))

        shell.after_datagrams = after
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"once", (local.host, local.port))
            with pytest.raises(ExceptionGroup) as raised:
                await run_until_done(shell, core)
        assert raised.group_contains(IndexError) and asked == [1, 2]

    in_loop(story)


def test_port_in_use_is_an_error_that_names_it() -> None:
    async def story() -> None:
        core = Recorder({}, lambda: bool(core.of(events.Started)))
        first, second = Shell(core), Shell(core)
        local = await first.open(LOOPBACK)
        with pytest.raises(HardwareError, match=str(local.port)):
            await second.open(local)
        await run_until_done(first, core)

    in_loop(story)


def test_name_without_an_address_resolves_to_nothing() -> None:
    assert resolve_host("nobody.invalid:6881").endpoints == ()
    assert resolve_host("127.0.0.1:99999").endpoints == ()


def test_numeric_host_resolves_to_itself() -> None:
    assert resolve_host("127.0.0.1:6881").endpoints == (Endpoint("127.0.0.1", 6881),)
