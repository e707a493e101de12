"""Which disks are offered: the lists of real tools, and every reason to refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from card.disks import list_disks, parse_diskutil, parse_lsblk
from card.errors import CardError


def disk(**changes: Any) -> dict[str, Any]:
    """One disk as `lsblk --json --bytes` of util-linux 2.38 prints it: a card in a USB reader."""
    usual: dict[str, Any] = {
        "path": "/dev/sdb",
        "size": 31_914_983_424,
        "type": "disk",
        "rm": True,
        "hotplug": True,
        "ro": False,
        "tran": "usb",
        "vendor": "Generic-",
        "model": "SD/MMC",
        "serial": "2012",
        "fstype": None,
        "label": None,
        "mountpoints": [None],
    }
    return usual | changes


def part(**changes: Any) -> dict[str, Any]:
    return disk(path="/dev/sdb1", type="part", fstype="vfat", label="bootfs", vendor=None) | changes


def refusal(*disks: dict[str, Any]) -> str:
    return parse_lsblk(json.dumps({"blockdevices": list(disks)}))[0].refusal


def test_card_in_a_reader_is_offered_with_size_name_and_contents() -> None:
    text = json.dumps({"blockdevices": [disk(children=[part()])]})
    (found,) = parse_lsblk(text)
    assert (found.path, found.size_bytes, found.refusal) == ("/dev/sdb", 31_914_983_424, "")
    assert (found.name, found.contents) == ("Generic- SD/MMC", "bootfs")


def test_card_in_a_slot_of_the_computer_is_offered() -> None:
    assert refusal(disk(path="/dev/mmcblk0", rm=False, hotplug=True, tran="mmc")) == ""


def test_card_that_the_desktop_mounted_is_offered() -> None:
    assert refusal(disk(children=[part(mountpoints=["/media/anna/bootfs"])])) == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (disk(rm=False, hotplug=False, tran="nvme"), "built into"),
        (disk(rm=False, hotplug=False, tran="sata"), "built into"),
        (disk(ro=True), "write-protected"),
        (disk(size=0), "no card"),
        (disk(mountpoints=["/"]), "in use by the system"),
        (disk(children=[part(mountpoints=["/boot/efi"])]), "in use by the system"),
        (disk(children=[part(mountpoints=["[SWAP]"])]), "in use by the system"),
        (disk(children=[part(mountpoints=["/srv/backup"])]), "is mounted at /srv/backup"),
        (disk(children=[part(children=[part(type="lvm")])]), "LVM"),
        (disk(children=[part(children=[part(type="crypt")])]), "LVM, RAID or encryption"),
        (disk(children=[part(children=[part(type="raid1")])]), "RAID"),
    ],
)
def test_disk_that_is_no_card_is_refused_with_a_reason(wrong: dict[str, Any], words: str) -> None:
    assert words in refusal(wrong)


def test_stick_that_the_system_runs_from_is_refused() -> None:
    deep = part(children=[part(type="crypt", mountpoints=["/"])])
    assert refusal(disk(children=[deep]))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"blockdevices": [{}]}', '{"blockdevices": 3}'])
def test_list_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(CardError):
        parse_lsblk(text)


def test_disks_of_this_very_computer_can_be_listed() -> None:
    for found in list_disks():
        assert found.path.startswith("/dev/")


def test_disk_of_a_mac_is_judged_by_what_diskutil_says() -> None:
    entry = {
        "DeviceIdentifier": "disk4",
        "Size": 31_914_983_424,
        "Partitions": [
            {
                "DeviceIdentifier": "disk4s1",
                "Size": 536_870_912,
                "Content": "Windows_FAT_32",
                "VolumeName": "bootfs",
                "MountPoint": "/Volumes/bootfs",
            }
        ],
    }
    card = {"Internal": False, "WritableMedia": True, "MediaName": "SD Card Reader"}
    found = parse_diskutil(entry, card)
    assert (found.path, found.name, found.refusal) == ("/dev/disk4", "SD Card Reader", "")
    assert "built into" in parse_diskutil(entry, card | {"Internal": True}).refusal
    assert "protected" in parse_diskutil(entry, card | {"WritableMedia": False}).refusal
    assert parse_diskutil(entry, card | {"Internal": True, "RemovableMedia": True}).refusal == ""
