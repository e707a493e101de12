"""What bench.nat_matrix printed, as a part of docs/paths.md: figures beside what is wanted, tables.

`python -m bench.nat.page REPORT.json` prints it; `--into docs/paths.md` puts it between the two
marks there, in place of what an earlier run has found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.nat import Kind

Figure = Callable[[dict[str, Any]], str]
BEGIN = "<!-- from here on `python -m bench.nat.page` writes -->"
END = "<!-- to here -->"
SHORT = {
    Kind.PUBLIC: "public",
    Kind.FULL_CONE: "full cone",
    Kind.ADDRESS_RESTRICTED: "address",
    Kind.PORT_RESTRICTED: "port",
    Kind.PORT_CHANGING: "port, changed",
    Kind.SYMMETRIC: "symmetric",
    Kind.INCREMENTING: "incrementing",
    Kind.TCP_ONLY: "TCP 443",
    Kind.CARRIER: "carrier",
}


def table(loss: dict[str, Any]) -> str:
    """One loss: callers down, callees across."""
    cells = loss["cells"]
    kinds = [kind for kind in Kind if f"{kind}>{kind}" in cells]
    lines = ["| caller \\ callee | " + " | ".join(SHORT[kind] for kind in kinds) + " |"]
    lines.append("| --- |" + " --- |" * len(kinds))
    for caller in kinds:
        row = [_cell(cells[f"{caller}>{callee}"]) for callee in kinds]
        lines.append(f"| **{SHORT[caller]}** | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _cell(cell: dict[str, Any]) -> str:
    keys = {"ours": "answer_to_both_heard_ms", "aioice": "time_to_connected_ms"}
    return " / ".join(
        _figure(cell[side][key], cell[side]) if side in cell else "–" for side, key in keys.items()
    )


def _figure(milliseconds: float | None, side: dict[str, Any]) -> str:
    lost = side["calls"] - side["connected"]
    mark = "" if side["direct"] == side["connected"] else "ʳ"
    figure = "–" if milliseconds is None else f"{milliseconds:.0f}{mark}"
    return figure + (f" ({lost} lost)" if lost else "")


def figures(report: dict[str, Any]) -> str:
    """What was promised, beside what was found, for each loss."""
    losses = report["losses"]
    heads = "".join(f" {one['loss_per_leg']:.0%} loss of each leg |" for one in losses)
    lines = [f"| what |{heads} wanted |", "| --- |" + " --- |" * (len(losses) + 1)]
    for what, wanted, figure in FIGURES:
        found = "".join(f" {figure(one['summary'])} |" for one in losses)
        lines.append(f"| {what} |{found} {wanted} |")
    return "\n".join(lines)


def incidents(report: dict[str, Any]) -> str:
    """What was missed when something broke in mid-call."""
    if report["incidents"] is None:
        return ""
    lines = ["| in mid-call | calls | survived | speech missed, median | worst | wanted |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for key, what in INCIDENTS.items():
        one = report["incidents"][key]
        gaps = " | ".join(_ms(one[name]) for name in ("gap_ms", "gap_ms_worst"))
        lines.append(f"| {what} | {one['calls']} | {one['survived']} | {gaps} | 300 ms |")
    return "\n".join(lines) + "\n\n"


def page(report: dict[str, Any]) -> str:
    """The whole part."""
    calls, exchanges = report["calls_per_pair"], report["exchanges"]
    text = (
        f"Medians of {calls} calls for each pair, {report['calls_at_once']} at once; {exchanges} "
        f"exchanges and {report['directory_nodes']} nodes of the directory, each host "
        f"{report['leg_ms']:.0f} ms from the middle.\n\n{figures(report)}\n\n{incidents(report)}"
    )
    for one in report["losses"]:
        text += f"Loss of each leg {one['loss_per_leg']:.0%}:\n\n{table(one)}\n\n"
    return text


def put(text: str, into: Path) -> None:
    """Between the marks."""
    before, _, rest = into.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{into} has not the marks {BEGIN} and {END}")
    into.write_text(f"{before}{BEGIN}\n\n{text}{END}{after}", encoding="utf-8")


def _share(side: str, part: str, of: str) -> Figure:
    return lambda summary: f"{summary[side][part]} of {summary[side][of]}"


def _ours(key: str) -> Figure:
    return lambda summary: _ms(summary["ours"][key])


def _ratio(name: str) -> Figure:
    def figure(summary: dict[str, Any]) -> str:
        found = summary["ratios"].get(name)
        return f"{found['median']}, worst cell {found['worst']}" if found else "–"

    return figure


def _ms(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:.0f} ms"


FIGURES: tuple[tuple[str, str, Figure], ...] = (
    ("calls connected", "all", _share("ours", "connected", "calls")),
    (
        "direct, of those that can be",
        "all",
        _share("ours", "of_them_direct", "calls_that_can_be_direct"),
    ),
    (
        "the same by aioice",
        "",
        _share("aioice", "of_them_direct", "calls_that_can_be_direct"),
    ),
    ("direct after the answer, worst cell", "500 ms", _ours("answer_to_direct_ms_of_worst_cell")),
    ("twelfth digit to ringback, number known", "130 ms", _ours("dial_to_ringback_ms")),
    ("the same, first contact", "450 ms", _ours("first_contact_to_ringback_ms")),
    (
        "answer to first voice at the caller",
        "100 ms + jitter buffer",
        _ours("answer_to_first_voice_ms"),
    ),
    ("path, ours by aioice", "0.5", _ratio("path")),
    ("the same, theirs after gathering", "", _ratio("path_after_gathering")),
    ("first voice heard by both, by theirs until it could leave", "", _ratio("heard")),
)
INCIDENTS = {
    "exchange_killed": "exchange killed",
    "caller_address_changed": "caller's address changed",
}


def main() -> None:
    """Print, or put into a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--into", type=Path, metavar="PAGE")
    arguments = parser.parse_args()
    text = page(json.loads(arguments.report.read_text(encoding="utf-8")))
    if arguments.into is None:
        print(text)
    else:
        put(text, arguments.into)


if __name__ == "__main__":
    main()
