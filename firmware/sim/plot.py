"""The report of a simulation as a picture, PNG or SVG by the name of the file.

Knows only the report. Draws with matplotlib, which comes with the extra `dev` and is imported when
the first picture is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware.errors import ConfigError
from firmware.sim.report import Json

SUFFIXES = (".png", ".svg")
_COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#edae49", "#6c4f99")
_NAMES = {
    "first_value_ms": "address in hand",
    "verified_ms": "certificate verified",
    "datagrams_per_node_and_s": "datagrams per node and second",
    "not_ready": "started, not ready",
    "down": "down",
    "left": "nodes that left",
    "none": "no attack",
    "reachable": "boxes that ring",
    "load": "fullest exchange, of its limit",
    "bytes": "bytes of the busiest exchange, of its limit",
    "in_call": "boxes in a call",
}
_BEGINNINGS = {
    "blackout": "the exchanges died",
    "christmas": "the rush began",
    "restart": "the restart began",
}


def check(path: Path) -> None:
    """Raises ConfigError now, and not after an hour, if no picture could be drawn."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a plot is a file that ends in {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: its folder does not exist")
    _pyplot()


def draw(result: Json, path: Path) -> None:
    """Times to find a number on the left; on the right what this scenario is about."""
    pyplot = _pyplot()
    if "lookups" not in result:
        _draw_exchanges(result, path, pyplot)
        return
    has_right = "timeline" in result or "by_attack" in result
    figure, axes = pyplot.subplots(
        1, 2 if has_right else 1, figsize=(11 if has_right else 7, 4.6), squeeze=False
    )
    _draw_curves(axes[0][0], result["curves"])
    if "timeline" in result:
        _draw_timeline(axes[0][1], result["timeline"], result["nodes"])
    elif "by_attack" in result:
        _draw_attacks(axes[0][1], result["by_attack"])
    figure.suptitle(_title(result))
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _draw_exchanges(result: Json, path: Path, pyplot: Any) -> None:
    """What became of the boxes, and of the fullest exchange, over time."""
    figure, axes = pyplot.subplots(figsize=(9, 4.6))
    timeline = result["timeline"]
    minutes = [t_s / 60 for t_s in timeline["t_s"]]
    for colour, name in zip(_COLOURS, ("reachable", "load", "bytes", "in_call"), strict=False):
        if name in timeline:
            percents = [100 * value for value in timeline[name]]
            axes.plot(minutes, percents, color=colour, label=_words(name))
    lines = axes.get_lines()  # with a name each, unlike the next
    axes.axvline(0.0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel(f"minutes since {_BEGINNINGS[result['scenario']]}")
    axes.set_ylabel("percent")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    _legend(axes, lines)
    figure.suptitle(
        f"fernruf sim {result['scenario']}, {result['nodes']:,} boxes, seed {result['seed']}"
    )
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _title(result: Json) -> str:
    found = result["lookups"]
    return (
        f"fernruf sim {result['scenario']}, {result['nodes']:,} nodes, seed {result['seed']}: "
        f"{found['found']:,} of {found['asked']:,} calls found their number"
    )


def _draw_curves(axes: Any, curves: Json) -> None:
    for colour, (name, percentiles) in zip(_COLOURS, curves.items(), strict=False):
        if percentiles:
            axes.plot(percentiles, range(101), color=colour, label=_words(name))
    limit = max((values[98] for values in curves.values() if values), default=1.0)
    axes.set_xlim(0, 1.15 * limit)
    axes.set_ylim(0, 100)
    axes.set_xlabel("milliseconds since the last digit")
    axes.set_ylabel("percent of the calls that found it")
    axes.grid(alpha=0.3)
    _legend(axes, axes.get_lines())


def _draw_timeline(axes: Any, timeline: Json, nodes: int) -> None:
    minutes = [t_s / 60 for t_s in timeline["t_s"]]
    rate = "datagrams_per_node_and_s"
    fractions = {
        name: [value / nodes if name in ("nodes", "not_ready", "left") else value for value in row]
        for name, row in timeline.items()
        if name not in ("t_s", rate)
    }
    for colour, (name, values) in zip(_COLOURS[1:], fractions.items(), strict=False):
        axes.plot(minutes, [100 * value for value in values], color=colour, label=_words(name))
    axes.set_xlabel("minutes")
    axes.set_ylabel("percent")
    axes.set_ylim(0, 104)
    axes.grid(alpha=0.3)
    right = axes.twinx()
    right.plot(minutes, timeline[rate], color=_COLOURS[0], linestyle="--", label=_words(rate))
    right.set_ylabel(_words(rate), color=_COLOURS[0])
    right.set_ylim(bottom=0)
    _legend(axes, axes.get_lines() + right.get_lines())


def _draw_attacks(axes: Any, by_attack: Json) -> None:
    names = [_words(name) for name in by_attack]
    percents = [100 * found["success"] for found in by_attack.values()]
    bars = axes.bar(names, percents, color=_COLOURS[: len(names)])
    axes.bar_label(bars, [f"{percent:.1f} %" for percent in percents])
    axes.set_ylim(0, 110)
    axes.set_ylabel("percent of the calls that found their number")


def _legend(axes: Any, lines: list[Any]) -> None:
    """Below the axes, where no line can run through it."""
    axes.legend(
        lines,
        [line.get_label() for line in lines],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=len(lines),
        fontsize="small",
        frameon=False,
    )


def _words(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " "))


def _pyplot() -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        matplotlib.rcParams["svg.hashsalt"] = "fernruf"
        from matplotlib import pyplot
    except ImportError:
        raise ConfigError(
            "--plot needs matplotlib: `make install` brings it, or pip install matplotlib"
        ) from None
    return pyplot
