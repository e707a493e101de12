"""What the matrix shows: cells of medians, ratios, and what was promised.

Knows no lab; figures come in as results of calls. Units: `_ms` milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.nat.theirs import Connected
from tests.lab.calls import CallResult
from tests.lab.nat import Kind

RATIOS = ("path", "path_after_gathering", "heard")
RANDOM_PORTS = {Kind.SYMMETRIC}
FILTER_BY_PORT = {
    Kind.PORT_RESTRICTED,
    Kind.PORT_CHANGING,
    Kind.SYMMETRIC,
    Kind.INCREMENTING,
    Kind.CARRIER,
}


def can_be_direct(one: Kind, other: Kind) -> bool:
    """Whether physics allows a direct path: somebody can guess where the other can be hit."""
    if Kind.TCP_ONLY in (one, other):
        return False
    return not any(
        first in RANDOM_PORTS and second in FILTER_BY_PORT
        for first, second in ((one, other), (other, one))
    )


def cell_of_ours(calls: Sequence[CallResult]) -> dict[str, Any]:
    """One cell of the matrix."""
    return {
        "calls": len(calls),
        "connected": sum(call.connected for call in calls),
        "direct": sum(call.path == "direct" for call in calls),
        "first_contact_to_ringback_ms": _median_ms([call.ringback_s for call in calls[:1]]),
        "dial_to_ringback_ms": _median_ms([call.ringback_s for call in calls[1:]]),
        "answer_to_path_ms": _median_ms([call.path_s for call in calls]),
        "answer_to_first_voice_ms": _median_ms([call.first_voice_s for call in calls]),
        "answer_to_both_heard_ms": _median_ms([call.both_heard_s for call in calls]),
        "answer_to_direct_ms": _median_ms([call.direct_s for call in calls]),
        "problems": [call.problem for call in calls if call.problem],
    }


def cell_of_theirs(attempts: Sequence[Connected]) -> dict[str, Any]:
    """The same cell by aioice and coturn."""
    return {
        "calls": len(attempts),
        "connected": sum(attempt.connected for attempt in attempts),
        "direct": sum(attempt.path == "direct" for attempt in attempts),
        "time_to_connected_ms": _median_ms([attempt.connected_s for attempt in attempts]),
        "after_gathering_ms": _median_ms([attempt.after_gathering_s for attempt in attempts]),
        "problems": [attempt.problem for attempt in attempts if attempt.problem],
    }


def ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float | None]:
    """Ours by theirs, of times until both ends have a path that can carry speech.

    `path`: from the answer, by theirs from the start. `path_after_gathering`: by theirs without
    the time in which each finds its own candidates, which we have before any call.
    `heard`: ours until both ends hear speech, by theirs from the start until it could leave.
    """
    pairs = {
        "path": ("answer_to_path_ms", "time_to_connected_ms"),
        "path_after_gathering": ("answer_to_path_ms", "after_gathering_ms"),
        "heard": ("answer_to_both_heard_ms", "time_to_connected_ms"),
    }
    return {name: _ratio(ours[mine], theirs[other]) for name, (mine, other) in pairs.items()}


def _ratio(mine: float | None, other: float | None) -> float | None:
    return None if mine is None or not other else round(mine / other, 2)


def summary(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of one loss: what the issue of the whole is; `cells` maps `caller>callee` to both sides."""
    ours = {pair: cell["ours"] for pair, cell in cells.items() if "ours" in cell}
    theirs = {pair: cell["aioice"] for pair, cell in cells.items() if "aioice" in cell}
    found = [cell["ratios"] for cell in cells.values() if "ratios" in cell]
    possible = [pair for pair in ours if _possible(pair)]
    return {
        "ours": _whole(ours, possible)
        | {
            "first_contact_to_ringback_ms": _middle(ours, "first_contact_to_ringback_ms"),
            "dial_to_ringback_ms": _middle(ours, "dial_to_ringback_ms"),
            "answer_to_path_ms": _middle(ours, "answer_to_path_ms"),
            "answer_to_first_voice_ms": _middle(ours, "answer_to_first_voice_ms"),
            "answer_to_both_heard_ms": _middle(ours, "answer_to_both_heard_ms"),
            "answer_to_direct_ms": _middle(ours, "answer_to_direct_ms"),
            "answer_to_direct_ms_of_worst_cell": _worst(ours, "answer_to_direct_ms"),
        },
        "aioice": _whole(theirs, [pair for pair in theirs if _possible(pair)])
        | {
            "time_to_connected_ms": _middle(theirs, "time_to_connected_ms"),
            "after_gathering_ms": _middle(theirs, "after_gathering_ms"),
        },
        "ratios": {name: _spread([one[name] for one in found]) for name in RATIOS if found},
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return {"median": round(median(known), 2), "worst": max(known)} if known else None


def _whole(cells: dict[str, dict[str, Any]], possible: list[str]) -> dict[str, Any]:
    return {
        "calls": sum(cell["calls"] for cell in cells.values()),
        "connected": sum(cell["connected"] for cell in cells.values()),
        "calls_that_can_be_direct": sum(cells[pair]["calls"] for pair in possible),
        "of_them_direct": sum(cells[pair]["direct"] for pair in possible),
        "direct_beyond_them": sum(cells[pair]["direct"] for pair in cells.keys() - possible),
    }


def _possible(pair: str) -> bool:
    one, other = pair.split(">")
    return can_be_direct(Kind(one), Kind(other))


def _middle(cells: dict[str, dict[str, Any]], key: str) -> float | None:
    values = [cell[key] for cell in cells.values() if cell[key] is not None]
    return round(median(values), 1) if values else None


def _worst(cells: dict[str, dict[str, Any]], key: str) -> float | None:
    return max((cell[key] for cell in cells.values() if cell[key] is not None), default=None)


def _median_ms(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(1000 * median(known), 1) if known else None
