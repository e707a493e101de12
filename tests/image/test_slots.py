"""U-Boot of the image in QEMU, and the signature of its update: what starts, what is refused.

The part of an update that QEMU's missing VideoCore leaves out is the firmware before U-Boot. RAUC's
writing of a slot is in test_updates.py.
"""

from __future__ import annotations

import os
import random
import re
import selectors
import subprocess
import time
from pathlib import Path

import pytest

from tests.image.card import Card, run

START_S = 600.0
CHOSEN = re.compile(rb"Fernruf: slot ([ab])")
ENDED = re.compile(rb"Starting kernel|resetting")


class Bootloader:
    """A card whose environment says what an update left there; each start runs U-Boot anew."""

    def __init__(self, image: Path, folder: Path, environment: str) -> None:
        self.card, self._folder = Card(image, folder), folder
        for name in ("plain/u-boot.bin", "plain/bcm2837-rpi-3-b.dtb"):
            self.card.get(name)
        changes = dict(line.split("=") for line in environment.splitlines())
        self.card.environment |= changes

    def start(self) -> tuple[str, bool]:
        """Which slot U-Boot chose, and whether it got as far as the kernel."""
        command = ["qemu-system-aarch64", "-M", "raspi3b", "-nographic", "-no-reboot"]
        command += ["-kernel", str(self._folder / "u-boot.bin")]
        command += ["-dtb", str(self._folder / "bcm2837-rpi-3-b.dtb"), "-monitor", "none"]
        command += ["-drive", f"if=sd,format=raw,file={self.card.path}"]
        command += ["-serial", "null", "-serial", "stdio"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            return _chosen(process)
        finally:
            process.kill()
            process.communicate()  # closes its pipe


def _chosen(process: subprocess.Popen[bytes]) -> tuple[str, bool]:
    assert process.stdout is not None
    log, until_s = b"", time.monotonic() + START_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not (CHOSEN.search(log) and ENDED.search(log)):
            assert time.monotonic() < until_s, log[-2000:].decode(errors="replace")
            if selector.select(1.0):
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                log += data
    found = CHOSEN.search(log)
    assert found, log[-2000:].decode(errors="replace")
    return found.group(1).decode(), b"Starting kernel" in log


def test_fresh_card_starts_slot_a(image: Path, tmp_path: Path) -> None:
    loader = Bootloader(image, tmp_path, "BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=0")
    assert loader.start() == ("a", True)
    assert loader.card.tries_left == {"A": 2, "B": 0}


def test_update_whose_kernel_does_not_start_is_left_after_three_tries(
    image: Path, tmp_path: Path
) -> None:
    loader = Bootloader(image, tmp_path, "BOOT_ORDER=B A\nBOOT_A_LEFT=3\nBOOT_B_LEFT=3")
    for name in ("vmlinuz", "initrd"):
        loader.card.put(f"b/{name}", b"no kernel" * 1000)
    assert [loader.start() for _ in range(4)] == [*3 * [("b", False)], ("a", True)]
    assert loader.card.tries_left == {"A": 2, "B": 0}


def test_environment_that_a_power_cut_spoiled_still_starts_a_slot(
    image: Path, tmp_path: Path
) -> None:
    loader = Bootloader(image, tmp_path, "BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=0")
    loader.card.put("uboot.env", b"\xff" * 0x4000)
    assert loader.start() == ("a", True)


def verdict(bundle: Path, certificate: Path) -> subprocess.CompletedProcess[str]:
    command = ["rauc", "info", f"--keyring={certificate}", str(bundle)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(name="bundle")
def _bundle(image: Path, tmp_path: Path) -> Path:
    path = tmp_path / "fernruf.raucb"
    run("cp", "--sparse=always", str(image.with_name("fernruf.raucb")), str(path))
    return path


def test_update_of_this_image_is_signed_by_its_key(image: Path, bundle: Path) -> None:
    done = verdict(bundle, image.parent / "keys" / "update.crt")
    assert done.returncode == 0, done.stderr
    assert "fernruf-rpi" in done.stdout


def test_update_signed_by_somebody_else_is_refused(image: Path, tmp_path: Path) -> None:
    forger, forged = tmp_path / "forger", tmp_path / "forged.raucb"
    forger.mkdir()
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-subj", "/CN=Fernruf updates", "-keyout", str(forger / "key")),
        *("-out", str(forger / "crt")),
    )
    contents = tmp_path / "contents"
    contents.mkdir()
    (contents / "root.img").write_bytes(random.Random(7).randbytes(65536))
    (contents / "manifest.raucm").write_text(
        "[update]\ncompatible=fernruf-rpi\nversion=9.9.9\n[bundle]\nformat=verity\n"
        "[image.rootfs]\nfilename=root.img\n"
    )
    keys = ("--cert", str(forger / "crt"), "--key", str(forger / "key"))
    run("rauc", "bundle", *keys, str(contents), str(forged))
    assert verdict(forged, forger / "crt").returncode == 0
    done = verdict(forged, image.parent / "keys" / "update.crt")
    assert (done.returncode, "signature" in done.stderr) == (1, True), done.stderr


def test_update_whose_signature_was_changed_is_refused(image: Path, bundle: Path) -> None:
    with bundle.open("r+b") as file:
        file.seek(-200, os.SEEK_END)
        byte = file.read(1)
        file.seek(-200, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    done = verdict(bundle, image.parent / "keys" / "update.crt")
    assert done.returncode != 0
