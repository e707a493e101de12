"""Our telephone in the benchmark."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

from bench.voice.process import ended
from bench.voice.wire import HOST, Wire

CODECS = {"opus": "opus", "g711": "pcma"}


def is_available() -> bool:
    """Always."""
    return True


async def call(
    wire: Wire, codec: str, environments: list[dict[str, str]], folder: Path, seconds: float
) -> list[dict[str, Any]]:
    """One call through `wire`; what it cost each end."""
    del folder
    faces = await wire.open()
    ports = (free_port(), free_port())
    wire.connect(*ports)
    pipe = asyncio.subprocess.PIPE
    with ended() as ends:
        for i, environment in enumerate(environments):
            command = [sys.executable, "-m", "bench.voice.ours_end", "--bind", str(ports[i])]
            command += ["--remote", str(faces[1 - i]), "--codec", CODECS[codec]]
            command += ["--seconds", str(seconds), *(["--first"] if i == 0 else [])]
            ends.append(
                await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe)
            )
        printed = [await end.communicate() for end in ends]
    return [json.loads(out.splitlines()[-1]) for out, _ in printed]


def free_port() -> int:
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((HOST, 0))
        port: int = one.getsockname()[1]
        return port
