"""The command line as a script sees it: exit codes and one line on stderr."""

from __future__ import annotations

import argparse
import importlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from firmware import number
from firmware.__main__ import COMMANDS
from firmware.shell.state import StateDir

GOOD_NUMBER = "47110815123" + number.check_digit("47110815123")


def fernruf(*arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run the program; it has a minute unless more is granted."""
    command = [sys.executable, "-m", "firmware", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def one_line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line]
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[network]\nbnid = 1\n", "[network] bnid"),
        ('[network]\nbind = "nowhere"\n', "[network] bind"),
        ('[hardware]\nkind = "toy"\n', "[hardware] kind"),
        ('[audio]\ncountry = "XX"\n', "[audio] country"),
        ('[hardware]\nkind = "simulated"\n[audio]\ncapture = "file:none.wav"\n', "[audio] capture"),
        ("[network\n", "box.toml"),
    ],
)
def test_box_with_a_wrong_configuration_names_file_and_key_and_exits_2(
    tmp_path: Path, text: str, complaint: str
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(text)
    ended = fernruf("box", "--config", str(config), "--state", str(tmp_path / "state"))
    assert ended.returncode == 2
    assert "box.toml" in one_line(ended.stderr)
    assert complaint in ended.stderr


def test_box_without_its_configuration_file_exits_2(tmp_path: Path) -> None:
    ended = fernruf("box", "--config", str(tmp_path / "none.toml"), "--state", str(tmp_path))
    assert ended.returncode == 2
    assert "none.toml" in one_line(ended.stderr)


@pytest.mark.parametrize(
    "wrong",
    [
        "card --country XX",
        "sim lookup --seed -1",
        "demo --seed -1",
        "exchange --bind 127.0.0.1:0 --state none --drain -1",
        "soft --no-open --port 99999",
        f"soft --no-open --port {'9' * 5000}",
    ],
)
def test_argument_that_cannot_be_exits_2_before_anything_is_done(
    tmp_path: Path, wrong: str
) -> None:
    command, *rest = wrong.split()
    state = ["--state", str(tmp_path / "state")] if command == "soft" else []
    ended = fernruf(command, *rest, *state)
    assert ended.returncode == 2
    assert "error: argument" in ended.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_unknown_command_exits_2() -> None:
    assert fernruf("dance").returncode == 2
    assert fernruf().returncode == 2


def test_help_names_every_command() -> None:
    ended = fernruf("--help")
    assert ended.returncode == 0
    for command in COMMANDS:
        assert f"    {command.replace('_', '-')}" in ended.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_says_what_it_does_and_what_each_argument_is(command: str) -> None:
    subparsers = argparse.ArgumentParser(prog="fernruf").add_subparsers()
    importlib.import_module(f"firmware.commands.{command}").add_parser(subparsers)
    waiting: list[argparse.ArgumentParser] = list(subparsers.choices.values())
    for parser in waiting:  # grows by the verbs
        assert (parser.description or "").endswith("."), parser.prog
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
            else:
                assert action.help, f"{parser.prog}: {action.metavar or action.dest}"
        assert parser.prog in parser.format_help()  # and every % in it is one


def test_ctl_without_a_box_exits_1(tmp_path: Path) -> None:
    ended = fernruf("ctl", "--control", str(tmp_path / "none.sock"), "status")
    assert ended.returncode == 1
    assert "no box listens" in one_line(ended.stderr)


@pytest.mark.parametrize("keys", ["", "12x", "hello"])
def test_ctl_press_of_something_that_is_no_key_exits_2(tmp_path: Path, keys: str) -> None:
    assert fernruf("ctl", "--control", str(tmp_path / "s"), "press", keys).returncode == 2


def test_lookup_of_something_that_is_no_number_exits_2() -> None:
    wrong = GOOD_NUMBER[:-1] + str((int(GOOD_NUMBER[-1]) + 1) % 10)
    ended = fernruf("lookup", wrong, "--bootstrap", "127.0.0.1:9")
    assert ended.returncode == 2
    assert "not a telephone number" in ended.stderr


def test_lookup_with_nobody_there_exits_1_and_still_prints_json() -> None:
    ended = fernruf("lookup", GOOD_NUMBER, "--bootstrap", "127.0.0.1:9", "--json")
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    assert found["verified"] is False
    nobody = "no node of the network answered at 127.0.0.1:9"
    reason = "nobody proved this number" if found["nodes"] else nobody  # a box on our network
    assert reason in one_line(ended.stderr)


def test_exchange_on_a_port_in_use_exits_1(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ended = fernruf("exchange", "--bind", address, "--state", str(tmp_path))
    assert ended.returncode == 1
    assert address in one_line(ended.stderr)


def test_box_on_an_address_that_is_not_ours_exits_1(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text('[hardware]\nkind = "simulated"\n[network]\nbind = "192.0.2.1:6881"\n')
    ended = fernruf("box", "--config", str(config), "--state", str(tmp_path / "state"))
    assert ended.returncode == 1
    assert "192.0.2.1" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_second_box_with_the_same_state_exits_1(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text('[hardware]\nkind = "simulated"\n')
    with StateDir(tmp_path / "state").locked():
        ended = fernruf("box", "--config", str(config), "--state", str(tmp_path / "state"))
    assert ended.returncode == 1
    assert "in use by another box" in one_line(ended.stderr)


def test_box_says_that_the_folder_of_its_notices_is_none(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text('[hardware]\nkind = "simulated"\n')
    places = ("--state", str(tmp_path / "state"), "--notices", str(config))
    with StateDir(tmp_path / "state").locked():  # so that it ends
        ended = fernruf("box", "--config", str(config), *places)
    assert f"no notices are shown as long as {config} is no folder" in ended.stderr


def test_number_with_a_damaged_identity_exits_2_and_keeps_the_file(tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    identity.write_text("{")
    ended = fernruf("number", "--state", str(tmp_path))
    assert ended.returncode == 2
    assert "identity.json" in one_line(ended.stderr)
    assert identity.read_text() == "{"


@pytest.mark.slow
def test_number_is_made_once_and_printed_as_json(tmp_path: Path) -> None:
    # how many hashes it takes is chance: one time in a thousand seven times as many as usual
    first = fernruf("number", "--state", str(tmp_path), timeout_s=1800.0)
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert number.is_valid(made["number"])
    again = fernruf("number", "--state", str(tmp_path))
    assert json.loads(again.stdout) == made
    assert again.stderr == ""
