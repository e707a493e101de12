"""The small scripts on the card, with stand-ins for the programs that they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from firmware.commands.box import SWITCH_OFF, ask_to_switch_off
from firmware.commands.first_start import BOX_FILE, MISTAKES_FILE, TAKEN
from firmware.settings import SETTINGS_FILE, Settings, print_settings
from firmware.shell.updater import TRIAL_FILE
from firmware.updates import encode_trial, parse_trial

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

    def run(
        self, script: str, *arguments: Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        places = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(
            [SCRIPTS / script, *arguments],
            env={"PATH": places},
            capture_output=True,
            text=True,
            check=check,
        )

    def has_to(self, script: str, *arguments: Path) -> bool:
        """What a condition of a unit says: 0 yes, up to 254 no."""
        done = self.run(script, *arguments, check=False)
        assert done.stderr == ""
        return done.returncode == 0


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


@pytest.mark.parametrize(
    ("words", "is_on_trial"), [('{"slot": "b"}', True), ('{"slot": ""}', False), (None, False)]
)
def test_update_is_judged_only_while_it_is_on_trial(
    card: Card, words: str | None, is_on_trial: bool
) -> None:
    trial = card.folder / TRIAL_FILE
    if words is not None:
        trial.write_text(words)
    assert card.has_to("on-trial", trial) is is_on_trial
    if words is not None:
        trial.write_bytes(encode_trial(parse_trial(words.encode())))
        assert card.has_to("on-trial", trial) is is_on_trial


FRESH = (SCRIPTS.parents[3] / "boot" / SETTINGS_FILE).read_text()


@pytest.mark.parametrize(
    ("written", "is_to_be_read"),
    [
        (FRESH, False),
        (FRESH.replace("\n", "\r\n"), False),
        (TAKEN + "\n\n\n", False),
        (print_settings(Settings("Oma")), True),
        (FRESH + "ssid = Home\n", True),
        ("no TOML at all", True),
        ("[wifi", True),
    ],
)
def test_settings_are_read_when_the_owner_wrote_something(
    card: Card, written: str, is_to_be_read: bool
) -> None:
    (card.folder / BOX_FILE).touch()
    (card.folder / MISTAKES_FILE).touch()
    (card.folder / SETTINGS_FILE).write_bytes(written.encode())
    assert card.has_to("settings-wait", card.folder, card.folder) is is_to_be_read


def test_settings_are_looked_at_the_first_time_and_while_there_are_mistakes(card: Card) -> None:
    assert card.has_to("settings-wait", card.folder, card.folder)
    (card.folder / BOX_FILE).touch()
    assert not card.has_to("settings-wait", card.folder, card.folder)
    (card.folder / MISTAKES_FILE).write_text("fernruf.toml: line 3")
    assert card.has_to("settings-wait", card.folder, card.folder)


def test_machine_is_switched_off_once_and_only_when_the_telephone_asked(card: Card) -> None:
    control = card.folder / "control"
    card.program("systemctl", "echo $*")
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == ""
    ask_to_switch_off(control)
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == "--no-block poweroff\n"
    assert card.run("switch-off", card.folder / SWITCH_OFF).stdout == ""


@pytest.mark.parametrize(("disk", "part"), [("/dev/mmcblk7", "p"), ("/dev/vdz", "")])
def test_partitions_of_the_card_are_mounted_even_if_no_room_could_be_made(
    card: Card, disk: str, part: str
) -> None:
    card.program("mount", f'echo "$*" >>{card.folder}/mounted')
    table = card.folder / "fstab"
    table.write_text(
        "PARTUUID=0-01 /boot/firmware vfat noatime,nofail 0 0\n"
        "tmpfs /tmp tmpfs defaults 0 0\nPARTUUID=0-04 /data ext4 commit=5 0 0\n"
    )
    done = card.run("mount-card", Path(disk), table)
    assert f"no room on {disk}" in done.stdout
    assert (card.folder / "mounted").read_text().splitlines() == [
        f"-t vfat -o noatime,nofail {disk}{part}1 /boot/firmware",
        f"-t ext4 -o commit=5 {disk}{part}4 /data",
    ]


def test_initrd_has_the_drivers_that_power_the_card_of_a_raspberry_pi_4() -> None:
    """Its card reader waits for both (bcm2711-rpi-4-b.dts: regulator-gpio, regulator-fixed)."""
    listed = (SCRIPTS.parents[3] / "initrd" / "modules").read_text().split()
    assert {"sdhci_iproc", "gpio-regulator", "fixed"} <= set(listed)
