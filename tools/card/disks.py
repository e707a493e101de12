"""Which disks are here, and which of them may be written: whole, removable, not in use.

Knows the output of `lsblk` (Linux) and `diskutil` (macOS) and writes nothing. What backs the
running system, or is mounted elsewhere than as removable media, is refused with a reason.
Units: bytes. Source: lsblk(8), diskutil(8).
"""

from __future__ import annotations

import json
import plistlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from card.errors import CardError

SYSTEM_MOUNTS = ("/", "/boot", "/boot/efi", "/boot/firmware", "/home", "/usr", "/var", "[SWAP]")
HOLDERS = ("lvm", "crypt", "raid", "dm", "mpath")  # types of lsblk that stand upon a partition
COLUMNS = "PATH,SIZE,TYPE,RM,HOTPLUG,RO,TRAN,VENDOR,MODEL,SERIAL,FSTYPE,LABEL,MOUNTPOINTS"
TOOL_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of a disk."""

    path: str
    size_bytes: int
    file_system: str  # as lsblk names it; empty = none known
    label: str
    mounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk; `refusal` says why it must not be written, empty = it may."""

    path: str
    size_bytes: int
    name: str  # vendor and model, for people
    serial: str
    partitions: tuple[Partition, ...]
    refusal: str

    @property
    def contents(self) -> str:
        """What is on it, in a few words."""
        parts = [part.label or part.file_system for part in self.partitions]
        return ", ".join(part for part in parts if part) or "nothing known"


def list_disks() -> list[Disk]:
    """All whole disks of this computer; CardError if the system does not tell."""
    if sys.platform == "darwin":
        external = _run("diskutil", "list", "-plist", "physical")
        names = plistlib.loads(external).get("AllDisksAndPartitions", [])
        return [
            parse_diskutil(entry, plistlib.loads(_run("diskutil", "info", "-plist", path)))
            for entry in names
            if (path := f"/dev/{entry['DeviceIdentifier']}")
        ]
    return parse_lsblk(_run("lsblk", "--json", "--bytes", "--output", COLUMNS).decode())


def parse_lsblk(text: str) -> list[Disk]:
    """The disks in the JSON of `lsblk --bytes` with COLUMNS; CardError if it is none."""
    try:
        entries = json.loads(text)["blockdevices"]
        return [_disk(entry) for entry in entries if entry["type"] == "disk"]
    except (ValueError, KeyError, TypeError) as error:
        raise CardError(f"cannot understand what lsblk says: {error!r}") from None


def parse_diskutil(entry: dict[str, Any], info: dict[str, Any]) -> Disk:
    """One disk of `diskutil list -plist` with its `diskutil info -plist`."""
    partitions = tuple(
        Partition(
            f"/dev/{part['DeviceIdentifier']}",
            int(part.get("Size", 0)),
            str(part.get("Content", "")),
            str(part.get("VolumeName", "")),
            (str(part["MountPoint"]),) if part.get("MountPoint") else (),
        )
        for part in entry.get("Partitions", [])
    )
    refusal = ""
    if info.get("Internal") and not info.get("RemovableMedia"):
        refusal = "is built into this computer"
    elif not info.get("WritableMedia", True):
        refusal = "is write-protected"
    else:
        refusal = _mount_refusal(mount for part in partitions for mount in part.mounts)
    return Disk(
        f"/dev/{entry['DeviceIdentifier']}",
        int(entry.get("Size", 0)),
        str(info.get("MediaName", "")).strip(),
        "",
        partitions,
        refusal,
    )


def _disk(entry: dict[str, Any]) -> Disk:
    below = list(_descendants(entry))
    partitions = tuple(_partition(part) for part in below if part["type"] == "part")
    mounts = [*_mounts(entry), *(mount for part in below for mount in _mounts(part))]
    refusal = ""
    if any(part["type"].startswith(HOLDERS) for part in below):
        refusal = "carries a volume of LVM, RAID or encryption"
    elif not (entry["rm"] or entry["hotplug"] or entry["tran"] in ("usb", "mmc")):
        refusal = "is built into this computer"
    elif entry["ro"]:
        refusal = "is write-protected"
    elif not int(entry["size"] or 0):
        refusal = "has no card in it"
    else:
        refusal = _mount_refusal(iter(mounts))
    name = " ".join(str(entry[key]).strip() for key in ("vendor", "model") if entry[key])
    return Disk(
        entry["path"],
        int(entry["size"] or 0),
        name,
        str(entry["serial"] or ""),
        partitions,
        refusal,
    )


def _mount_refusal(mounts: Iterator[str]) -> str:
    """A card may be mounted where desktops put cards; anywhere else somebody works with it."""
    for mount in mounts:
        if mount in SYSTEM_MOUNTS:
            return f"is in use by the system ({mount})"
        if not mount.startswith(("/media/", "/run/media/", "/Volumes/", "/mnt/")):
            return f"is mounted at {mount}"
    return ""


def _partition(entry: dict[str, Any]) -> Partition:
    return Partition(
        entry["path"],
        int(entry["size"] or 0),
        str(entry["fstype"] or ""),
        str(entry["label"] or ""),
        tuple(_mounts(entry)),
    )


def _mounts(entry: dict[str, Any]) -> list[str]:
    return [str(mount) for mount in entry.get("mountpoints") or () if mount]


def _descendants(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for child in entry.get("children", ()):
        yield child
        yield from _descendants(child)


def _run(*command: str) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=TOOL_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CardError(f"cannot list disks: {error}") from None
    return done.stdout
