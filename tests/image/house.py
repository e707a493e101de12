"""A network of one cable between the computer outside and an emulated machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from tests.image.card import run

OUTSIDE, INSIDE = "192.168.77.1", "192.168.77.2"
CABLE = "cable"


class House:
    """A network namespace of its own; a context manager, for root only."""

    def __init__(self) -> None:
        self._name = f"fernruf-image-{os.getpid()}"
        self.inside = ("ip", "netns", "exec", self._name)  # before a command
        self.network = f"tap,ifname={CABLE},script=no,downscript=no"  # for QEMU

    def __enter__(self) -> House:
        run("ip", "netns", "add", self._name)
        for words in (
            "link set lo up",
            f"tuntap add {CABLE} mode tap",
            f"address add {OUTSIDE}/24 dev {CABLE}",
            f"link set {CABLE} up",
        ):
            run("ip", "-netns", self._name, *words.split())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        run("ip", "netns", "delete", self._name)

    def start(self, log: Path, *command: str) -> subprocess.Popen[bytes]:
        """A program of the computer outside."""
        with log.open("wb") as file:
            return subprocess.Popen([*self.inside, *command], stdout=file, stderr=file)
