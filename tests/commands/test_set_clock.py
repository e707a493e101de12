"""`fernruf set-clock`: which times are believed. No test sets a clock."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from firmware.__main__ import main
from firmware.commands.set_clock import HEARD_S_MAX, LIFE_S, now_utc_s

MADE_S = 1_790_000_000.0


class Box:
    """The files that count."""

    def __init__(self, folder: Path) -> None:
        self.heard, self.epoch = folder / "clock.json", folder / "clock-epoch"
        self.synchronized = folder / "synchronized"
        self.epoch.touch()
        os.utime(self.epoch, (MADE_S, MADE_S))

    def hear(self, utc_s: object) -> None:
        self.heard.write_text(json.dumps({"utc_s": utc_s}))

    def run(self) -> int:
        places = ("--epoch", str(self.epoch), "--synchronized", str(self.synchronized))
        return main(["set-clock", str(self.heard), *places, "--dry-run"])


@pytest.fixture(name="box")
def _box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_time_within_the_life_of_this_version_is_believed(box: Box) -> None:
    box.hear(int(MADE_S + 1000))
    assert box.run() == 0
    assert now_utc_s(box.heard, MADE_S) == pytest.approx(MADE_S + 1000, abs=HEARD_S_MAX)


@pytest.mark.parametrize(
    "utc_s", [0, -1, int(MADE_S - 1), int(MADE_S + LIFE_S + 1), 1.5, True, "now", None, 10**30]
)
def test_time_that_cannot_be_is_refused(box: Box, utc_s: object) -> None:
    box.hear(utc_s)
    assert box.run() == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"x"', "{}" + " " * 500 + "x"])
def test_file_that_says_no_time_is_refused(box: Box, text: str) -> None:
    box.heard.write_text(text)
    assert box.run() == 1


def test_old_word_and_no_word_are_refused(box: Box) -> None:
    assert box.run() == 1
    box.hear(int(MADE_S + 1000))
    then_s = time.time() - HEARD_S_MAX - 60.0
    os.utime(box.heard, (then_s, then_s))
    assert box.run() == 1


def test_time_server_is_believed_rather(box: Box) -> None:
    box.hear("nonsense")
    box.synchronized.touch()
    assert box.run() == 0
