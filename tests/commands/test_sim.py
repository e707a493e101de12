"""`fernruf sim` as a script sees it: the same bytes for the same seed, a picture, wrong use."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.commands.sim import Meter

SMALL = ("lookup", "--nodes", "60", "--seed", "3", "--json")


def sim(
    *arguments: str, hash_seed: str = "0", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command with a hash seed of Python's own; modules in `folder` go first."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    if folder is not None:
        environment["PYTHONPATH"] = str(folder)
    command = [sys.executable, "-m", "firmware", "sim", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_same_seed_prints_the_same_bytes_in_every_process() -> None:
    one, other = sim(*SMALL, hash_seed="1"), sim(*SMALL, hash_seed="2")
    assert one.returncode == 0, one.stderr
    assert one.stdout == other.stdout
    assert json.loads(one.stdout)["scenario"] == "lookup"
    assert "events/s" in one.stderr


@pytest.mark.parametrize(
    ("name", "magic"), [("plot.png", b"\x89PNG"), ("plot.svg", b"<?xml")], ids=["png", "svg"]
)
def test_plot_is_drawn_in_the_format_its_name_says(tmp_path: Path, name: str, magic: bytes) -> None:
    ended = sim(*SMALL, "--plot", str(tmp_path / name))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_plot_of_the_exchanges_names_its_lines_and_nothing_else(tmp_path: Path) -> None:
    ended = sim("christmas", "--nodes", "60", "--plot", str(tmp_path / "plot.svg"))
    assert ended.returncode == 0, ended.stderr
    drawn = (tmp_path / "plot.svg").read_text()
    assert "<!-- boxes in a call -->" in drawn
    assert "<!-- minutes since the rush began -->" in drawn
    assert "_child" not in drawn


def test_plot_without_matplotlib_says_how_to_get_it_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError\n")
    ended = sim(*SMALL, "--plot", str(tmp_path / "plot.png"), folder=tmp_path)
    assert ended.returncode == 2
    assert "pip install matplotlib" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("lookup", "--nodes", "3"),
        ("lookup", "--nodes", "many"),
        ("lookup", "--nodes", "60", "--plot", "plot.gif"),
    ],
)
def test_wrong_use_exits_2_before_anything_is_simulated(arguments: tuple[str, ...]) -> None:
    ended = sim(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""


def test_report_in_words_tells_how_many_numbers_were_found() -> None:
    ended = sim("lookup", "--nodes", "60")
    assert ended.returncode == 0
    assert "found" in ended.stdout
    assert "p95" in ended.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress_of_25_s(out: io.StringIO) -> str:
    """A look ten times a second."""
    now_s = 100.0

    def clock_s() -> float:
        return now_s

    meter = Meter(out, clock_s)
    for tenth in range(1, 251):
        now_s = 100.0 + tenth / 10
        meter.show("calling", tenth / 250)
    return out.getvalue()


def test_progress_in_a_log_is_a_plain_line_every_ten_seconds() -> None:
    printed = progress_of_25_s(io.StringIO())
    assert printed == "   10 s  calling 40%\n   20 s  calling 80%\n"


def test_progress_on_a_terminal_is_one_line_written_anew_each_second() -> None:
    printed = progress_of_25_s(Terminal())
    assert printed.count("\r") == 25
    assert "\n" not in printed
