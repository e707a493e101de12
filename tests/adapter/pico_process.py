"""The adapter's whole program in a real MicroPython, on a simulated Pico between two ptys."""

from __future__ import annotations

import importlib.util
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ADAPTER = ROOT / "board" / "adapter"
MICROPYTHON = shutil.which("micropython", path=Path(sys.executable).parent) or "micropython"
SHK, RM, FR, LAMP = 2, 3, 4, 14
ROWS, COLUMNS = (6, 7, 8, 9), (10, 11, 12, 13)


def load(path: Path) -> ModuleType:
    """A Python file outside the package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lay_out(folder: Path, *, mpy: bool = False, usb: bool = False) -> Path:
    """The files of a Pico in `folder`, with the simulated machine; `usb`: its line is the USB."""
    build: Any = load(ADAPTER / "build.py")
    build.build(folder, mpy=mpy, usb=usb)
    machine = Path(__file__).parent / "pico" / "machine.py"
    (folder / "machine.py").write_text(machine.read_text())
    return folder


class Wire:
    """Our end of a pty; what is written at one end is read at the other, byte for byte."""

    def __init__(self) -> None:
        self.ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        settings = termios.tcgetattr(self._theirs)
        settings[6][termios.VMIN] = 0  # MicroPython reads until its buffer is full, or nothing left
        termios.tcsetattr(self._theirs, termios.TCSANOW, settings)
        self.path = os.ttyname(self._theirs)

    def their_end(self) -> int:
        """A descriptor for a process whose standard input and output this shall be."""
        return os.dup(self._theirs)

    def write(self, data: bytes) -> None:
        os.write(self.ours, data)

    def read(self, timeout_s: float) -> bytes:
        """What comes within `timeout_s`; returns as soon as there is something."""
        ready, _, _ = select.select([self.ours], [], [], timeout_s)
        return os.read(self.ours, 4096) if ready else b""

    def close(self) -> None:
        os.close(self.ours)
        os.close(self._theirs)


class Pico:
    """One simulated Pico; `line` is its serial line, whose other end a test or a driver opens."""

    def __init__(self, folder: Path) -> None:
        self.world, self.line = Wire(), Wire()
        self.outputs: list[tuple[int, int, int]] = []  # pin, level, ticks in ms
        self.used_bytes = 0  # as `memory_bytes` has found it
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._text = b""
        self.power_up()

    def power_up(self, *, by_watchdog: bool = False) -> None:
        """Start the program anew."""
        environment = os.environ | {
            "FERNRUF_WORLD": self.world.path,
            "FERNRUF_LINE": self.line.path,
            "FERNRUF_BY_WATCHDOG": "1" if by_watchdog else "",
            "MICROPYPATH": f"{self._folder}:.frozen",
        }
        has_usb = (self._folder / "settings.py").exists()
        usb = self.line.their_end() if has_usb else os.open(os.devnull, os.O_RDWR)
        self._process = subprocess.Popen(
            [MICROPYTHON, "-c", "import main; main.run()"],
            cwd=self._folder,
            env={name: value for name, value in environment.items() if value},
            stdin=usb,
            stdout=usb if has_usb else None,
        )
        os.close(usb)

    def kill(self) -> int:
        """Pull its plug."""
        assert self._process is not None
        self._process.kill()
        return self._process.wait()

    def ended(self, timeout_s: float) -> int:
        """Wait for its end: what it exited with."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def close(self) -> None:
        self.kill()
        self.world.close()
        self.line.close()

    def level(self, pin: int, level: int) -> None:
        """Drive an input."""
        self.world.write(b"LEVEL %d %d\n" % (pin, level))

    def key(self, row: int, column: int, down: int) -> None:
        """Press or release a key."""
        self.world.write(b"WIRE %d %d %d\n" % (ROWS[row], COLUMNS[column], down))

    def memory_bytes(self) -> int:
        """What the program uses, garbage collected."""
        self.used_bytes = 0
        self.world.write(b"MEMORY\n")
        while not self.used_bytes:
            self.look(0.05)
        return self.used_bytes

    def look(self, for_s: float) -> list[tuple[int, int, int]]:
        """All changes of outputs up to now and in the next `for_s`."""
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0:
            self._text += self.world.read(left_s)
            *lines, self._text = self._text.split(b"\n")
            for line in lines:
                if line.startswith(b"USED "):
                    self.used_bytes = int(line[5:])
                    continue
                _, pin, level, ticks = line.split()
                self.outputs.append((int(pin), int(level), int(ticks)))
        return self.outputs
