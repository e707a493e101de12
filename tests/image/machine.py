"""The very image in an emulated computer: its card, root, kernel and initrd.

QEMU has no VideoCore, so the Pi's own firmware is not run, and U-Boot only in test_slots.py: here a
slot is chosen as its script does, and kernel and initrd are read from the FAT partition as it
would. RASPBERRY has the image's device tree and an SD card of 1 MB/s; PLAIN is a computer of virtio
devices, several times as fast. Orders are typed into systemd's debug shell on the serial line,
which only our kernel command line opens.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from firmware.shell.state import IDENTITY
from tests.image.card import Card

BOOT_S = 900.0  # emulated, on a busy machine
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")  # what a shell tells a terminal beside its words


@dataclass(frozen=True)
class Kind:
    """What QEMU emulates."""

    hardware: tuple[str, ...]
    drive: tuple[str, ...]  # with the card's path for {}
    network: str  # device
    console: str
    device_tree: str = ""  # in the FAT partition; empty: QEMU's own
    words: str = ""  # for the kernel


RASPBERRY = Kind(
    ("-M", "raspi3b", "-serial", "null", "-serial", "stdio"),
    ("-drive", "if=sd,format=raw,file={}"),
    "usb-net",
    "ttyS1,115200",
    "plain/bcm2837-rpi-3-b.dtb",
    # QEMU resets the machine as soon as this watchdog is started
    "module_blacklist=bcm2835_wdt",
)
PLAIN = Kind(
    ("-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "448", "-serial", "stdio"),
    (
        *("-drive", "if=none,id=card,format=raw,file={}"),
        *("-device", "virtio-blk-device,drive=card"),
    ),
    "virtio-net-device",
    "ttyAMA0",
)


class Machine:
    """One emulated computer with a card; a context manager that pulls the plug at the end."""

    def __init__(
        self,
        card: Card,
        kind: Kind = RASPBERRY,
        *,
        network: str = "user",
        inside: tuple[str, ...] = (),
    ) -> None:
        """`inside` comes before QEMU's command: the network namespace where it runs."""
        self.card, self._kind, self._network, self._inside = card, kind, network, inside
        self._folder = card.folder
        self.slot = ""
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
        kind, slot = self._kind, self.card.choose_slot()
        self.slot = slot
        console = kind.console.partition(",")[0]
        append = (
            f"{self.card.words_for_kernel(slot)} console={kind.console} "
            f"systemd.debug_shell={console} systemd.show_status=1 "
            f"systemd.mask=serial-getty@{console}.service {kind.words}"
        )
        tree: tuple[str, ...] = ()
        if kind.device_tree:
            tree = ("-dtb", str(self.card.get(kind.device_tree)))
        self._process = subprocess.Popen(
            [
                *(*self._inside, "qemu-system-aarch64", *kind.hardware),
                *("-display", "none", "-no-reboot"),
                *("-kernel", str(self.card.get(f"{slot}/vmlinuz"))),
                *("-initrd", str(self.card.get(f"{slot}/initrd"))),
                *tree,
                *(word.format(self.card.path) for word in kind.drive),
                *("-netdev", f"{self._network},id=net", "-device", f"{kind.network},netdev=net"),
                *("-append", append, "-monitor", "none"),
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
        wanted, until_s = re.compile(pattern.encode()), time.monotonic() + timeout_s
        begin = len(self.log)
        while True:
            if found := wanted.search(self.log, begin):
                return found
            end = self.log[-3000:].decode(errors="replace")
            assert time.monotonic() < until_s, f"never said {pattern!r}; the end:\n{end}"
            assert self._listen(1.0), f"ended before it said {pattern!r}; the end:\n{end}"

    def wait_for_end(self, timeout_s: float) -> None:
        """Let the machine run until it starts anew or switches itself off."""
        until_s = time.monotonic() + timeout_s
        while self._listen(1.0):
            end = self.log[-3000:].decode(errors="replace")
            assert time.monotonic() < until_s, f"goes on; the end:\n{end}"
        self.cut_power()

    def run_for(self, duration_s: float) -> None:
        """Let the machine run so long."""
        until_s = time.monotonic() + duration_s
        while (left_s := until_s - time.monotonic()) > 0:
            assert self._listen(min(left_s, 1.0)), "ended by itself"

    def _listen(self, wait_s: float) -> bool:
        """Keep what the serial line says; False when the machine has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(wait_s):
                return True
        data = os.read(self._process.stdout.fileno(), 65536)
        self.log += data
        with (self._folder / "serial.log").open("ab") as file:
            file.write(data)
        return bool(data)

    def type(self, command: str, timeout_s: float = 240.0) -> tuple[int, str]:
        """One order in the debug shell; its exit code and what it printed."""
        begin = len(self.log)
        self.say(f"{command}; echo FINISHE''D $?")
        found = self.wait_for(r"FINISHED (\d+)\r?\n", timeout_s)
        text = ESCAPES.sub(b"", bytes(self.log[begin : found.start()])).decode(errors="replace")
        # the shell shows its order once or twice, whether or not it was ready for it
        printed = text.rpartition("FINISHE''D")[2].partition("\n")[2]
        return int(found.group(1)), printed.strip()

    def say(self, command: str) -> None:
        """Begin something in the debug shell."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()

    def find_last(self, pattern: str) -> re.Match[bytes]:
        """The last place where the serial line said it."""
        return list(re.finditer(pattern.encode(), self.log))[-1]

    def last_line(self) -> str:
        """Where the machine has come to."""
        text = ESCAPES.sub(b"", bytes(self.log[-500:])).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def wait_until_ready(self, timeout_s: float = BOOT_S) -> None:
        """Fernruf has told systemd that it is ready, and its slot is good."""
        self.wait_for(r"Finished.*fernruf-good\.service", timeout_s)

    def status(self) -> dict[str, Any]:
        """What the telephone says of itself."""
        code, text = self.type("fernruf ctl --control /run/fernruf/control status")
        assert code == 0, text
        found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        return found

    def take_number(self) -> str:
        """That of the identity in the FAT partition: an emulated machine computes for minutes."""
        code, text = self.type(
            f"cp /boot/firmware/{IDENTITY} /data/fernruf/ && chmod 600 /data/fernruf/{IDENTITY}"
            " && chown -R fernruf: /data/fernruf && systemctl restart fernruf.service"
        )
        assert code == 0, text
        return self.wait_for_number()

    def wait_for_number(self, timeout_s: float = 1800.0) -> str:
        """Until the number is made."""
        code, text = self.type(
            "until fernruf ctl --control /run/fernruf/control status"
            ' | grep -q \'"number": "[2-8]\'; do sleep 5; done',
            timeout_s,
        )
        assert code == 0, text
        return str(self.status()["number"])
