"""The pictures of docs/paths.md: how a call finds its way, for each case of NAT.

`python -m bench.nat.picture docs/paths.svg` draws them anew; a name in .png is for looking at them.
Knows no lab: what is drawn is what firmware/media/path does.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

INK, RELAY, DIRECT, SHUT = "#222222", "#c47f17", "#1b7f3b", "#b3261e"
LEFT, LEFT_ROUTER, MIDDLE, RIGHT_ROUTER, RIGHT = 0.0, 0.95, 3.0, 5.05, 6.0
HIGH, LOW = 1.55, 0.0
BOX, ROUTER, EXCHANGE = 0.36, 0.42, 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One way of packets, drawn from the left to the right or back."""

    points: tuple[tuple[float, float], ...]
    colour: str
    words: str
    at: tuple[float, float]
    is_dashed: bool = False
    is_shut: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One panel."""

    title: str
    left_router: str
    right_router: str
    lines: tuple[Line, ...]
    words: str


OVER = ((LEFT, LOW), (MIDDLE, HIGH), (RIGHT, LOW))
ALONG = ((LEFT, LOW), (RIGHT, LOW))


def relay(words: str = "at once, by the exchange") -> Line:
    """The way that always works."""
    return Line(OVER, RELAY, words, (MIDDLE, HIGH + 0.47), is_dashed=True)


def direct(words: str) -> Line:
    """The way that speech takes in the end."""
    return Line(ALONG, DIRECT, words, (MIDDLE, LOW + 0.13))


def shut(words: str) -> Line:
    """A way that is tried in vain."""
    return Line(ALONG, SHUT, words, (MIDDLE, LOW + 0.13), is_dashed=True, is_shut=True)


CASES = (
    Case(
        "1  one side can be reached: public, full cone, or a mapped port",
        "any NAT",
        "none, full cone,\nor PCP, NAT-PMP, UPnP",
        (direct("the first check passes"),),
        "The INVITE itself may go straight there. The other side's port is learnt from\n"
        "its check, whatever exchanges saw. In the lab: direct before the answer.",
    ),
    Case(
        "2  both keep one outer port for all: every other home, carriers",
        "address- or port-\nrestricted",
        "address- or port-\nrestricted",
        (relay(), direct("each knock opens the door\nfor the other's")),
        "A knock that came too early is dropped at the far router; the next one passes.\n"
        "Speech goes by the exchange meanwhile, then moves without a gap.",
    ),
    Case(
        "3  symmetric against one that looks at addresses only",
        "symmetric",
        "address-restricted",
        (relay(), direct("the answer goes to the port\nthe check came from")),
        "The address-restricted side has knocked at the right address, so any port of\n"
        "it may enter; the callee then uses the port it sees.",
    ),
    Case(
        "4  symmetric, counting ports",
        "symmetric,\nincrementing",
        "port-restricted",
        (relay(), direct("knocks at the next ports\nof the row")),
        "Exchanges saw several outer ports: their step is told to the peer, who knocks\n"
        "at the ports that come next.",
    ),
    Case(
        "5  symmetric with random ports against one that looks at ports",
        "symmetric",
        "port-restricted",
        (relay(), direct("from 5 s on by chance:\n256 doors, 1,024 tries")),
        "If both agree, one opens 256 doors and the other tries 1,024 ports, slowly: 98 %\n"
        "meet. Two symmetric sides stay with the exchange, sealed from end to end.",
    ),
    Case(
        "6  UDP blocked, only TCP to port 443",
        "TCP 443 only",
        "any NAT",
        (relay("TLS to the exchange, UDP from there"), shut("no UDP passes")),
        "The stream ends at the exchange, where the box has a UDP socket of its own: to\n"
        "everybody else it looks like case 1, at the exchange's address.",
    ),
)


def draw(path: str) -> None:
    """All cases, two in a row."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "paths"}  # small, always the same
    figure, axes = pyplot.subplots(3, 2, figsize=(13.5, 13.2))
    for axis, case in zip(axes.flat, CASES, strict=True):
        _draw_case(axis, case)
    figure.tight_layout(h_pad=2.0)
    figure.savefig(path, dpi=80, metadata={"Date": None} if path.endswith(".svg") else None)


def _draw_case(axis: Any, case: Case) -> None:
    axis.set_title(case.title, loc="left", fontsize=11.5, fontweight="bold", color=INK)
    for line in case.lines:
        _draw_line(axis, line)
    for x, name in ((LEFT, "caller"), (RIGHT, "callee")):
        _draw_block(axis, (x, LOW), BOX, name, "#ffffff")
    for x, name in ((LEFT_ROUTER, case.left_router), (RIGHT_ROUTER, case.right_router)):
        _draw_block(axis, (x, LOW), ROUTER, "router", "#eeeeee")
        axis.text(x, LOW - 0.34, name, ha="center", va="top", fontsize=9, color=INK)
    if any(line.points is OVER for line in case.lines):
        _draw_block(axis, (MIDDLE, HIGH), EXCHANGE, "exchange", "#fff3dc")
    axis.text(LEFT - 0.4, LOW - 0.95, case.words, ha="left", va="top", fontsize=9.5, color=INK)
    axis.set_xlim(LEFT - 0.5, RIGHT + 0.5)
    axis.set_ylim(LOW - 1.45, HIGH + 0.65)
    axis.set_axis_off()


def _draw_line(axis: Any, line: Line) -> None:
    style = "--" if line.is_dashed else "-"
    for start, end in zip(line.points, line.points[1:], strict=False):
        axis.annotate(
            "",
            xy=end,
            xytext=start,
            arrowprops={"arrowstyle": "<->", "color": line.colour, "lw": 2.2, "ls": style},
            zorder=1,
        )
    if line.is_shut:
        axis.plot(MIDDLE, LOW, marker="x", markersize=13, mew=3, color=line.colour, zorder=3)
    x, y = line.at
    background = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axis.text(
        *(x, y, line.words),
        ha="center",
        va="bottom",
        fontsize=9.5,
        color=line.colour,
        bbox=background,
    )


def _draw_block(axis: Any, at: tuple[float, float], half: float, name: str, colour: str) -> None:
    x, y = at
    axis.add_patch(
        pyplot.Rectangle((x - half, y - 0.2), 2 * half, 0.4, fc=colour, ec=INK, lw=1.3, zorder=2)
    )
    axis.text(x, y, name, ha="center", va="center", fontsize=10, color=INK, zorder=4)


if __name__ == "__main__":
    draw(sys.argv[1])
