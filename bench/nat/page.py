"""The tables of docs/paths.md, in Markdown, from what bench.nat_matrix printed.

`python -m bench.nat.page REPORT.json`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.lab.nat import Kind

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
    ours, theirs = cell["ours"], cell["aioice"]
    mine = _figure(ours["answer_to_both_heard_ms"], ours)
    return f"{mine} / {_figure(theirs['time_to_connected_ms'], theirs)}"


def _figure(milliseconds: float | None, side: dict[str, Any]) -> str:
    if milliseconds is None:
        return "–"
    lost = side["calls"] - side["connected"]
    mark = "" if side["direct"] == side["connected"] else "ʳ"
    return f"{milliseconds:.0f}{mark}" + (f" ({lost} lost)" if lost else "")


if __name__ == "__main__":
    for of_loss in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["losses"]:
        print(f"Loss of each leg: {of_loss['loss_per_leg']:.0%}\n\n{table(of_loss)}\n")
