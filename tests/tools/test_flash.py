"""tools/flash.py as a person runs it: words, exit codes, and a card file at the end."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from firmware.settings import SETTINGS_FILE, Settings, parse_settings
from tests.tools.cards import MIB, START, make_image

FLASH = Path(__file__).resolve().parents[2] / "tools" / "flash.py"


def flash(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FLASH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=typed, check=False)


@pytest.fixture(name="image")
def _image(tmp_path: Path) -> Path:
    path = tmp_path / "fernruf.img"
    data = make_image(path)
    packed = path.with_name("fernruf.img.zst")
    packed.write_bytes(zstandard.ZstdCompressor(level=1).compress(data))
    return packed


@pytest.fixture(name="card")
def _card(tmp_path: Path) -> Path:
    path = tmp_path / "card"
    path.write_bytes(random.Random(4).randbytes(96 * MIB))
    return path


def test_write_makes_a_card_that_verifies_and_knows_its_owner(image: Path, card: Path) -> None:
    done = flash("write", image, card, "--unsigned", "--name", "Oma", "--country", "de")
    assert done.returncode == 0, done.stderr
    copied = subprocess.run(
        ["mtype", "-i", f"{card}@@{START}", f"::{SETTINGS_FILE}"], capture_output=True, check=True
    )
    assert parse_settings(copied.stdout.decode()) == (Settings(name="Oma", country="DE"), ())


def test_verify_tells_an_equal_card_from_another(image: Path, card: Path) -> None:
    assert flash("write", image, card, "--unsigned").returncode == 0
    assert flash("verify", image, card, "--unsigned").returncode == 0
    with card.open("r+b") as file:
        file.seek(45 * MIB)
        file.write(b"another byte")
    done = flash("verify", image, card, "--unsigned")
    assert (done.returncode, "differs" in done.stderr) == (5, True)


def test_dry_run_tells_each_step_and_touches_nothing(image: Path, card: Path) -> None:
    before = card.read_bytes()
    done = flash("write", image, card, "--unsigned", "--dry-run", "--name", "Oma")
    assert done.returncode == 0, done.stderr
    assert "the first block last" in done.stdout
    assert "settings" in done.stdout
    assert card.read_bytes() == before


def test_dry_run_of_personalise_hides_the_password(card: Path) -> None:
    done = flash(
        *("personalise", card, "--dry-run", "--wifi", "Home", "--wifi-password", "correct horse")
    )
    assert done.returncode == 0, done.stderr
    assert "Home" in done.stdout
    assert "correct horse" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["write", "IMAGE", "CARD"], 3, "--unsigned"),
        (["write", "IMAGE", "/dev/nothing", "--unsigned"], 3, "there is no"),
        (["write", "IMAGE", "/dev/null", "--unsigned"], 3, "no whole disk"),
        (["write", "IMAGE", "CARD", "--key", "RWQabc"], 4, "not signed"),
        (["write", "CARD", "CARD", "--unsigned"], 4, "is no image"),
        (["write", "missing.img", "CARD", "--unsigned"], 4, "there is no file"),
        (["personalise", "CARD"], 1, "nothing to write"),
        (["personalise", "CARD", "--name", "Oma"], 4, "no FAT partition"),
        (["personalise", "CARD", "--country", "Germany"], 2, "two letters"),
        (["personalise", "CARD", "--wifi", "x" * 40], 2, "1 to 32 bytes"),
        (["wirte"], 2, "invalid choice"),
    ],
)
def test_wrong_use_is_said_in_words_with_an_exit_code(
    image: Path, card: Path, arguments: list[str], code: int, words: str
) -> None:
    places = {"IMAGE": str(image), "CARD": str(card)}
    done = flash(*(places.get(argument, argument) for argument in arguments))
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_list_ends_well_whether_or_not_there_is_a_card() -> None:
    assert flash("list").returncode == 0
    assert flash("list", "--all").returncode == 0
