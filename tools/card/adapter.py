"""Puts MicroPython and the adapter's program on a Raspberry Pi Pico.

MicroPython goes over the Pico's mass storage (the BOOTSEL key held while it is plugged in), the
program over its serial line by mpremote. Which files: board/adapter/package.json.
Source: the UF2 format; INFO_UF2.TXT of the RP2040's boot ROM (data sheet section 2.8.4).
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from card.errors import CardError, ImageError, RefusedError

ADAPTER = Path(__file__).resolve().parents[2] / "board" / "adapter"
MOUNTS = ("/media/*/*", "/run/media/*/*", "/Volumes/*", "/mnt/*")
INFO_FILE = "INFO_UF2.TXT"
BOARDS = {"RPI-RP2": 0xE48BFF56, "RP2350": 0xE48BFF59}  # Board-ID: family of its UF2
UF2_BLOCK_BYTES = 512
UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
UF2_BYTES_MAX = 16 << 20


def find_pico(drive: Path | None) -> tuple[Path, str]:
    """The Pico's drive and which board it is; RefusedError if there is none or more than one."""
    places = [drive] if drive else [place for glob in MOUNTS for place in Path("/").glob(glob[1:])]
    found = [(place, board) for place in places if (board := _board(place))]
    if not found:
        raise RefusedError("no Pico found: plug it in while you hold its BOOTSEL key")
    if len(found) > 1:
        raise RefusedError(f"{len(found)} Picos found: name one with --drive")
    return found[0]


def write_micropython(uf2: Path, drive: Path, board: str) -> None:
    """Copy MicroPython onto the Pico, which then starts it; ImageError if it is for another."""
    check_uf2(uf2, board)
    try:
        with (drive / uf2.name).open("wb") as file:
            file.write(uf2.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CardError(f"cannot write to the Pico: {error.strerror}") from None


def check_uf2(uf2: Path, board: str) -> None:
    """ImageError unless this is a whole UF2 file for that board."""
    try:
        data = uf2.read_bytes()[: UF2_BYTES_MAX + 1]
    except OSError as error:
        raise ImageError(f"cannot read {uf2}: {error.strerror}") from None
    count, rest = divmod(len(data), UF2_BLOCK_BYTES)
    if not count or rest or len(data) > UF2_BYTES_MAX:
        raise ImageError(f"{uf2.name} is no UF2 file: its size is not whole blocks")
    for number in range(count):
        block = data[number * UF2_BLOCK_BYTES : (number + 1) * UF2_BLOCK_BYTES]
        first, second, _, _, _, index, blocks, family = struct.unpack("<8I", block[:32])
        if (first, second, struct.unpack("<I", block[-4:])[0]) != UF2_MAGIC:
            raise ImageError(f"{uf2.name} is no UF2 file")
        if (index, blocks) != (number, count):
            raise ImageError(f"{uf2.name} is cut off")
        if family != BOARDS[board]:
            raise ImageError(f"{uf2.name} is for another board than {board}")


def write_program(port: str, *, usb: bool) -> None:
    """Lay out the program and copy it onto a running MicroPython; CardError if that fails.

    `resume`: the program that runs is stopped by a Ctrl-C and goes on feeding its watchdog, which
    a soft reset would prevent.
    """
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), usb=usb)
        names = sorted(path.name for path in Path(folder).iterdir())
        copy = ["fs", "cp", "-r", *(str(Path(folder, name)) for name in names), ":"]
        command = [sys.executable, "-m", "mpremote", "connect", port, "resume", *copy]
        command += ["+", "reset"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines() or ["mpremote says nothing"]
        if last[-1].endswith("No module named mpremote"):
            raise CardError(f"copying needs mpremote: {sys.executable} -m pip install mpremote")
        raise CardError(f"the Pico did not take the program: {last[-1]}")


def lay_out(folder: Path, *, usb: bool = False) -> list[str]:
    """Every file of the program at its place on the Pico; returns their names."""
    program = [sys.executable, str(ADAPTER / "build.py"), str(folder), *(["--usb"] * usb)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CardError(f"cannot lay out the program: {done.stderr.strip()[-200:]}")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def _board(place: Path) -> str:
    """The Board-ID of a Pico's drive; empty if it is no such drive."""
    try:
        text = (place / INFO_FILE).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "Board-ID" and value.strip() in BOARDS:
            return value.strip()
    return ""
