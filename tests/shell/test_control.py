"""The control socket over a real Unix socket: requests, refusals, limits."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import CommandError
from firmware.shell.control import (
    CONNECTIONS_MAX,
    LINE_BYTES_MAX,
    Answer,
    ControlClient,
    ControlServer,
)


async def echo(request: Mapping[str, Any]) -> Answer:
    return {"digits": request.get("digits")}


async def refuse(_request: Mapping[str, Any]) -> Answer:
    raise CommandError("this box has real hardware")


def serve(tmp_path: Path, story: Callable[[Path], Awaitable[None]]) -> None:
    """Run `story` against a server with the commands echo and refuse."""

    async def main() -> None:
        path = tmp_path / "control"
        server = ControlServer(path, {"echo": echo, "refuse": refuse})
        await server.open()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.run())
            await story(path)
            running.cancel()
        assert not path.exists()

    asyncio.run(main())


def test_request_is_answered(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        async with ControlClient.open(path) as client:
            assert await client.request("echo", digits="42") == {"digits": "42"}
            assert await client.request("echo", digits="#") == {"digits": "#"}

    serve(tmp_path, story)


def test_refusal_reaches_the_client_in_the_words_of_the_box(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        async with ControlClient.open(path) as client:
            with pytest.raises(CommandError, match="real hardware"):
                await client.request("refuse")
            with pytest.raises(CommandError, match="commands are: echo, refuse"):
                await client.request("explode")

    serve(tmp_path, story)


def test_lines_that_are_no_request_are_refused_and_the_next_is_served(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        bottomless = b"[" * 30_000  # deeper than the parser goes
        for line in (b"\xff\xfe", b"[]", b'"echo"', b"{}", b'{"command": ["echo"]}', bottomless):
            writer.write(line + b"\n")
            assert json.loads(await reader.readline())["ok"] is False, line
        writer.write(b'{"command": "echo", "digits": 1}\n')
        assert json.loads(await reader.readline()) == {"ok": True, "digits": 1}
        writer.close()

    serve(tmp_path, story)


def test_line_above_the_limit_ends_the_connection_with_a_reason(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * (2 * LINE_BYTES_MAX) + b"\n")
        assert json.loads(await reader.readline())["ok"] is False
        assert await reader.read() == b""
        writer.close()

    serve(tmp_path, story)


def test_connections_above_the_limit_are_refused(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        kept = [await asyncio.open_unix_connection(str(path)) for _ in range(CONNECTIONS_MAX)]
        for reader, writer in kept:
            writer.write(b'{"command": "echo"}\n')
            assert json.loads(await reader.readline())["ok"] is True
        reader, writer = await asyncio.open_unix_connection(str(path))
        assert json.loads(await reader.readline())["error"] == "too many connections"
        for _, writer_ in [*kept, (reader, writer)]:
            writer_.close()

    serve(tmp_path, story)


def test_second_server_on_the_same_path_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        with pytest.raises(CommandError, match="another box listens"):
            await ControlServer(path, {"echo": echo}).open()
        async with ControlClient.open(path) as client:
            assert await client.request("echo", digits="1") == {"digits": "1"}

    serve(tmp_path, story)


def test_socket_that_a_killed_box_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "control"))

    async def story(path: Path) -> None:
        async with ControlClient.open(path) as client:
            await client.request("echo")

    serve(tmp_path, story)


def test_path_that_is_no_socket_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    named = tmp_path / "box.toml"
    named.write_text("needed")

    async def story() -> None:
        with pytest.raises(CommandError, match="Address already in use"):
            await ControlServer(named, {"echo": echo}).open()

    asyncio.run(story())
    assert named.read_text() == "needed"


def test_path_longer_than_a_socket_may_have_is_refused_in_words(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(CommandError, match="too long"):
            await ControlServer(tmp_path / ("x" * 200), {"echo": echo}).open()

    asyncio.run(story())


def test_client_without_a_box_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with ControlClient.open(tmp_path / "nobody"):
            pass

    with pytest.raises(CommandError, match="no box listens"):
        asyncio.run(story())


def test_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        async with ControlClient.open(path) as client:
            await client.request("echo")
        mode = await asyncio.to_thread(path.stat)
        assert mode.st_mode & 0o777 == 0o600

    serve(tmp_path, story)
