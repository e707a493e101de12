"""aiortc (PyPI) in the benchmark; it has no sound card, bench/voice/aiortc_end.py says why."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from bench.voice.process import ended
from bench.voice.wire import Wire


def is_available() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("aiortc") is not None


async def call(
    wire: Wire, codec: str, environments: list[dict[str, str]], folder: Path, seconds: float
) -> list[dict[str, Any]]:
    """One call through `wire`; what it cost each end, and where its ears' files begin."""
    del environments
    faces = await wire.open()
    mouths = [str(folder / str(i) / "mouth.raw") for i in (0, 1)]
    ears = [str(folder / str(i) / "ear.raw") for i in (0, 1)]
    command = [sys.executable, "-m", "bench.voice.aiortc_end", "--codec", codec]
    command += ["--seconds", str(seconds), "--face", *map(str, faces)]
    command += ["--mouth", *mouths, "--ear", *ears]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    with ended() as ends:
        end = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=null)
        ends.append(end)
        assert end.stdout is not None
        ports = json.loads(await end.stdout.readline())["ports"]
        wire.connect(*ports)
        out, _ = await end.communicate()
    cost = json.loads(out.splitlines()[-1])
    return [{**cost, "ear_begins_s": cost["ear_begins_s"][i]} for i in (0, 1)]
