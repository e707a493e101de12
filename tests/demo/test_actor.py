"""What the demo writes for a box, and how its hand and eye handle one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware.config import parse_config
from firmware.demo.actor import CALLEE, CALLER, Actor, Place, acting, configure, keep_identity
from firmware.errors import CommandError
from firmware.identity import IdentityFile
from firmware.model import CallState, Codec
from firmware.shell.control import Answer, ControlClient, ControlServer, Handler
from firmware.shell.state import IDENTITY, StateDir
from tests.demo.pictures import picture

BOOTSTRAP = ("127.0.0.1:6001", "127.0.0.1:6002")


@pytest.mark.parametrize("out", ["/somewhere", '/with "quotes" and \\', "/Gespräche/☎"])
def test_configuration_is_read_by_the_box_as_it_was_meant(out: str) -> None:
    role = replace(CALLER, name='Jack "the voice"', speech=Path(out) / "speech.wav")
    config = parse_config(configure(role, Path(out), BOOTSTRAP, Codec.PCMU), "box.toml")
    assert config.identity.name == role.name
    assert config.network.bootstrap == BOOTSTRAP
    assert config.network.bind == "127.0.0.1:0"
    assert not config.network.mdns
    assert config.hardware.kind == "simulated"
    assert config.audio.capture == f"file:{role.speech}"
    assert config.audio.playback == f"file:{out}/heard_a.wav"
    assert config.codec.preference == (Codec.PCMU,)


def test_places_of_the_two_boxes_do_not_meet() -> None:
    one, other = Place.of(CALLER, Path("/x")), Place.of(CALLEE, Path("/x"))
    assert not {one.config, one.state, one.log, one.heard} & {
        other.config,
        other.state,
        other.log,
        other.heard,
    }


def test_identity_depends_on_seed_and_role_and_on_nothing_else(tmp_path: Path) -> None:
    keys = set()
    for index, (role, seed) in enumerate(
        [(CALLER, 1), (CALLER, 1), (CALLER, 2), (CALLEE, 1), (CALLEE, 2)]
    ):
        state = StateDir(tmp_path / str(index))
        keep_identity(state, role, seed)
        keys.add(state.load_identity().identity.public_key)
    assert len(keys) == 4


def test_identity_with_its_number_is_kept_for_the_next_run(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    keep_identity(state, CALLER, 1)
    complete = IdentityFile(state.load_identity().identity, bytes(range(16)))
    state.write(IDENTITY, complete.encode())
    keep_identity(state, CALLER, 1)
    assert state.load_identity() == complete
    keep_identity(state, CALLER, 2)
    assert state.load_identity().modifier is None


async def ask(
    handlers: dict[str, Handler], directory: Path, play: Callable[[Actor], Awaitable[None]]
) -> None:
    """Let `play` handle a box that answers as `handlers` say."""
    server = ControlServer(directory / "control", handlers)
    await server.open()
    serving = asyncio.create_task(server.run())
    async with (
        ControlClient.open(directory / "control") as hand,
        ControlClient.open(directory / "control") as eye,
    ):
        await play(Actor(CALLEE, Place.of(CALLEE, directory), hand, eye))
    serving.cancel()


def test_actor_presses_the_key_it_was_told_and_knows_when(tmp_path: Path) -> None:
    pressed = []

    async def press(request: Mapping[str, Any]) -> Answer:
        pressed.append((request["digits"], time.monotonic()))
        return {}

    async def play(actor: Actor) -> None:
        before_s = time.monotonic()
        pressed_s = await actor.press("7")
        assert pressed[0][0] == "7"
        assert before_s <= pressed_s <= pressed[0][1]

    asyncio.run(ask({"press": press}, tmp_path, play))


def test_actor_looks_while_its_hand_waits(tmp_path: Path) -> None:
    shown = picture((1, 1))
    rang = asyncio.Event()

    async def wait(request: Mapping[str, Any]) -> Answer:
        assert request["state"] == "ringing"
        await rang.wait()
        return {}

    async def screen(_request: Mapping[str, Any]) -> Answer:
        rang.set()
        pixels = shown.pixels.hex()
        return {"lines": list(shown.lines), "pixels": pixels, "width": 128, "height": 64}

    async def play(actor: Actor) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(actor.wait(CallState.RINGING, 5.0))
            looks = [tasks.create_task(actor.look()) for _ in range(3)]
        assert [look.result() for look in looks] == [shown] * 3

    asyncio.run(ask({"wait": wait, "screen": screen}, tmp_path, play))


def test_actor_tells_whose_box_refused_and_why(tmp_path: Path) -> None:
    async def wait(_request: Mapping[str, Any]) -> Answer:
        raise CommandError("still idle after 1 s, not ringing")

    async def play(actor: Actor) -> None:
        with pytest.raises(CommandError, match=r"^June's box: still idle after 1 s"):
            await actor.wait(CallState.RINGING, 1.0)

    asyncio.run(ask({"wait": wait}, tmp_path, play))


def test_box_that_cannot_start_is_quoted_and_nothing_is_left_running(tmp_path: Path) -> None:
    async def play() -> None:
        async with acting(CALLER, tmp_path, tmp_path, "[audio]\nvolume = 11\n", seed=1):
            raise AssertionError("a box with a wrong configuration started")

    with pytest.raises(CommandError, match=r"^Jack's box stopped: .*volume: unknown key"):
        asyncio.run(play())
