"""Fernruf onto a Raspberry Pi OS: a small image with the same files in its FAT partition."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from card import base
from card.errors import ImageError

from tests.tools.cards import MIB, START, make_image

FLASH = Path(__file__).resolve().parents[2] / "tools" / "flash.py"
COMMAND_LINE = "console=serial0,115200 root=PARTUUID=1-02 rootwait init=/usr/lib/firstboot\n"
PARTS = {base.SCRIPT: b"#!/bin/bash\n", base.PACKAGE: b"deb" * 700_000, "libopus0.deb": b"opus"}


def bundle(path: Path, parts: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in parts.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def raspberry_pi_os(path: Path, command_line: str, config: str = "arm_64bit=1\n") -> Path:
    make_image(path)
    for name, text in (("cmdline.txt", command_line), ("config.txt", config)):
        command = ["mcopy", "-i", f"{path}@@{START}", "-", f"::{name}"]
        subprocess.run(command, input=text.encode(), check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")
    return path


def on_card(card: Path, name: str) -> bytes:
    command = ["mtype", "-i", f"{card}@@{START}", f"::{name}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def flash(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FLASH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(name="card")
def _card(tmp_path: Path) -> Path:
    path = tmp_path / "card"
    path.write_bytes(bytes(96 * MIB))
    return path


def test_raspberry_pi_os_gets_fernruf_a_first_run_and_the_settings(
    tmp_path: Path, card: Path
) -> None:
    image = raspberry_pi_os(tmp_path / "raspios.img", COMMAND_LINE)
    parts = bundle(tmp_path / "base.tar", PARTS)
    done = flash("write", "--base", parts, image, card, "--name", "Oma")
    assert done.returncode == 0, done.stderr
    assert on_card(card, "cmdline.txt").decode() == f"{COMMAND_LINE.strip()} {base.RUN}\n"
    assert {name: on_card(card, name) for name in PARTS} == PARTS
    assert b'name = "Oma"' in on_card(card, "fernruf.toml")
    checked = subprocess.run(
        ["fsck.vfat", "-n", "--", _fat_of(card, tmp_path)], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_image_that_is_not_what_its_checksum_says_is_refused(tmp_path: Path, card: Path) -> None:
    image = raspberry_pi_os(tmp_path / "raspios.img", COMMAND_LINE)
    with image.open("r+b") as file:
        file.seek(42 * MIB)
        file.write(b"!")
    parts = bundle(tmp_path / "base.tar", PARTS)
    done = flash("write", "--base", parts, image, card)
    assert (done.returncode, "is not what" in done.stderr) == (4, True)


def test_image_without_checksum_needs_a_signature_or_trust(tmp_path: Path, card: Path) -> None:
    image = raspberry_pi_os(tmp_path / "raspios.img", COMMAND_LINE)
    (tmp_path / "raspios.img.sha256").unlink()
    done = flash("write", "--base", bundle(tmp_path / "base.tar", PARTS), image, card)
    assert done.returncode == 3


def test_dry_run_with_a_base_says_what_it_would_put_there(tmp_path: Path, card: Path) -> None:
    image = raspberry_pi_os(tmp_path / "raspios.img", COMMAND_LINE)
    parts = bundle(tmp_path / "base.tar", PARTS)
    done = flash("write", "--dry-run", "--base", parts, image, card)
    assert (done.returncode, "base.tar into the FAT" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no Raspberry Pi OS"),
        ("quiet splash\n", "no Raspberry Pi OS"),
        ("root=/dev/sda1 systemd.run=/boot/other.sh\n", "somebody else"),
    ],
)
def test_command_line_of_another_system_is_refused(text: str | None, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        base.command_line(None if text is None else text.encode())


def test_command_line_that_has_our_words_keeps_them_once() -> None:
    once = base.command_line(COMMAND_LINE.encode())
    assert base.command_line(once) == once


def test_system_with_32_bits_is_refused(tmp_path: Path) -> None:
    image = raspberry_pi_os(tmp_path / "raspios.img", COMMAND_LINE, config="# arm_64bit=1\n")
    with pytest.raises(ImageError, match="64 bits"):
        base.install(image, PARTS)


@pytest.mark.parametrize(
    "parts",
    [
        {"../etc/passwd": b"", **PARTS},
        {"Folder/file": b"", **PARTS},
        {base.PACKAGE: b"deb"},
        {f"part{number}": b"" for number in range(base.FILES_MAX + 1)},
    ],
)
def test_archive_with_anything_strange_in_it_is_refused(
    tmp_path: Path, parts: dict[str, bytes]
) -> None:
    with pytest.raises(ImageError):
        base.read_bundle(bundle(tmp_path / "base.tar", parts))


def test_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path / "base.tar", PARTS)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ImageError):
        base.read_bundle(path)


def _fat_of(card: Path, folder: Path) -> Path:
    path = folder / "fat"
    data = card.read_bytes()
    size = int.from_bytes(data[458:462], "little") * 512
    path.write_bytes(data[START : START + size])
    return path
