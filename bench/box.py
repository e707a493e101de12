"""The box itself: from the finger to the fact, the display and the ear; its start, CPU and memory.

`python -m bench.box [--rounds N] [--json]` prints one JSON object. Real drivers, shell and phone on
simulated chips in this process: a key to the fact and to the glass (the I2C bus at 400 kHz added by
bytes), the hook to dial tone (the moment at which the card plays it). A process of its own:
`fernruf box` from its start to dial tone, its CPU and memory at rest, and what each import costs.
The adapter's program runs in MicroPython; an event is from the edge at its pin to the fact here.
The peer in the same run: a process that only has Python's asyncio, as the least there can be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from bench.fingers.latency import AdapterBench, PhoneBench
from bench.usage import cpu_s, resident_mib
from firmware.config import parse_config
from firmware.errors import CommandError
from firmware.handset import Handset
from firmware.phone_setup import phone_setup
from firmware.shell.control import ControlClient
from firmware.shell.state import IDENTITY, StateDir

ROOT = Path(__file__).resolve().parent.parent
IDENTITIES = ROOT / "tests" / "vectors" / "identities.json"
REST_S = 20.0  # at rest, after the first minute's haste
SETTLE_S = 8.0
START_MAX_S = 60.0
LOUD = 500  # of 32767: dial tone, and no click
IMPORTS = (
    "asyncio", "numpy", "PIL.ImageDraw", "sqlite3", "nacl.bindings",
    "firmware.handshake", "argon2.low_level", "zeroconf.asyncio",
    "firmware.overlay.directory", "firmware.media.session", "firmware.call.machine",
    "firmware.phone", "firmware.box",
    "pylibsrtp", "firmware.page.load",  # at the first lifting or ringing; if there is a page
)  # fmt: skip


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder) / "phone")
        state.write(IDENTITY, json.dumps(json.loads(IDENTITIES.read_text())["anna"]).encode())
        setup = phone_setup(parse_config("", "box.toml"), Handset(), state)
        report: dict[str, Any] = asyncio.run(PhoneBench(setup).run(arguments.rounds))
        report |= AdapterBench(Path(folder) / "pico").run(max(100, arguments.rounds))
        starts = [asyncio.run(cold_start(Path(folder) / str(n))) for n in range(3)]
        report["cold_start_to_dial_tone_s"] = round(statistics.median(starts), 2)
        report |= asyncio.run(at_rest(Path(folder) / "rest"))
    report["import_private_mb"] = imports()
    report["peer_asyncio_only"] = bare()
    print(json.dumps(report, indent=1))
    return 0


def start_box(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A simulated box of its own, with a ready identity, whose ear is a file."""
    folder.mkdir()
    (folder / "state").mkdir()
    identity = json.loads(IDENTITIES.read_text())["anna"]
    (folder / "state" / IDENTITY).write_text(json.dumps(identity))
    (folder / "state" / IDENTITY).chmod(0o600)
    (folder / "box.toml").write_text(
        '[hardware]\nkind = "simulated"\n[network]\nbind = "127.0.0.1:0"\n'
        f'[audio]\nplayback = "file:{folder}/ear.wav"\n'
    )
    command = [sys.executable, "-m", "firmware", "box", "--config", str(folder / "box.toml")]
    command += ["--state", str(folder / "state"), "--control", str(folder / "sock")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, stderr=log), folder / "sock"


async def client_of(sock: Path, stack: contextlib.AsyncExitStack) -> ControlClient:
    """A client as soon as the box listens."""
    deadline_s = time.monotonic() + START_MAX_S
    while True:
        try:
            return await stack.enter_async_context(ControlClient.open(sock))
        except CommandError:
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(0.005)


async def cold_start(folder: Path) -> float:
    """From the start of the process to dial tone, lifted as soon as the box can be asked to."""
    began_s = time.monotonic()
    process, sock = start_box(folder)
    try:
        async with contextlib.AsyncExitStack() as stack:
            client = await client_of(sock, stack)
            await client.request("lift")
            await asyncio.sleep(1.0)
            status = await client.request("status")
            await client.request("replace")
            await asyncio.sleep(1.0)
    finally:
        process.terminate()
        process.wait(10.0)
    with wave.open(str(folder / "ear.wav"), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(int)
    first = int(np.argmax(np.abs(samples) > LOUD))
    return float(status["audio"]["playback_started_s"]) + first / 16_000 - began_s


async def at_rest(folder: Path) -> dict[str, Any]:
    """CPU and memory of a box that nobody touches."""
    process, sock = start_box(folder)
    try:
        async with contextlib.AsyncExitStack() as stack:
            await client_of(sock, stack)
        await asyncio.sleep(SETTLE_S)
        before_s = cpu_s(process.pid)
        await asyncio.sleep(REST_S)
        used_s = cpu_s(process.pid) - before_s
        return {
            "idle_cpu_percent": round(100 * used_s / REST_S, 2),
            "idle_rss_mb": round(resident_mib(process.pid), 1),
            "idle_private_mb": round(private_mb(process.pid), 1),
        }
    finally:
        process.terminate()
        process.wait(10.0)


def imports() -> dict[str, float]:
    """What each import adds to the memory that a process shares with no other, in this order."""
    code = (
        "import ctypes, gc, json, sys\n"
        "def mb():\n"
        "    gc.collect(); ctypes.CDLL(None).malloc_trim(0)\n"
        "    lines = open('/proc/self/smaps_rollup').read().splitlines()\n"
        "    return sum(int(l.split()[1]) for l in lines if l.startswith('Private_')) / 1024\n"
        "before, found = mb(), {'python': round(mb(), 1)}\n"
        "for name in sys.argv[1:]:\n"
        "    __import__(name.removesuffix('.load'))\n"
        "    sys.modules[name[:-5]].load() if name.endswith('.load') else None\n"
        "    found[name], before = round(mb() - before, 1), mb()\n"
        "print(json.dumps(found))\n"
    )
    command = [sys.executable, "-c", code, *IMPORTS]
    found: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True,
                                                        check=True).stdout)  # fmt: skip
    return found


def bare() -> dict[str, float]:
    """A process with an event loop and nothing else: start and memory."""
    began_s = time.monotonic()
    code = (
        "import asyncio\nasyncio.run(asyncio.sleep(0))\n"
        "print(int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return {
        "start_s": round(time.monotonic() - began_s, 2),
        "rss_mb": round(float(done.stdout), 1),
    }


def private_mb(pid: int) -> float:
    """The part of it that no other process could share: no code of a library."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024


if __name__ == "__main__":
    raise SystemExit(main())
