"""Boxes in one process: real sockets, threads and control sockets, simulated chips."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.box import Box
from firmware.config import parse_config
from firmware.errors import CommandError, ConfigError
from firmware.handset import Handset
from firmware.model import Codec, Endpoint
from firmware.overlay.contacts import CONTACTS_FILE
from firmware.overlay.dht.acquaintances import NODES_FILE
from firmware.overlay.dht.node import Node
from firmware.phone_setup import phone_setup, usable_codecs
from firmware.shell.control import ControlClient
from firmware.shell.shell import Shell
from firmware.shell.state import IDENTITY, StateDir

IDENTITIES = Path(__file__).parent / "vectors" / "identities.json"
PUBLISH_TIMEOUT_S = 20.0


@contextlib.asynccontextmanager
async def running_exchange() -> AsyncIterator[Endpoint]:
    """One DHT node on loopback."""
    shell = Shell(Node((), os.urandom))
    local = await shell.open(Endpoint("127.0.0.1", 0))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(shell.run())
        yield local
        task.cancel()


@contextlib.asynccontextmanager
async def running_box(
    tmp_path: Path, name: str, more: str = "", *, bind: str = "127.0.0.1:0", bootstrap: str = ""
) -> AsyncIterator[ControlClient]:
    """A simulated box with a ready identity, and a client of its control socket."""
    state = StateDir(tmp_path / name)
    state.write(IDENTITY, json.dumps(json.loads(IDENTITIES.read_text())[name]).encode())
    text = f"""
        [identity]
        name = "{name}"
        [network]
        bind = "{bind}"
        bootstrap = [{f'"{bootstrap}"' if bootstrap else ""}]
        {more}
    """
    if "[hardware]" not in more:
        text += '[hardware]\nkind = "simulated"\n'
    control = tmp_path / f"{name}.sock"
    box = Box(parse_config(text, "box.toml"), Handset(), state, control)
    await box.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(box.run())
        async with ControlClient.open(control) as client:
            yield client
        await box.hang_up()
        task.cancel()


def in_loop(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await story()

    asyncio.run(main())


async def until(client: ControlClient, key: str, value: object) -> dict[str, Any]:
    """The status as soon as `key` has `value`."""
    async with asyncio.timeout(PUBLISH_TIMEOUT_S):
        while True:
            status = await client.request("status")
            if status[key] == value:
                return status


def test_two_boxes_talk_over_loopback_and_hang_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            running_exchange() as exchange,
            running_box(tmp_path, "anna", bootstrap=str(exchange)) as anna,
            running_box(tmp_path, "bert", bootstrap=str(exchange)) as bert,
        ):
            await until(anna, "reachable", True)
            number = (await until(bert, "reachable", True))["number"]
            await anna.request("lift")
            await anna.request("press", digits=number)
            await anna.request("wait", state="ringback", timeout_s=10)
            await bert.request("lift")
            await anna.request("wait", state="connected", timeout_s=10)
            status = await until(anna, "path", "direct")
            assert status["peer_number"] == number
            digits = status["authentication_digits"]
            assert len(digits) == 4
            await until(bert, "authentication_digits", digits)
            await anna.request("replace")
            await anna.request("wait", state="idle", timeout_s=10)
            await bert.request("wait", state="failed", timeout_s=10)
            assert (await bert.request("status"))["reason"] == "hung_up_by_peer"

    in_loop(story)


def test_status_has_every_key_that_scripts_use(tmp_path: Path) -> None:
    keys = "state number reachable peer_number codec path authentication_digits screen nodes"

    async def story() -> None:
        async with running_box(tmp_path, "anna") as anna:
            status = await anna.request("status")
            assert {*keys.split(), "exchanges", "rtp"} <= status.keys()
            assert status["state"] == "idle"
            assert status["screen"] == (await anna.request("screen"))["lines"]

    in_loop(story)


def test_wait_for_a_state_that_does_not_come_is_refused_in_words(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_box(tmp_path, "anna") as anna:
            with pytest.raises(CommandError, match="still idle after"):
                await anna.request("wait", state="connected", timeout_s=0.01)
            with pytest.raises(CommandError, match="states are"):
                await anna.request("wait", state="asleep", timeout_s=0.01)

    in_loop(story)


def test_press_of_a_key_that_is_not_there_presses_none(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_box(tmp_path, "anna") as anna:
            await anna.request("lift")
            await anna.request("wait", state="off_hook", timeout_s=5)
            with pytest.raises(CommandError, match="no key"):
                await anna.request("press", digits="2x")
            assert (await anna.request("status"))["state"] == "off_hook"

    in_loop(story)


def test_flash_is_no_hang_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_box(tmp_path, "anna") as anna:
            await anna.request("lift")
            await anna.request("wait", state="off_hook", timeout_s=5)
            await anna.request("press", digits="2")
            await anna.request("flash")
            assert (await anna.request("status"))["state"] == "dialling"

    in_loop(story)


def test_port_in_use_makes_the_box_take_another(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{other.getsockname()[1]}"

        async def story() -> None:
            async with running_box(tmp_path, "anna", bind=address) as anna:
                await anna.request("lift")
                await anna.request("wait", state="off_hook", timeout_s=5)

        in_loop(story)


def test_box_without_any_hardware_goes_on_and_says_what_is_missing(tmp_path: Path) -> None:
    async def story() -> None:
        hardware = '[hardware]\nkind = "pi"\n[audio]\ncapture = "nothing"\nplayback = "nothing"'
        async with running_box(tmp_path, "anna", hardware) as anna:
            status = await anna.request("status")
            assert any("no " in line for line in status["screen"]), status["screen"]
            with pytest.raises(CommandError, match="real hardware"):
                await anna.request("lift")

    in_loop(story)


def test_damaged_contacts_are_set_aside_and_the_box_starts(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.write(CONTACTS_FILE, b"half a fi")
    assert phone_setup(parse_config("", "box.toml"), Handset(), state).contacts == ()
    assert (tmp_path / f"{CONTACTS_FILE}.damaged").read_bytes() == b"half a fi"


def test_box_remembers_the_nodes_it_knew(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_exchange() as exchange:
            async with running_box(tmp_path, "anna", bootstrap=str(exchange)) as anna:
                await until(anna, "reachable", True)
            assert (tmp_path / "anna" / NODES_FILE).exists()
            async with running_box(tmp_path, "anna") as anna:  # no bootstrap this time
                assert (await until(anna, "reachable", True))["nodes"] >= 1

    in_loop(story)


def test_damaged_file_of_nodes_is_set_aside_and_the_box_starts(tmp_path: Path) -> None:
    async def story() -> None:
        StateDir(tmp_path / "anna").write(NODES_FILE, b"half a fi")
        async with running_box(tmp_path, "anna") as anna:
            await anna.request("status")
        assert (tmp_path / "anna" / f"{NODES_FILE}.damaged").exists()

    in_loop(story)


def test_codec_whose_library_is_missing_is_not_offered() -> None:
    config = parse_config('[codec]\npreference = ["opus", "pcma"]', "box.toml")
    assert usable_codecs(config, tuple(Codec)) == (Codec.OPUS, Codec.PCMA)
    assert usable_codecs(config, (Codec.PCMA, Codec.PCMU)) == (Codec.PCMA,)


def test_configuration_without_any_usable_codec_is_an_error_naming_the_key() -> None:
    config = parse_config('[codec]\npreference = ["opus"]', "box.toml")
    with pytest.raises(ConfigError, match=r"box\.toml: \[codec\] preference"):
        usable_codecs(config, (Codec.PCMA, Codec.PCMU))
