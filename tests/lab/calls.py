"""Telephones in the lab: exchanges, nodes of the directory, boxes, and a call between two of them.

All are the real programs in processes of their own, with simulated hardware; the hand and the eye
outside are the control socket.
Units: `_s` seconds; moments are CLOCK_MONOTONIC, the same for all processes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.errors import CommandError
from firmware.shell.control import ControlClient
from firmware.shell.state import IDENTITY, StateDir
from tests.lab.sites import Lab, Site

PORT = 6881
TLS_PORT = 443
START_S = 120.0  # ten boxes that start at once, on a busy machine
RING_S = 30.0  # ten hashes at once, on a busy machine
HEAR_S = 10.0  # by TLS over a line that loses, TCP may stand still for seconds
TALK_S = 1.0  # how long a call is watched for its way to become direct
POLL_S = 0.02
IDENTITIES = Path(__file__).parents[1] / "vectors" / "lab_identities.json"
SPEECH = Path(__file__).parents[2] / "firmware" / "demo" / "speech" / "kennedy.wav"


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of one call; None = did not happen."""

    connected: bool
    path: str | None = None  # of the caller at the end: direct or relay
    ringback_s: float | None = None  # from the twelfth digit
    path_s: float | None = None  # from the callee's lifting until both ends may send speech
    first_voice_s: float | None = None  # from the callee's lifting to what the caller hears
    both_heard_s: float | None = None  # the same, until both hear the other
    direct_s: float | None = None  # from the answer until both ends have left the exchange
    problem: str = ""


class Box:
    """The hand and the eye outside one box."""

    def __init__(
        self,
        site: Site,
        number: str,
        process: subprocess.Popen[str],
        client: ControlClient,
        eye: ControlClient,
    ) -> None:
        self.site = site
        self.number = number
        self.process = process
        self._client = client
        self._eye = eye

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """One request of the control socket."""
        return await self._client.request(command, **arguments)

    async def status(self) -> dict[str, Any]:
        """Status, also while `ask` waits."""
        return await self._eye.request("status")

    async def until(self, key: str, value: object, within_s: float) -> dict[str, Any]:
        """The status as soon as `key` is `value`; CommandError after `within_s`."""
        end_s = time.monotonic() + within_s
        while True:
            status = await self.status()
            if status[key] == value:
                return status
            if time.monotonic() > end_s:
                raise CommandError(f"{self.site.name}: {key} is {status[key]}, not {value}")
            await asyncio.sleep(POLL_S)


class Town:
    """Exchanges and boxes on the sites of a lab; its processes end with the lab."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._stack = AsyncExitStack()
        self._identities: dict[str, Any] = json.loads(IDENTITIES.read_text(encoding="utf-8"))
        self._numbered: dict[str, str] = {}  # which identity a site's box has
        self.nodes: tuple[str, ...] = ()
        self.exchanges: tuple[str, ...] = ()
        self._tls_exchanges: tuple[str, ...] = ()

    async def close(self) -> None:
        """Let go of the control sockets."""
        await self._stack.aclose()

    def add_nodes(self, site: Site) -> None:
        """A node of the directory at each address of a site."""
        command = [sys.executable, "-m", "tests.lab.nodes", str(PORT), *site.addresses]
        child = self._lab.space.start(site.name, command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        self.nodes += tuple(f"{address}:{PORT}" for address in site.addresses[:3])

    def add_exchange(self, site: Site) -> subprocess.Popen[str]:
        """An exchange, known to all boxes that come later."""
        home = StateDir(self._folder / site.name).path
        command = [sys.executable, "-m", "firmware", "exchange", "--bind", f"{site.address}:{PORT}"]
        command += ["--tls", f"{site.address}:{TLS_PORT}", "--state", str(home)]
        command += [part for node in self.nodes for part in ("--bootstrap", node)]
        with (home / "log").open("w") as log:
            child = self._lab.space.start(site.name, command, stdout=subprocess.PIPE, stderr=log)
        assert child.stdout is not None
        assert "listening" in child.stdout.readline(), (home / "log").read_text()
        if f"{site.address}:{PORT}" not in self.exchanges:  # else it has been started again
            self.exchanges += (f"{site.address}:{PORT}",)
            self._tls_exchanges += (f"{site.address}:{TLS_PORT}",)
        return child

    async def add_box(self, site: Site, *, playback: str = "null") -> Box:
        """A box with a ready identity, that has started to look for its exchanges.

        One that has ended may be started again.
        """
        index = self._numbered.setdefault(site.name, str(len(self._numbered) + 1))
        identity = dict(self._identities[index])
        number = identity.pop("number")
        state = StateDir(self._folder / site.name)
        state.write(IDENTITY, json.dumps(identity).encode())
        config, control = state.path / "box.toml", state.path / "control"
        config.write_text(self._configuration(playback), encoding="utf-8")
        command = [sys.executable, "-m", "firmware", "box", "--config", str(config)]
        command += ["--state", str(state.path), "--control", str(control)]
        with (state.path / "log").open("w") as log:
            child = self._lab.space.start(site.name, command, stdout=log, stderr=log)
        end_s = time.monotonic() + START_S
        while True:
            try:
                client = await self._stack.enter_async_context(ControlClient.open(control))
                eye = await self._stack.enter_async_context(ControlClient.open(control))
                return Box(site, number, child, client, eye)
            except CommandError:
                assert child.poll() is None, (state.path / "log").read_text()
                assert time.monotonic() < end_s, "the box does not start"
                await asyncio.sleep(POLL_S)

    def _configuration(self, playback: str) -> str:
        return f"""
            [network]
            bind = "[::]:{PORT}"
            bootstrap = {json.dumps(self.nodes)}
            exchanges = {json.dumps(self.exchanges)}
            tls_exchanges = {json.dumps(self._tls_exchanges)}
            mdns = false
            [hardware]
            kind = "simulated"
            [audio]
            capture = "file:{SPEECH}"
            playback = "{playback}"
        """


async def call(caller: Box, callee: Box, talk_s: float = TALK_S) -> CallResult:
    """One call from lifting to hanging up; says what happened and raises nothing."""
    try:
        return await _call(caller, callee, talk_s)
    except CommandError as error:
        statuses = [await box.status() for box in (caller, callee)]
        states = " / ".join(f"{status['state']} {status['reason'] or ''}" for status in statuses)
        return CallResult(connected=False, problem=f"{error} ({states.strip()})")
    finally:
        await hang_up(caller, callee)


async def hang_up(*boxes: Box) -> None:
    """Both hang up and are idle."""
    for box in boxes:
        await box.ask("replace")
    for box in boxes:
        await box.ask("wait", state="idle", timeout_s=RING_S)


async def _call(caller: Box, callee: Box, talk_s: float) -> CallResult:
    await caller.ask("lift")
    await caller.ask("wait", state="off_hook", timeout_s=RING_S)  # for dial tone, as people do
    await caller.ask("press", digits=callee.number)
    await caller.ask("wait", state="ringback", timeout_s=RING_S)
    await callee.ask("wait", state="ringing", timeout_s=RING_S)
    await callee.ask("lift")
    await caller.ask("wait", state="connected", timeout_s=RING_S)
    await callee.ask("wait", state="connected", timeout_s=RING_S)
    direct_s = None
    end_s = time.monotonic() + talk_s
    if not await _hear_each_other(caller, callee):
        return CallResult(connected=False, problem="connected, but nothing is heard")
    while True:
        ours, theirs = await caller.status(), await callee.status()
        if ours["path"] == theirs["path"] == "direct":
            answered_s = theirs["timings"]["answered_s"]  # nothing to change = direct before
            moments = [one["timings"]["direct_s"] or answered_s for one in (ours, theirs)]
            direct_s = max(0.0, *(at_s - answered_s for at_s in moments))
            break
        if time.monotonic() >= end_s:
            break
        await asyncio.sleep(POLL_S)
    timings, answered_s = ours["timings"], theirs["timings"]["answered_s"]
    return CallResult(
        connected=True,
        path=ours["path"],
        ringback_s=timings["ringback_s"] - timings["dialled_s"],
        path_s=max(timings["answered_s"] - answered_s, 0.0),
        first_voice_s=timings["first_audio_s"] - answered_s,
        both_heard_s=max(one["timings"]["first_audio_s"] for one in (ours, theirs)) - answered_s,
        direct_s=direct_s,
    )


async def _hear_each_other(*boxes: Box) -> bool:
    """As soon as speech has come out at both ends; False if it does not within HEAR_S."""
    end_s = time.monotonic() + HEAR_S
    while time.monotonic() < end_s:
        statuses = [await box.status() for box in boxes]
        if all(status["timings"]["first_audio_s"] is not None for status in statuses):
            return True
        await asyncio.sleep(POLL_S)
    return False


def middle(
    lab: Lab, town: Town, nodes: int = 8, exchanges: int = 1
) -> dict[Site, subprocess.Popen[str]]:
    """Nodes of the directory with a leg as long as a host's, and exchanges in the middle."""
    addresses = [f"198.18.{n // 100}.{1 + n % 100}" for n in range(nodes)]
    town.add_nodes(lab.public("nodes", addresses))
    networks = ("192.0.2", "198.51.100", "203.0.113")
    sites = [
        lab.public(f"exchange{n}", [f"{networks[n % 3]}.{200 + n}"], leg_s=0.0)
        for n in range(exchanges)
    ]
    return {site: town.add_exchange(site) for site in sites}
