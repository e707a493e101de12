"""The competitor: aioice (RFC 8445) with coturn in the middle, over the same pairs of hosts.

As in a telephone call, one side's candidates reach the other with the delay of the signalling
through the middle, and nothing is known of the other before the call. Both sides gather at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.lab import coturn
from tests.lab.nat import Kind
from tests.lab.sites import LEG_S, Lab, Site

SIGNALLING_S = 2 * LEG_S  # from host to host through the middle
ANSWER_S = 45.0
SERVERS = ("192.0.2.100", "192.0.2.101")
TLS_PORT = 443  # what a network without UDP lets through


@dataclass(frozen=True, slots=True)
class Connected:
    """What became of one attempt."""

    connected: bool
    path: str | None = None
    connected_s: float | None = None  # from the start until both sides are connected
    after_gathering_s: float | None = None  # the same, since each knows its own candidates
    problem: str = ""


class IceHosts:
    """A process on each site, started when it is first needed."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        lab.public("coturn", SERVERS, leg_s=0.0)
        coturn.start(lab.space, "coturn", SERVERS)
        coturn.start(lab.space, "coturn", SERVERS[:1], port=TLS_PORT)

    async def connect(self, caller: Site, callee: Site) -> Connected:
        """Connect two sites once; a host that says nothing more is started anew next time."""
        try:
            return await self._connect(caller, callee)
        except (OSError, ValueError) as error:  # TimeoutError and a line cut short among them
            for site in (caller, callee):
                if (process := self._processes.pop(site.name, None)) is not None:
                    await _end(process)
            return Connected(connected=False, problem=repr(error))

    async def _connect(self, caller: Site, callee: Site) -> Connected:
        started_s = time.monotonic()
        offer, answer = await asyncio.gather(
            self._ask(caller, "gather", **_servers(caller), controlling=True),
            self._ask(callee, "gather", **_servers(callee), controlling=False),
        )
        gathered_s = time.monotonic()
        if problem := offer.get("problem") or answer.get("problem"):
            return Connected(connected=False, problem=f"gather: {problem}")
        await asyncio.sleep(SIGNALLING_S)
        ends = await asyncio.gather(
            self._ask(caller, "connect", **answer), self._ask(callee, "connect", **offer)
        )
        if problems := [end["problem"] for end in ends if "problem" in end]:
            return Connected(connected=False, problem=f"connect: {problems[0]}")
        last_s = max(end["connected_s"] for end in ends)
        path = "direct" if all(end["path"] == "direct" for end in ends) else "relay"
        return Connected(True, path, last_s - started_s, last_s - gathered_s)

    async def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            await _end(process)

    async def _ask(self, site: Site, do: str, **details: object) -> dict[str, Any]:
        process = self._processes.get(site.name)
        if process is None:
            process = self._processes[site.name] = await asyncio.create_subprocess_exec(
                *self._lab.space.inside(site.name),
                *(sys.executable, "-m", "bench.peers.aioice_host"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            answer: dict[str, Any] = json.loads(await process.stdout.readline())
        return answer

    async def warm_up(self, site: Site) -> None:
        """Start the process of a site, so that its start counts in no attempt."""
        await self._ask(site, "gather", **_servers(site), controlling=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def _servers(site: Site) -> dict[str, object]:
    by_tcp = site.kind is Kind.TCP_ONLY
    return {
        "stun": (SERVERS[0], coturn.PORT),
        "turn": (SERVERS[0], TLS_PORT if by_tcp else coturn.PORT),
        "transport": "tcp" if by_tcp else "udp",
        "user": coturn.USER,
        "password": coturn.PASSWORD,
    }
