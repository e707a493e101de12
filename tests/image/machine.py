"""The very image in an emulated Raspberry Pi 3B: its card, kernel, initrd and device tree.

QEMU has no VideoCore, so the Pi's own firmware and U-Boot are not run: kernel and initrd are read
from the image's FAT partition as U-Boot would. Orders are typed into systemd's debug shell on the
serial line, which only our kernel command line opens.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from pathlib import Path
from types import TracebackType

START = 1 << 20  # of the FAT partition
CARD_BYTES = 2 << 30  # QEMU wants a power of two
DISK = "fe42f0f1"
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")  # what a shell tells a terminal beside its words


class Machine:
    """One emulated Raspberry Pi; a context manager that pulls the plug at the end."""

    def __init__(self, image: Path, folder: Path, *, fresh: bool = True) -> None:
        self._folder, self._card = folder, folder / "card.qcow2"
        self._image = image
        if fresh:
            create = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", "raw")
            run(*create, str(self._card), str(CARD_BYTES))
            for name in ("a/vmlinuz", "a/initrd", "plain/bcm2837-rpi-3-b.dtb"):
                source = ("-i", f"{image}@@{START}", f"::{name}")
                run("mcopy", "-n", "-o", *source, str(folder / Path(name).name))
        self.log = bytearray()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        self.switch_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut_power()

    def switch_on(self) -> None:
        """Power."""
        append = (
            f"root=PARTUUID={DISK}-02 rootfstype=squashfs ro rootwait panic=10 fsck.repair=yes "
            "console=ttyS1,115200 fernruf.slot=a systemd.debug_shell=ttyS1 "
            "systemd.show_status=1 systemd.mask=serial-getty@ttyS1.service "
            # QEMU resets the machine as soon as this watchdog is started
            "module_blacklist=bcm2835_wdt"
        )
        self._process = subprocess.Popen(
            [
                *("qemu-system-aarch64", "-M", "raspi3b", "-nographic", "-no-reboot"),
                *("-kernel", str(self._folder / "vmlinuz")),
                *("-initrd", str(self._folder / "initrd")),
                *("-dtb", str(self._folder / "bcm2837-rpi-3-b.dtb")),
                # what the card has confirmed is on it: QEMU would keep it in the killed process
                *("-drive", f"if=sd,format=qcow2,cache=writethrough,file={self._card}"),
                *("-netdev", "user,id=net", "-device", "usb-net,netdev=net"),
                *("-append", append, "-monitor", "none"),
                *("-serial", "null", "-serial", "stdio"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def cut_power(self) -> None:
        """No goodbye: what was not on the card is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()  # closes its pipes
            self._process = None

    def wait_for(self, pattern: str, timeout_s: float) -> re.Match[bytes]:
        """Let the machine run until its serial line says `pattern`; AssertionError with its end."""
        assert self._process is not None
        assert self._process.stdout is not None
        wanted, until_s = re.compile(pattern.encode()), time.monotonic() + timeout_s
        begin = len(self.log)
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if found := wanted.search(self.log, begin):
                    return found
                left_s = until_s - time.monotonic()
                end = self.log[-3000:].decode(errors="replace")
                assert left_s > 0, f"never said {pattern!r}; the end:\n{end}"
                if selector.select(min(left_s, 1.0)):
                    data = os.read(self._process.stdout.fileno(), 65536)
                    assert data, f"ended before it said {pattern!r}; the end:\n{end}"
                    self.log += data
                    with (self._folder / "serial.log").open("ab") as file:
                        file.write(data)

    def type(self, command: str, timeout_s: float = 120.0) -> tuple[int, str]:
        """One order in the debug shell; its exit code and what it printed."""
        assert self._process is not None
        assert self._process.stdin is not None
        begin = len(self.log)
        self._process.stdin.write(f"{command}; echo FINISHE''D $?\n".encode())
        self._process.stdin.flush()
        found = self.wait_for(r"FINISHED (\d+)\r?\n", timeout_s)
        text = ESCAPES.sub(b"", bytes(self.log[begin : found.start()])).decode(errors="replace")
        return int(found.group(1)), text.partition("\n")[2].strip()


def run(*command: str) -> None:
    """A command that must succeed."""
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
