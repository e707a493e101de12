"""The watch over our addresses, with a stand-in for the kernel where it must change."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys

import pytest

from firmware.events import AddressesChanged, Fact
from firmware.model import Endpoint
from firmware.shell.addresses import POLL_S, AddressWatch, addresses_of

HOME, AWAY = Endpoint("192.0.2.1", 6881), Endpoint("198.51.100.1", 6881)


def watched(readings: list[tuple[Endpoint, ...]], stirs: int) -> list[Fact]:
    """What is told when the kernel answers with `readings` in turn, and stirs so many times."""
    told: list[Fact] = []

    async def watch() -> None:
        read = asyncio.Semaphore(0)

        def reading(_local: Endpoint) -> tuple[Endpoint, ...]:
            read.release()
            return readings.pop(0)

        one = AddressWatch(told.append)
        task = asyncio.create_task(one.run(HOME, reading))
        await read.acquire()
        for _ in range(stirs):
            one.stir()
            await read.acquire()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(watch())
    return told


def test_addresses_are_told_at_once_and_when_they_change() -> None:
    told = watched([(HOME,), (HOME,), (HOME, AWAY), ()], stirs=3)
    assert told == [
        AddressesChanged((HOME,)),
        AddressesChanged((HOME, AWAY)),
        AddressesChanged(()),
    ]


def test_box_on_loopback_is_reached_there_and_nowhere_else() -> None:
    assert addresses_of(Endpoint("127.0.0.1", 4711)) == (Endpoint("127.0.0.1", 4711),)


def test_box_bound_to_everything_tells_no_address_of_the_machine_or_of_a_link() -> None:
    for everything in ("0.0.0.0", "::"):
        hosts = [host for host, *_ in addresses_of(Endpoint(everything, 4711))]
        assert not [host for host in hosts if host.startswith(("127.", "fe80:")) or host == "::1"]
    assert all(":" not in host for host, *_ in addresses_of(Endpoint("0.0.0.0", 1)))


def test_box_bound_to_an_address_that_is_gone_is_reached_nowhere() -> None:
    assert addresses_of(Endpoint("192.0.2.77", 4711)) == ()


def test_change_of_the_kernel_is_told_long_before_the_next_poll() -> None:
    """In a network namespace of its own, where this may be tried."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("ip") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", IN_NAMESPACE],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    before, after, after_s = done.stdout.split()
    assert (before, after) == ("0", "1")
    assert float(after_s) < POLL_S / 2


IN_NAMESPACE = """
import asyncio, subprocess, time
from firmware.shell.addresses import AddressWatch
from firmware.model import Endpoint

async def watch():
    told = asyncio.Queue()
    task = asyncio.create_task(AddressWatch(told.put_nowait).run(Endpoint("0.0.0.0", 1)))
    before = await told.get()
    subprocess.run(["ip", "addr", "add", "192.0.2.9/32", "dev", "lo"], check=True)
    begin_s = time.monotonic()
    after = await asyncio.wait_for(told.get(), 10)
    print(len(before.addresses), len(after.addresses), time.monotonic() - begin_s)
    task.cancel()

asyncio.run(watch())
"""
