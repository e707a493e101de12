"""Our whole telephone in the benchmark: two boxes as `fernruf box` starts them, and a call.

Directory, signalling, OLED, store, simulated sound cards, encrypted speech: all that a box does.
Units: `_s` seconds; CPU of one box, MB resident at the end of the call.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

from firmware.box import REST_FIRST_S
from firmware.demo.actor import CALLEE, CALLER, Actor, Place, acting, configure
from firmware.demo.network import Network
from firmware.model import CallState, Codec
from firmware.shell.state import IDENTITY, StateDir

REST_S = REST_FIRST_S + 1.0  # a telephone has been at rest when it is lifted
READY_MAX_S, STEP_MAX_S, POLL_S = 60.0, 10.0, 0.1
SETTLED_S = 10.0  # after the answer: paths are found, both cards run, the beginning is let go
_IDENTITIES = Path(__file__).parents[2] / "tests" / "vectors" / "identities.json"
_NAMES = {CALLER.letter: "anna", CALLEE.letter: "bert"}


async def call(codec: Codec, seconds: float) -> list[tuple[float, float]]:
    """CPU seconds per minute of call and MB of each box, caller first."""
    network = Network(1)
    await network.open()
    running = asyncio.create_task(network.run())
    try:
        with tempfile.TemporaryDirectory() as folder:
            return await _call(network.bootstrap, Path(folder), codec, seconds)
    finally:
        running.cancel()


async def _call(
    bootstrap: tuple[str, ...], out: Path, codec: Codec, seconds: float
) -> list[tuple[float, float]]:
    identities = json.loads(_IDENTITIES.read_text())
    for role in (CALLER, CALLEE):  # numbers that need no search
        state = StateDir(Place.of(role, out).state)
        state.write(IDENTITY, json.dumps(identities[_NAMES[role.letter]]).encode())
    a, b = (configure(role, out, bootstrap, codec) for role in (CALLER, CALLEE))
    sockets = out / "sockets"
    sockets.mkdir()
    async with (
        acting(CALLER, out, sockets, a, None) as anna,
        acting(CALLEE, out, sockets, b, None) as bert,
    ):
        both = (anna, bert)
        await asyncio.gather(*(_until_reachable(one) for one in both))
        await asyncio.sleep(REST_S)
        await anna.lift()
        await anna.wait(CallState.OFF_HOOK, STEP_MAX_S)
        for key in (await bert.status())["number"]:
            await anna.press(key)
        await bert.wait(CallState.RINGING, STEP_MAX_S)
        await bert.lift()
        await anna.wait(CallState.CONNECTED, STEP_MAX_S)
        await asyncio.sleep(SETTLED_S)
        began_s, before = time.monotonic(), [await _used(one) for one in both]
        await asyncio.sleep(seconds)
        after, passed_s = [await _used(one) for one in both], time.monotonic() - began_s
        await anna.replace()
    return [
        (60 * (now_s - then_s) / passed_s, mb)
        for (then_s, _), (now_s, mb) in zip(before, after, strict=True)
    ]


async def _until_reachable(actor: Actor) -> None:
    for _ in range(round(READY_MAX_S / POLL_S)):
        if (await actor.status())["reachable"]:
            return
        await asyncio.sleep(POLL_S)
    raise TimeoutError("not reachable")


async def _used(actor: Actor) -> tuple[float, float]:
    process = (await actor.status())["process"]
    return process["cpu_s"], process["rss_mb"]
