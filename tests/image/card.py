"""A card with the image on it, as a file; what U-Boot's script does with its environment, too.

Units: bytes. Source: the image's own board/image/boot/boot.cmd; U-Boot's environment is a CRC-32
and then `name=value` with a zero after each.
"""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from pathlib import Path

from firmware.__main__ import main
from firmware.shell.state import IDENTITY

START = 1 << 20  # of the FAT partition
CARD_BYTES = 2 << 30  # QEMU wants a power of two
ENVIRONMENT = "uboot.env"
ENVIRONMENT_BYTES = 0x4000
TRIES = 3


class Card:
    """A sparse file beside the machine that it is put into; one that is there already is taken."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder, self.path = folder, folder / "card.img"
        if not self.path.exists():
            run("cp", "--sparse=always", str(image), str(self.path))
            run("truncate", "-s", str(CARD_BYTES), str(self.path))

    def put(self, name: str, data: bytes) -> None:
        """Write a file into the FAT partition."""
        source = self.folder / "put"
        source.write_bytes(data)
        run("mcopy", "-o", "-i", f"{self.path}@@{START}", str(source), f"::{name}")

    def put_number(self) -> None:
        """An identity with its number, made on this computer, for Machine.take_number()."""
        state = self.folder / "state-outside"
        assert main(["number", "--state", str(state)]) == 0
        self.put(IDENTITY, (state / IDENTITY).read_bytes())

    def get(self, name: str) -> Path:
        """A copy of a file of the FAT partition, beside the card."""
        to = self.folder / Path(name).name
        run("mcopy", "-n", "-o", "-i", f"{self.path}@@{START}", f"::{name}", str(to))
        return to

    @property
    def environment(self) -> dict[str, str]:
        """U-Boot's variables."""
        data = self.get(ENVIRONMENT).read_bytes()
        assert zlib.crc32(data[4:]) == struct.unpack("<I", data[:4])[0], "U-Boot would not read it"
        words = data[4:].partition(b"\0\0")[0].decode().split("\0")
        return dict(word.split("=", 1) for word in words if word)

    @environment.setter
    def environment(self, variables: dict[str, str]) -> None:
        words = "".join(f"{name}={value}\0" for name, value in variables.items()).encode()
        data = words.ljust(ENVIRONMENT_BYTES - 4, b"\0")
        self.put(ENVIRONMENT, struct.pack("<I", zlib.crc32(data)) + data)

    def words_for_kernel(self, slot: str) -> str:
        """What the card's script says to the kernel of this slot, but for the consoles of a Pi."""
        script = self.get("boot.scr").read_bytes().decode(errors="replace")
        found = re.search(r'setenv bootargs "(.*)"', script)
        assert found, "the script has no words for the kernel"
        part = {"a": "02", "b": "03"}[slot]
        words = found[1].replace("${part}", part).replace("${slot}", slot)
        words = words.replace("${name}", slot.upper())
        return " ".join(word for word in words.split() if not word.startswith("console="))

    def choose_slot(self) -> str:
        """As boot.cmd: the first slot of BOOT_ORDER that has tries left, which costs it one."""
        variables = self.environment
        for name in variables["BOOT_ORDER"].split():
            left = int(variables[f"BOOT_{name}_LEFT"])
            if left:
                self.environment = variables | {f"BOOT_{name}_LEFT": str(left - 1)}
                return name.lower()
        self.environment = variables | {"BOOT_A_LEFT": str(TRIES), "BOOT_B_LEFT": str(TRIES)}
        return self.choose_slot()

    @property
    def tries_left(self) -> dict[str, int]:
        """Of both slots."""
        variables = self.environment
        return {name: int(variables[f"BOOT_{name}_LEFT"]) for name in ("A", "B")}


def run(*command: str) -> None:
    """A command that must succeed."""
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
