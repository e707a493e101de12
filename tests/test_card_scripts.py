"""The small scripts on the card, with stand-ins for the programs that they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from firmware.commands.box import SWITCH_OFF, ask_to_switch_off

SCRIPTS = Path(__file__).parents[1] / "board" / "image" / "rootfs" / "usr" / "lib" / "fernruf"
RING_BYTES_MAX = 262_144


class Card:
    """A folder for what a script writes, and one before all others in which it finds programs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._programs = folder / "data", folder / "programs"
        for each in (self.folder, self._programs):
            each.mkdir()

    def program(self, name: str, words: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{words}\n")
        path.chmod(0o755)

    def run(self, script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
        places = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(
            [SCRIPTS / script, *arguments],
            env={"PATH": places},
            capture_output=True,
            text=True,
            check=True,
        )


@pytest.fixture(name="card")
def _card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_warnings_are_added_to_those_that_are_kept(card: Card) -> None:
    for words in ("first", "second"):
        card.program("journalctl", f"echo {words}")
        card.run("keep-journal", card.folder)
    assert (card.folder / "warnings").read_text() == "first\nsecond\n"


def test_ring_of_warnings_keeps_the_last_and_never_grows_beyond_two_files(card: Card) -> None:
    card.program("journalctl", f"head -c {3 * RING_BYTES_MAX} /dev/zero | tr '\\0' x; echo end")
    for _ in range(3):
        card.run("keep-journal", card.folder)
    sizes = {path.name: path.stat().st_size for path in card.folder.iterdir()}
    assert sizes == {"warnings": 0, "warnings.1": RING_BYTES_MAX}
    assert (card.folder / "warnings.1").read_bytes().endswith(b"xend\n")


def test_machine_is_switched_off_once_and_only_when_the_telephone_asked(card: Card) -> None:
    control = card.folder / "control"
    card.program("systemctl", "echo $*")
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == ""
    ask_to_switch_off(control)
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == "--no-block poweroff\n"
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == ""
