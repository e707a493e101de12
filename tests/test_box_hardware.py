"""Whole boxes with telephones that break: cut, pulled out, reset and put back in each state.

The box is a real one (`kind = "pi"`) whose telephone is the adapter's program in MicroPython, or a
simulated one whose header is short, cut or noisy; what it says of it is read as its owner would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware.box import Box
from firmware.codec.dtmf import key_tone
from firmware.config import parse_config
from firmware.handset import parse_handset
from firmware.model import silence
from firmware.shell.control import ControlClient
from firmware.shell.state import IDENTITY, StateDir
from tests.adapter.pico_process import MICROPYTHON, RM, SHK, Pico, Wire, lay_out
from tests.demo.sounds import write_wav

IDENTITIES = Path(__file__).parent / "vectors" / "identities.json"
WAIT_S = 30.0
NUMBER = "471108151234"
HOOK = 22

needs_micropython = pytest.mark.skipif(
    shutil.which(MICROPYTHON) is None, reason="no MicroPython for this processor"
)


@contextlib.asynccontextmanager
async def running_box(
    folder: Path, config: str, handset: str, capture: str = "null"
) -> AsyncIterator[ControlClient]:
    """A box with Anna's identity, no network and nothing to hear."""
    state = StateDir(folder / "state")
    state.write(IDENTITY, json.dumps(json.loads(IDENTITIES.read_text())["anna"]).encode())
    text = f"""
        [network]
        bind = "127.0.0.1:0"
        mdns = false
        public_routers = false
        [audio]
        capture = "{capture}"
        playback = "null"
        {config}
    """
    box = Box(parse_config(text, "box.toml"), parse_handset(handset, "h"), state, folder / "sock")
    await box.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(box.run())
        async with ControlClient.open(folder / "sock") as client:
            yield client
        await box.hang_up()
        task.cancel()


@contextlib.asynccontextmanager
async def box_with_adapter(
    folder: Path, pico: Pico, capture: str = "null"
) -> AsyncIterator[ControlClient]:
    """Pty to pty: the box opens the one, the Pico has the other."""
    wire = Wire()
    loop = asyncio.get_running_loop()
    loop.add_reader(wire.ours, lambda: pico.line.write(wire.read(0)))
    loop.add_reader(pico.line.ours, lambda: wire.write(pico.line.read(0)))
    handset = f'[telephone]\nkind = "adapter"\n[adapter]\nport = "{wire.path}"\n'
    try:
        config = '[hardware]\nkind = "pi"\noled = false\n'
        async with running_box(folder, config, handset, capture) as client:
            yield client
    finally:
        loop.remove_reader(wire.ours)
        loop.remove_reader(pico.line.ours)
        wire.close()


async def comes_to(client: ControlClient, state: str) -> dict[str, Any]:
    """The status as soon as the telephone is in `state`."""
    await client.request("wait", state=state, timeout_s=WAIT_S)
    return await client.request("status")


async def until(client: ControlClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status as soon as `holds` is true of it; faults are announced to nobody."""
    async with asyncio.timeout(WAIT_S):
        while True:
            status = await client.request("status")
            if holds(status):
                return status
            await asyncio.sleep(0.05)


def run(story: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(4 * WAIT_S):
            await story

    asyncio.run(main())


async def press(pico: Pico, keys: str) -> None:
    for key in keys:
        row, column = divmod("123A456B789C*0#D".index(key), 4)
        pico.key(row, column, 1)
        await asyncio.sleep(0.12)
        pico.key(row, column, 0)
        await asyncio.sleep(0.12)


@needs_micropython
@pytest.mark.slow
def test_box_whose_adapter_dies_says_so_hangs_up_and_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        pico = Pico(lay_out(tmp_path / "pico"))
        async with box_with_adapter(tmp_path, pico) as client:
            for digits, state in (("", "off_hook"), ("47", "dialling"), (NUMBER, "failed")):
                pico.level(SHK, 1)
                await comes_to(client, "off_hook")
                await press(pico, digits)
                await comes_to(client, state)
                pico.kill()
                status = await until(client, lambda status: "adapter" in status["faults"])
                assert status["faults"]["adapter"] == "the adapter does not answer"
                pico.power_up()  # its simulated pins are low: on the hook
                status = await until(client, lambda status: not status["faults"])
                await comes_to(client, "idle")
        pico.close()

    run(story())


@needs_micropython
@pytest.mark.slow
def test_box_whose_adapter_is_gone_for_good_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        pico = Pico(lay_out(tmp_path / "pico"))
        async with box_with_adapter(tmp_path, pico) as client:
            pico.level(SHK, 1)
            await comes_to(client, "off_hook")
            pico.kill()
            status = await comes_to(client, "idle")
            assert "adapter" in status["faults"]
            assert (RM, 1) not in [(pin, level) for pin, level, _ in pico.look(0.1)]
        pico.close()

    run(story())


@needs_micropython
@pytest.mark.slow
def test_telephone_behind_the_adapter_dials_by_tones(tmp_path: Path) -> None:
    pause, line = silence(), tmp_path / "line.wav"
    often = [*[pause] * 25, *key_tone("7"), *key_tone("7"), *[pause] * 50] * 10  # may be missed
    write_wav(line, np.concatenate(often))

    async def story() -> None:
        pico = Pico(lay_out(tmp_path / "pico"))
        async with box_with_adapter(tmp_path, pico, f"file:{line}") as client:
            await comes_to(client, "idle")
            for _ in range(2):
                pico.level(SHK, 1)
                await comes_to(client, "dialling")
                pico.level(SHK, 0)
                await comes_to(client, "idle")
        pico.close()

    run(story())


def test_box_without_any_telephone_says_what_is_missing_on_its_screen_too(tmp_path: Path) -> None:
    async def story() -> None:
        handset = '[telephone]\nkind = "usb"\n'
        config = '[hardware]\nkind = "pi"\noled = false\n'
        async with running_box(tmp_path, config, handset) as client:
            status = await until(client, lambda status: "usb phone" in status["faults"])
            assert status["faults"]["usb phone"] == "no telephone on USB"
            screen = await until(client, lambda now: "no USB phone" in " ".join(now["screen"]))
            assert screen["state"] == "idle"

    run(story())
