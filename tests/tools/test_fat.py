"""The FAT partition: what we write is read by mtools and found sound by fsck.vfat."""

from __future__ import annotations

import argparse
import random
import subprocess
from pathlib import Path

import pytest
from card import personal
from card.errors import CardError, ImageError
from card.fat import BootPartition

from firmware.settings import SETTINGS_FILE, Settings, parse_settings
from tests.tools.cards import FAT_BYTES, MIB, START, make_image

FATS = (16, 32)


@pytest.fixture(name="path", params=FATS)
def _path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "card.img"
    make_image(path, tail_bytes=0, fat=request.param)
    return path


def mtools(path: Path, *command: str) -> bytes:
    drive = f"{path}@@{START}"
    done = subprocess.run([command[0], "-i", drive, *command[1:]], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(path: Path) -> None:
    """fsck.vfat finds nothing to mend."""
    partition = path.with_suffix(".fat")
    partition.write_bytes(path.read_bytes()[START : START + FAT_BYTES])
    done = subprocess.run(["fsck.vfat", "-n", str(partition)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_file_written_is_read_by_mtools_and_the_partition_is_sound(path: Path) -> None:
    contents = random.Random(1).randbytes(100_000)
    with BootPartition(path) as boot:
        boot.write("fernruf.toml", contents)
        boot.write("A longer name than eight.three", b"short")
        assert boot.read("FERNRUF.TOML") == contents
    assert mtools(path, "mtype", "::fernruf.toml") == contents
    assert mtools(path, "mtype", "::A longer name than eight.three") == b"short"
    check(path)


def test_file_replaced_gives_its_room_back(path: Path) -> None:
    with BootPartition(path) as boot:
        for turn in range(8):
            boot.write("fernruf.toml", bytes([turn]) * 20 * MIB)
        boot.write("FERNRUF.TOML", b"at last")
        assert [name.lower() for name in boot.names()].count("fernruf.toml") == 1
    assert mtools(path, "mtype", "::fernruf.toml") == b"at last"
    check(path)


def test_file_of_another_program_is_found_and_replaced(path: Path, tmp_path: Path) -> None:
    (tmp_path / "Fernruf.toml").write_text("[box]\nname = 'Old'\n")
    mtools(path, "mcopy", str(tmp_path / "Fernruf.toml"), "::Fernruf.toml")
    personal.write_settings(path, Settings(country="AT"))
    text = mtools(path, "mtype", "::fernruf.toml").decode()
    assert parse_settings(text) == (Settings(name="Old", country="AT"), ())
    check(path)


def test_file_that_does_not_fit_is_an_error_and_harms_nothing(path: Path) -> None:
    with BootPartition(path) as boot:
        boot.write("keep.txt", b"kept")
        with pytest.raises(CardError, match="cannot write"):
            boot.write("large.bin", bytes(60 * MIB))
    assert mtools(path, "mtype", "::keep.txt") == b"kept"
    check(path)


def test_card_without_a_fat_partition_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "noise"
    path.write_bytes(random.Random(2).randbytes(4096))
    with pytest.raises(ImageError):
        BootPartition(path)


def test_partition_of_garbage_is_an_error_never_a_crash(path: Path) -> None:
    whole = bytearray(path.read_bytes()[: START + 4 * MIB])
    source = random.Random(11)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(source.randrange(1, 20)):
            damaged[START + source.randrange(512)] = source.randrange(256)
        path.write_bytes(damaged)
        try:
            with BootPartition(path) as boot:
                boot.read(SETTINGS_FILE)
        except CardError:
            continue


def test_new_network_takes_its_own_password_and_no_other(path: Path) -> None:
    personal.write_settings(path, Settings(ssid="Home", password="correct horse"))
    personal.write_settings(path, Settings(ssid="Cafe"))
    with BootPartition(path) as boot:
        text = (boot.read(SETTINGS_FILE) or b"").decode()
    assert parse_settings(text) == (Settings(ssid="Cafe"), ())


def test_password_is_asked_for_and_not_shown() -> None:
    parser = argparse.ArgumentParser()
    personal.add_arguments(parser)
    given = parser.parse_args(["--wifi", "Home", "--name", "Oma"])
    settings = personal.settings_of(given, lambda _: "correct horse")
    assert settings == Settings(name="Oma", ssid="Home", password="correct horse")
    assert "correct horse" not in personal.without_secrets(settings)
    with pytest.raises(CardError, match="8 to 63"):
        personal.settings_of(given, lambda _: "short")
