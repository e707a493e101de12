"""Quality over loss of all telephones of one run, as a picture for docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

LOSSES = {"clean": 0, "loss 5 %": 5, "loss 10 %": 10, "loss 20 %": 20}
LOOKS = {"ours": ("Fernruf", "#0b6", "o"), "baresip": ("baresip", "#c52", "s")}
LOOKS |= {"aiortc": ("aiortc", "#57a", "^")}
TITLES = {"opus": "Opus, PESQ wideband", "g711": "G.711, PESQ narrowband"}


def draw(table: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """One panel a codec; a hollow mark at 10 % shows losses in bursts of three."""
    figure, panels = plt.subplots(1, len(TITLES), figsize=(9, 3.6), sharey=True)
    for panel, (codec, title) in zip(panels, TITLES.items(), strict=True):
        for peer, cells in table.items():
            name, colour, mark = LOOKS[peer]
            points = [
                (loss, cells[codec][condition]["pesq"])
                for condition, loss in LOSSES.items()
                if condition in cells.get(codec, {})
            ]
            panel.plot(*zip(*points, strict=True), color=colour, marker=mark, label=name)
            if burst := cells[codec].get("burst 10 %"):
                panel.plot(10, burst["pesq"], mark, color=colour, fillstyle="none")
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("packets lost, % (hollow: in bursts of 3)")
        panel.set_xticks(list(LOSSES.values()))
        panel.set_ylim(1, 4.7)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("MOS-LQO")
    panels[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
