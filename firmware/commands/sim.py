"""`fernruf sim`: the network in virtual time; the same seed prints the same report."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from firmware.commands.arguments import seed_number
from firmware.sim import plot, scenarios
from firmware.sim.report import Json

NODES_DEFAULT = 1000
PROGRESS_S = 1.0  # between looks at how far it is, on a terminal
PLAIN_PROGRESS_S = 10.0  # between lines in a log
WIDTH = 60
STORIES = {
    "lookup": "numbers are looked up in a network at rest",
    "churn": "nodes come and go",
    "flashcrowd": "everybody joins within half a minute",
    "restart": "everybody restarts within ten minutes",
    "blackout": "30 % of the exchanges die at once",
    "christmas": "a hundred times the calls for an hour",
    "sybil": "one node in five is hostile",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    names = tuple(scenarios.SCENARIOS)
    parser = subparsers.add_parser(
        "sim",
        help="simulate a network of nodes in virtual time",
        description="Simulate a network: the code of a box, many times over, in virtual time.\n"
        "The same seed gives the same report.",
        epilog="\n".join(["scenarios:", *(f"  {name:<12}{STORIES[name]}" for name in names)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", choices=names, metavar="SCENARIO", help="one of those below")
    parser.add_argument(
        "--nodes", type=_nodes, default=NODES_DEFAULT, metavar="N",
        help=f"{scenarios.NODES_MIN} to {scenarios.NODES_MAX}; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=seed_number, default=1, metavar="S",
        help="of everything that is chance; default: %(default)s",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the report, as .png or .svg"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate, print, draw; what it cost this machine goes to stderr."""
    if arguments.plot is not None:
        plot.check(arguments.plot)
    meter = Meter(sys.stderr, time.monotonic)
    result = scenarios.run(arguments.scenario, arguments.nodes, arguments.seed, meter.show)
    meter.finish(result)
    sys.stdout.write((json.dumps(result) if arguments.json else _in_words(result)) + "\n")
    if arguments.plot is not None:
        plot.draw(result, arguments.plot)
    return 0


class Meter:
    """How far it is, and what it cost in the end.

    A terminal has one line that is written anew each second, a log a line every ten seconds.
    """

    def __init__(self, out: TextIO, clock_s: Callable[[], float]) -> None:
        self._out, self._clock_s = out, clock_s
        self._is_terminal = out.isatty()
        self._began_s = self._shown_s = clock_s()

    def show(self, doing: str, fraction: float) -> None:
        """`doing` is done so far."""
        now_s = self._clock_s()
        if now_s - self._shown_s >= (PROGRESS_S if self._is_terminal else PLAIN_PROGRESS_S):
            self._shown_s = now_s
            line = f"{now_s - self._began_s:5.0f} s  {doing} {fraction:.0%}"
            self._out.write(f"\r{line:<{WIDTH}}" if self._is_terminal else f"{line}\n")
            self._out.flush()

    def finish(self, result: Json) -> None:
        """Speed and memory of this machine; not in the report, which is the same everywhere."""
        took_s = self._clock_s() - self._began_s
        used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu_s = sum(one.ru_utime + one.ru_stime for one in used)
        megabytes = sum(one.ru_maxrss for one in used) / 1024  # Linux counts kilobytes
        cost = (
            f"{took_s:.1f} s, {cpu_s:.1f} s of CPU, "
            f"{result['network']['events'] / took_s:.0f} events/s, {megabytes:.0f} MB"
        )
        self._out.write(f"\r{cost:<{WIDTH}}\n" if self._is_terminal else f"{cost}\n")


def _nodes(text: str) -> int:
    try:
        nodes = int(text.replace("_", ""))
    except ValueError:
        nodes = 0
    if not scenarios.NODES_MIN <= nodes <= scenarios.NODES_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number from {scenarios.NODES_MIN} to {scenarios.NODES_MAX}"
        )
    return nodes


def _in_words(result: Json) -> str:
    lines = [f"{result['scenario']}: {result['nodes']} nodes, seed {result['seed']}"]
    if "lookups" not in result:
        figures = result.get("healing") or result["rush"]
        return "\n".join([*lines, *(f"  {name:<22}{value}" for name, value in figures.items())])
    found = result["lookups"]
    lines = [
        *lines,
        f"  found      {found['found']} of {found['asked']} ({found['success']:.2%})",
    ]
    for label, key in (
        ("address", "first_value_ms"),
        ("verified", "verified_ms"),
        ("queries", "queries"),
        ("hops", "hops"),
    ):
        if found[key] is not None:
            percentiles = ", ".join(f"{p} {found[key][p]}" for p in ("p50", "p95", "p99"))
            lines.append(f"  {label:<10} {percentiles}{' ms' if key.endswith('_ms') else ''}")
    return "\n".join(lines)
