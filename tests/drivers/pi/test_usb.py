"""Finding telephones and their sound cards, in a sysfs made of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.drivers.phone_keys import INPUT_EVENT
from firmware.drivers.pi.usb import open_usb_phone, serial_path, sound_card_of_phone
from firmware.errors import HardwareError
from tests.drivers.handsets import HANDSET, KEYBOARD


class Tree:
    """A sysfs with USB devices, and a /dev with pipes."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.dev = folder / "sys", folder / "dev"
        (self.dev / "input").mkdir(parents=True)
        for name in ("hidraw", "input", "sound", "tty"):
            (self.sys / "class" / name).mkdir(parents=True)

    def device(self, bus: str, interface: str) -> Path:
        usb = self.sys / "devices" / bus
        usb.mkdir(parents=True, exist_ok=True)
        (usb / "idVendor").write_text("0d8c\n")
        where = usb / interface
        where.mkdir(exist_ok=True)
        return where

    def add(self, kind: str, node_name: str, where: Path, **files: bytes) -> Path:
        node = self.sys / "class" / kind / node_name
        node.mkdir()
        (node / "device").symlink_to(where)
        for file, content in files.items():
            (where / file).write_bytes(content)
        return node

    def hidraw(self, name: str, bus: str, descriptor: bytes) -> None:
        where = self.device(bus, f"{bus}:1.3")
        self.add("hidraw", name, where, report_descriptor=descriptor)
        os.mkfifo(self.dev / name)

    def event(self, name: str, bus: str, device_name: str) -> Path:
        interface = self.device(bus, f"{bus}:1.1")
        where = interface / "input5"
        where.mkdir()
        self.add("input", name, where, name=device_name.encode() + b"\n")
        (where / "device").symlink_to(interface)
        os.mkfifo(self.dev / "input" / name)
        return interface

    def card(self, name: str, bus: str, card_id: str) -> None:
        node = self.add("sound", name, self.device(bus, f"{bus}:1.0"))
        (node / "id").write_text(card_id + "\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_usb_phone_is_found_among_keyboards_whatever_its_number(tree: Tree) -> None:
    tree.hidraw("hidraw0", "1-1", KEYBOARD)
    tree.hidraw("hidraw7", "1-2", HANDSET)
    found = open_usb_phone(tree.sys, tree.dev)
    found.stream.write(b"\x01\x01\x00")  # a pipe gives back what it was given
    assert found.keys.decode(found.stream.read(1.0)) == [("hook", True)]
    found.stream.close()


def test_usb_phone_of_the_cm109_is_read_by_evdev(tree: Tree) -> None:
    tree.event("event3", "1-1", "CM109 USB driver")
    found = open_usb_phone(tree.sys, tree.dev)
    found.stream.write(INPUT_EVENT.pack(0, 0, 1, 28, 1))
    assert found.keys.decode(found.stream.read(1.0)) == [("hook", True)]
    found.stream.close()


def test_usb_phone_of_yealink_rings_by_its_own_file(tree: Tree) -> None:
    interface = tree.event("event4", "1-1", "Yealink usb-p1k")
    found = open_usb_phone(tree.sys, tree.dev)
    assert found.ring is not None
    found.ring(True)
    assert (interface / "show_icon").read_text() == "RINGTONE\n"
    found.ring(False)
    assert (interface / "hide_icon").read_text() == "RINGTONE\n"
    found.stream.close()


def test_usb_sound_card_is_that_of_the_telephone_by_its_id(tree: Tree) -> None:
    tree.hidraw("hidraw2", "1-2", HANDSET)
    tree.card("card0", "1-1", "Camera")
    with pytest.raises(HardwareError, match="has no sound card"):
        sound_card_of_phone(tree.sys)
    tree.card("card1", "1-2", "Device")
    assert sound_card_of_phone(tree.sys) == "plughw:CARD=Device"


def test_usb_without_a_telephone_is_said_in_words(tree: Tree) -> None:
    tree.hidraw("hidraw0", "1-1", KEYBOARD)
    for find in (lambda: open_usb_phone(tree.sys, tree.dev), lambda: sound_card_of_phone(tree.sys)):
        with pytest.raises(HardwareError, match=r"^no telephone on USB$"):
            find()


def test_usb_telephone_whose_device_is_gone_is_said_in_words(tree: Tree) -> None:
    tree.hidraw("hidraw2", "1-2", HANDSET)
    (tree.dev / "hidraw2").unlink()
    with pytest.raises(HardwareError, match=r"hidraw2: No such file or directory"):
        open_usb_phone(tree.sys, tree.dev)


def pico(tree: Tree, name: str, bus: str, serial: str = "e661", product: str = "0005") -> None:
    where = tree.device(bus, f"{bus}:1.0")
    for file, content in (("idVendor", "2e8a"), ("idProduct", product), ("serial", serial)):
        (tree.sys / "devices" / bus / file).write_text(content + "\n")
    tree.add("tty", name, where)


def test_pico_is_found_by_what_it_is_whatever_its_number(tree: Tree) -> None:
    with pytest.raises(HardwareError, match="no Pico on USB"):
        serial_path("usb", tree.sys, tree.dev)
    tree.add("tty", "ttyACM0", tree.device("1-1", "1-1:1.0"))  # a modem
    pico(tree, "ttyACM1", "1-2", product="000c")  # a debug probe
    pico(tree, "ttyACM3", "1-3")
    pico(tree, "ttyACM4", "1-4", serial="e999")
    assert serial_path("usb", tree.sys, tree.dev) == str(tree.dev / "ttyACM3")
    assert serial_path("usb:e999", tree.sys, tree.dev) == str(tree.dev / "ttyACM4")
    with pytest.raises(HardwareError, match="no Pico with serial number e000 on USB"):
        serial_path("usb:e000", tree.sys, tree.dev)
    assert serial_path("/dev/serial0", tree.sys, tree.dev) == "/dev/serial0"
