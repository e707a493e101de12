"""What goes wrong in mid-call: its exchange is killed, or the caller gets another address.

The gap is what is missing in the ear: frames that had to be concealed around the moment, at the end
that missed more. Units: `_s` seconds, `_ms` milliseconds.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from firmware.errors import CommandError
from tests.lab.calls import RING_S, Box, Town, hang_up
from tests.lab.nat import Kind
from tests.lab.sites import Lab, Site

ROUNDS = 5
BEFORE_S, AFTER_S = 1.5, 3.0  # watched around the incident
CARRYING_S = 0.3  # long enough to see by whom speech goes
REACHABLE_S = 40.0
FORGOTTEN_S = 60.0
FRAME_MS = 20
Incident = Callable[[], Awaitable[None]]


class Incidents:
    """Two pairs of boxes of their own, in the lab of the matrix."""

    def __init__(
        self, lab: Lab, town: Town, exchanges: dict[Site, subprocess.Popen[str]], rounds: int
    ) -> None:
        self._lab = lab
        self._town = town
        self._exchanges = exchanges
        self._rounds = rounds
        self._killed: Site | None = None
        self._addresses = ["198.51.100.150", "198.51.100.151"]

    async def run(self) -> dict[str, Any]:
        """Both incidents."""
        site = self._lab.site
        kinds = (Kind.SYMMETRIC, Kind.PORT_RESTRICTED, Kind.PUBLIC, Kind.PORT_RESTRICTED)
        sites = [
            site(f"i{number}", kind, f"203.0.113.{150 + number}")
            for number, kind in enumerate(kinds)
        ]
        boxes = await asyncio.gather(*map(self._town.add_box, sites))
        await self._all_reachable(boxes)
        killed = [
            await self._one(boxes[0], boxes[1], self._kill_carrier) for _ in range(self._rounds)
        ]
        moved = [
            await self._one(boxes[2], boxes[3], lambda: self._move(boxes[2].site))
            for _ in range(self._rounds)
        ]
        return {
            "exchange_killed": _gaps(killed) | {"pair": "symmetric>port_restricted, relayed"},
            "caller_address_changed": _gaps(moved) | {"pair": "public>port_restricted"},
        }

    async def _all_reachable(self, boxes: list[Box]) -> None:
        await asyncio.gather(*(box.until("reachable", True, REACHABLE_S) for box in boxes))

    async def _one(self, caller: Box, callee: Box, incident: Incident) -> float | None:
        """The gap in ms; None = the call did not survive, or was never there."""
        try:
            await self._recover([caller, callee])
            await self._all_reachable([caller, callee])
            await caller.ask("lift")
            await caller.ask("press", digits=callee.number)
            await caller.ask("wait", state="ringback", timeout_s=RING_S)
            await callee.ask("lift")
            await caller.ask("wait", state="connected", timeout_s=RING_S)
            await asyncio.sleep(BEFORE_S)
            before = [await box.status() for box in (caller, callee)]
            await incident()
            await asyncio.sleep(AFTER_S)
            after = [await box.status() for box in (caller, callee)]
        except CommandError as error:
            sys.stderr.write(f"incident: {error}\n")
            return None
        finally:
            await self._hang_up(caller, callee)
        if any(status["state"] != "connected" for status in after):
            return None
        pairs = zip(before, after, strict=True)
        return max(FRAME_MS * _concealed(one, other) for one, other in pairs)

    async def _hang_up(self, caller: Box, callee: Box) -> None:
        try:
            await hang_up(caller, callee)
        except CommandError as error:  # the next round waits until both can be reached
            sys.stderr.write(f"incident: {error}\n")

    async def _kill_carrier(self) -> None:
        """Kill the exchange that has most to do; it is started anew when all have noticed."""
        before = self._carried()
        await asyncio.sleep(CARRYING_S)
        after = self._carried()
        carrier = max(self._exchanges, key=lambda site: after[site.name] - before[site.name])
        sys.stderr.write(f"killed {carrier.name}, which carried {after} after {before}\n")
        self._exchanges[carrier].kill()
        self._exchanges[carrier].wait()
        self._killed = carrier

    async def _recover(self, boxes: list[Box]) -> None:
        """Wait until no box counts on the one that was killed, then start it anew."""
        if self._killed is None:
            return
        gone, self._killed = self._killed, None
        end_s = time.monotonic() + FORGOTTEN_S
        while True:
            registered = [str((await box.status())["exchanges"]) for box in boxes]
            if not any(gone.address in exchanges for exchanges in registered):
                break
            if time.monotonic() > end_s:
                raise CommandError(f"{gone.name} is still counted on")
            await asyncio.sleep(CARRYING_S)
        self._exchanges[gone] = self._town.add_exchange(gone)

    def _carried(self) -> dict[str, int]:
        return {site.name: self._lab.packets_of(site) for site in self._exchanges}

    async def _move(self, site: Site) -> None:
        """The caller's network gives it another address, as when it changes from cable to air."""
        self._addresses.reverse()
        self._lab.move(site, self._addresses[0])


def _concealed(before: dict[str, Any], after: dict[str, Any]) -> int:
    concealed: int = after["rtp"]["frames_concealed"] - before["rtp"]["frames_concealed"]
    return concealed


def _gaps(gaps: list[float | None]) -> dict[str, Any]:
    survived = [gap for gap in gaps if gap is not None]
    return {
        "calls": len(gaps),
        "survived": len(survived),
        "gap_ms": median(survived) if survived else None,
        "gap_ms_worst": max(survived, default=None),
    }
