"""`fernruf wiring` with a simulated builder: each mistake is named and mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.__main__ import main
from firmware.drivers.contacts import Contacts, Parts
from firmware.drivers.hook import Hook
from firmware.drivers.keypad import Keypad
from firmware.drivers.sim.builder import FAULTS, Builder
from firmware.drivers.sim.gpio import SimGpio
from firmware.events import HookLifted, KeyPressed
from firmware.handset import Handset, parse_handset


def test_wiring_that_is_right_is_said_to_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wiring", "--simulated"]) == 0
    assert "Everything is connected as handset.toml says." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("hook_inverted", "hook: inverted: lifted_is_high must be false"),
        ("hook_cut", "hook: the contact at pin 22 is always open: a cut wire"),
        ("hook_short", "hook: the contact at pin 22 is always closed: a short to ground"),
        ("rows_and_columns", "keypad: rows and columns are swapped"),
        ("row_order", "keypad: row 1 is on pin 6, not 5"),
        ("column_cut", "keypad: column 2 (2 5 8 0) is dead: a cut wire"),
        ("dead_key", "keypad: key 5 is dead"),
        ("short", "keypad: pins 5 and 23 are joined although no key is down: a short"),
        ("no_buzzer", "bell: no ring"),
        ("wrong_card", "earpiece: wrong sound card: playback must be plughw:CARD=Device"),
        ("no_sound", "earpiece: no tone on any sound card"),
        ("deaf", "microphone: silence"),
    ],
)
def test_wiring_names_each_mistake(
    capsys: pytest.CaptureFixture[str], fault: str, said: str
) -> None:
    assert main(["wiring", "--simulated", fault]) == 1
    named = [line for line in capsys.readouterr().out.splitlines() if line.startswith("! ")]
    assert named[0].startswith(f"! {said}"), named


def test_wiring_knows_a_test_for_every_mistake_of_the_simulated_builder() -> None:
    (marker,) = test_wiring_names_each_mistake.pytestmark  # type: ignore[attr-defined]
    assert {fault for fault, _ in marker.args[1]} == set(FAULTS)


@pytest.mark.parametrize(
    "faults", [("hook_inverted", "row_order"), ("rows_and_columns", "wrong_card")]
)
def test_wiring_written_is_the_one_with_which_the_telephone_works(
    tmp_path: Path, faults: tuple[str, ...]
) -> None:
    path = tmp_path / "handset.toml"
    assert main(["wiring", "--simulated", *faults, "--write", str(path)]) == 1
    mended = parse_handset(path.read_text(), "handset.toml")
    gpio = SimGpio()
    builder = Builder(gpio, Handset(), frozenset(faults), lambda text: None)
    pads, hook = mended.keypad, mended.hook
    parts = Parts(
        hook=Hook(gpio, hook.pin, lifted_is_high=hook.lifted_is_high),
        keypad=Keypad(gpio, pads.rows, pads.columns, pads.keys),
    )
    contacts = Contacts(gpio, parts)
    now_s, found = 0.0, []
    for task, key in (("lift", ""), ("hold", "4"), ("release", "4"), ("hold", "C")):
        builder.do(task, key)
        for _ in range(20):
            found += contacts.sample(now_s)
            now_s += 0.005
    assert found == [HookLifted(), KeyPressed("4"), KeyPressed("C")]
    assert gpio.shorts == 0


def test_wiring_of_a_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    assert main(["wiring", "--handset", str(tmp_path / "x.toml"), "--simulated"]) == 2
