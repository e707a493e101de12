"""What systemd hears, on a socket of our own."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from firmware.shell.service import Service


def heard(listener: socket.socket) -> bytes:
    return listener.recv(100)


def test_box_says_ready_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        service = Service({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        service.ready()
        assert heard(listener) == b"READY=1"
        service.stopping()
        assert heard(listener) == b"STOPPING=1"


def test_box_says_that_it_lives_twice_in_the_time_granted(tmp_path: Path) -> None:
    async def story(listener: socket.socket) -> float:
        loop = asyncio.get_running_loop()
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        living = asyncio.create_task(Service(environment).live())
        began_s = loop.time()
        for _ in range(4):
            assert await loop.sock_recv(listener, 100) == b"WATCHDOG=1"
        living.cancel()
        return loop.time() - began_s

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        assert asyncio.run(story(listener)) >= 0.14


def test_without_systemd_nothing_is_said() -> None:
    service = Service({})
    service.ready()
    asyncio.run(service.live())
