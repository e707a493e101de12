"""Calls over every pair of NATs: our boxes beside aioice with coturn, in the same lab and run.

`python -m bench.nat_matrix --json [--types KIND,...] [--calls N] [--loss 0,0.05] [--parallel N]
[--keep FILE]` prints one JSON object, progress on stderr. With --keep a run that was broken off
goes on where it was when the same command is given again. Needs what tests/lab needs. Each host is
20 ms from the
middle, where the exchange (coturn) is: 80 ms from host to host and back.
Compared is the time until both ends have a path that can carry speech: of ours from the callee's
lifting until both may send (first over the exchange, if nothing better is proved yet), of theirs
from the start until both have a nominated pair. `heard` is ours until speech is heard at both ends,
capture, codec and jitter buffer included, by theirs until the first packet could leave.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.nat.incidents import ROUNDS, Incidents
from bench.nat.kept import Kept
from bench.nat.table import cell_of_ours, cell_of_theirs, ratios, summary
from bench.nat.theirs import IceHosts
from firmware.errors import CommandError
from tests.lab.calls import Box, CallResult, Town, call, middle
from tests.lab.nat import Kind
from tests.lab.sites import LEG_S, Lab, Site
from tests.lab.space import Space, why_not

REACHABLE_S = 120.0  # 18 boxes that start at once
CALLS = 5
LOSSES = (0.0, 0.05)
PARALLEL = 3  # calls at once; each box takes part in one
EXCHANGES = 5
NODES = 200

Exchanges = dict[Site, subprocess.Popen[str]]


def main() -> int:
    """Print the matrix; 1 if there can be no lab, or a call of ours did not connect."""
    arguments = parse(sys.argv[1:])
    if reason := why_not():
        sys.stderr.write(f"nat_matrix: {reason}\n")
        return 1
    try:
        kept = Kept(arguments.keep, conditions(arguments))
    except CommandError as error:
        sys.stderr.write(f"nat_matrix: {error}\n")
        return 2
    with Space(arguments.seed) as space, tempfile.TemporaryDirectory(prefix="nat") as folder:
        report = asyncio.run(Matrix(Lab(space), Path(folder), arguments, kept).run())
    print(json.dumps(report, indent=2))
    failed = any(
        loss["summary"]["ours"]["connected"] < loss["summary"]["ours"]["calls"]
        for loss in report["losses"]
    )
    return 1 if failed else 0


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="the only form there is")
    parser.add_argument("--types", default=",".join(Kind), help="kinds of NAT, by commas")
    parser.add_argument("--calls", type=int, default=CALLS, help="for each pair")
    parser.add_argument("--loss", default=",".join(map(str, LOSSES)), help="of each leg, each way")
    parser.add_argument("--parallel", type=int, default=PARALLEL, help="calls at once")
    parser.add_argument("--seed", default="matrix", help="of the loss on the legs")
    parser.add_argument("--incidents", type=int, default=ROUNDS, help="of each kind; 0 = none")
    parser.add_argument("--keep", type=Path, help="where to keep what was found, and to go on")
    parser.add_argument("--only", choices=("ours", "aioice"), help="one of the two")
    return parser.parse_args(words)


def conditions(arguments: argparse.Namespace) -> dict[str, Any]:
    """What must be the same if two runs shall make one report; loss is told with each cell."""
    return {name: getattr(arguments, name) for name in ("types", "calls", "parallel", "only")}


class Matrix:
    """Sites of each kind on both sides, and all the pairs of them."""

    def __init__(self, lab: Lab, folder: Path, arguments: argparse.Namespace, kept: Kept) -> None:
        self._lab = lab
        self._kept = kept
        self._town = Town(lab, folder)
        self._kinds = [Kind(word) for word in arguments.types.split(",")]
        self._calls: int = arguments.calls
        self._losses = [float(word) for word in arguments.loss.split(",")]
        self._parallel: int = arguments.parallel
        self._wants_ours = arguments.only != "aioice"
        self._wants_theirs = arguments.only != "ours"
        self._boxes: dict[str, Box] = {}
        self._ice: IceHosts | None = None
        self._incidents: int = arguments.incidents

    async def run(self) -> dict[str, Any]:
        """Everything, in order; the report."""
        exchanges, callers, callees = self._build()
        try:
            if self._incidents and self._kept.incidents is None:
                await self._break_things(exchanges)
            losses = [await self._measure(loss, callers, callees) for loss in self._losses]
        finally:
            await self._town.close()
            if self._ice is not None:
                await self._ice.close()
        return {
            "benchmark": "nat_matrix",
            "leg_ms": 1000 * LEG_S,
            "calls_per_pair": self._calls,
            "calls_at_once": self._parallel,
            "exchanges": EXCHANGES,
            "directory_nodes": NODES,
            "incidents": self._kept.incidents,
            "losses": losses,
        }

    async def _break_things(self, exchanges: Exchanges) -> None:
        """The incidents; a box that is stuck costs them, not the matrix."""
        incidents = Incidents(self._lab, self._town, exchanges, self._incidents)
        try:
            self._kept.incidents = await incidents.run()
        except CommandError as error:
            tell_people(f"no incidents: {error}")
        self._kept.save()

    def _build(self) -> tuple[Exchanges, list[Site], list[Site]]:
        exchanges = middle(self._lab, self._town, NODES, EXCHANGES)
        callers = [
            self._lab.site(f"a{n}", kind, f"198.51.100.{10 + n}")
            for n, kind in enumerate(self._kinds)
        ]
        callees = [
            self._lab.site(f"b{n}", kind, f"203.0.113.{10 + n}")
            for n, kind in enumerate(self._kinds)
        ]
        if self._wants_theirs:
            self._ice = IceHosts(self._lab)
        return exchanges, callers, callees

    async def _measure(
        self, loss: float, callers: list[Site], callees: list[Site]
    ) -> dict[str, Any]:
        """All pairs with one loss, ours and theirs by turns."""
        cells, count = self._kept.cells(loss), len(callers) * len(callees)
        if len(cells) == count:
            return {"loss_per_leg": loss, "summary": summary(cells), "cells": cells}
        self._lab.set_hosts(loss=0.0)
        if self._wants_ours:
            await self._ready([*callers, *callees])
        if self._ice is not None:
            await asyncio.gather(*(self._ice.warm_up(site) for site in (*callers, *callees)))
        self._lab.set_hosts(loss=loss)
        begin_s, before = time.monotonic(), len(cells)
        for shift in range(len(self._kinds)):
            pairs = [
                (caller, callee)
                for n, caller in enumerate(callers)
                if name_of(caller, callee := callees[(n + shift) % len(callees)]) not in cells
            ]
            for start in range(0, len(pairs), self._parallel):
                together = pairs[start : start + self._parallel]
                found = await asyncio.gather(*(self._pair(*pair) for pair in together))
                cells |= found
                self._kept.save()
                tell(loss, found)
                pace_s = (time.monotonic() - begin_s) / (len(cells) - before)
                left_min = pace_s * (count - len(cells)) / 60
                tell_people(f"{len(cells)} of {count} pairs, {left_min:.0f} min more")
        return {"loss_per_leg": loss, "summary": summary(cells), "cells": cells}

    async def _ready(self, sites: list[Site]) -> None:
        for site in sites:
            if site.name not in self._boxes:
                tell_people(f"starting {site.name}, {site.kind}")
                self._boxes[site.name] = await self._town.add_box(site)
        for site in sites:
            try:
                box = self._boxes[site.name]
                await box.until("reachable", value=True, within_s=REACHABLE_S)
            except CommandError as error:  # its calls will show it
                sys.stderr.write(f"{site.kind}: {error}\n")

    async def _pair(self, caller: Site, callee: Site) -> tuple[str, dict[str, Any]]:
        """One cell; what cannot be tried at all counts as not connected, and the run goes on."""
        cell: dict[str, Any] = {}
        if self._wants_ours:
            cell["ours"] = cell_of_ours(
                [await self._call(caller, callee) for _ in range(self._calls)]
            )
        if self._ice is not None:
            waits = Kind.TCP_ONLY in (caller.kind, callee.kind)  # 5 s of time-out, each time
            rounds = 1 if waits else self._calls
            attempts = [await self._ice.connect(caller, callee) for _ in range(rounds)]
            cell["aioice"] = cell_of_theirs(attempts)
        if len(cell) == 2:
            cell["ratios"] = ratios(cell["ours"], cell["aioice"])
        return name_of(caller, callee), cell

    async def _call(self, caller: Site, callee: Site) -> CallResult:
        try:
            for site in (caller, callee):
                if self._boxes[site.name].process.poll() is not None:
                    self._boxes[site.name] = await self._town.add_box(site)
            return await call(self._boxes[caller.name], self._boxes[callee.name])
        except (CommandError, OSError) as error:  # a box does not even hang up, or is gone
            return CallResult(connected=False, problem=str(error))


def name_of(caller: Site, callee: Site) -> str:
    """Of a cell of the matrix."""
    return f"{caller.kind}>{callee.kind}"


def tell_people(words: str) -> None:
    """Progress, with the time."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


def tell(loss: float, found: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Progress, one line for each pair."""
    for pair, cell in found:
        tell_people(f"loss {loss:g} {pair}: {json.dumps(cell)}")


if __name__ == "__main__":
    sys.exit(main())
