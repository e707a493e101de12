"""Fernruf onto a Raspberry Pi OS that the owner brought: packages and a script in its boot folder.

What goes there is one archive, `fernruf-base.tar` of `make deb`. At its first start Raspberry Pi OS
runs the script, which installs without a network and takes its words out of `cmdline.txt` again.
Units: bytes. Source: systemd-run-generator(8); cmdline.txt of Raspberry Pi's firmware is one line.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from pathlib import Path

from card.errors import ImageError
from card.fat import BootPartition

SCRIPT = "fernruf-first-run.sh"
PACKAGE = "fernruf.deb"
FILES_MAX = 8
BYTES_MAX = 96 << 20  # what fits beside the kernels of Raspberry Pi OS
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")
COMMAND_LINE = "cmdline.txt"
COMMAND_LINE_BYTES_MAX = 4096
RUN = (
    f"systemd.run=/boot/firmware/{SCRIPT} systemd.run_success_action=reboot "
    "systemd.unit=kernel-command-line.target"
)
CHECKSUM_SUFFIX = ".sha256"  # as Raspberry Pi publishes it beside each image


def read_bundle(path: Path) -> dict[str, bytes]:
    """The files of the archive; ImageError if it is not what `make deb` writes."""
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive.getmembers() if not member.isdir()]
            _check(path, members)
            files = {_name(member): archive.extractfile(member) for member in members}
            contents = {name: file.read() for name, file in files.items() if file is not None}
    except (OSError, tarfile.TarError, EOFError) as error:
        raise ImageError(f"cannot read {path}: {error}") from None
    if not {SCRIPT, PACKAGE} <= contents.keys():
        raise ImageError(f"{path.name} holds no {SCRIPT} or no {PACKAGE}: make deb")
    return contents


def check_sha256(path: Path) -> bool:
    """Whether a checksum lies beside the image and fits; ImageError if it does not fit."""
    beside = path.with_name(path.name + CHECKSUM_SUFFIX)
    if not beside.is_file():
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if beside.read_text(errors="replace").split()[:1] != [digest]:
        raise ImageError(f"{path.name} is not what {beside.name} says")
    return True


def install(disk: Path, bundle: dict[str, bytes]) -> None:
    """Put the files into the FAT partition; the command line last, so that nothing runs half."""
    with BootPartition(disk) as boot:
        line = command_line(boot.read(COMMAND_LINE))
        settings = boot.read("config.txt") or b""
        if not re.search(rb"^\s*arm_64bit=1\s*$", settings, re.MULTILINE):
            raise ImageError("this is no Raspberry Pi OS with 64 bits (config.txt: arm_64bit=1)")
        for name, data in bundle.items():
            boot.write(name, data)
        boot.write(COMMAND_LINE, line)


def command_line(old: bytes | None) -> bytes:
    """The kernel's command line with our words at its end; ImageError if there is none."""
    text = (old or b"")[:COMMAND_LINE_BYTES_MAX].decode("ascii", "replace").strip()
    if "root=" not in text or "\n" in text:
        raise ImageError(f"this is no Raspberry Pi OS: {COMMAND_LINE} names no root")
    if RUN in text:
        return f"{text}\n".encode()
    if "systemd.run=" in text:
        raise ImageError("this card already has a first-run script of somebody else")
    return f"{text} {RUN}\n".encode()


def _check(path: Path, members: list[tarfile.TarInfo]) -> None:
    if len(members) > FILES_MAX or sum(member.size for member in members) > BYTES_MAX:
        raise ImageError(f"{path.name} holds more than fits into a FAT partition")
    for member in members:
        if not member.isfile() or not SAFE_NAME.fullmatch(_name(member)):
            raise ImageError(f"{path.name} holds {member.name!r}, which has no place on a card")


def _name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")
