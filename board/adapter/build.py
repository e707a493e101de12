"""Lays out what goes on the Pico: `python board/adapter/build.py OUT [--mpy] [--usb]`.

`package.json` says which file comes from where, so what `mip` installs and what this lays out is
the same; `--mpy` compiles all but main.py, which saves the Pico time and memory at each start.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def sources() -> dict[str, Path]:
    """Name on the Pico: file here."""
    package = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    return {target: (HERE / source).resolve() for target, source in package["urls"]}


def build(out: Path, *, mpy: bool = False, usb: bool = False) -> None:
    """Fill `out`; subprocess.CalledProcessError if mpy-cross refuses a file."""
    out.mkdir(parents=True, exist_ok=True)
    if usb:
        (out / "settings.py").write_text("USB = True\n", encoding="utf-8")
    for target, source in sources().items():
        place = out / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if not mpy or target == "main.py":
            shutil.copyfile(source, place)
            continue
        command = [sys.executable, "-m", "mpy_cross", "-s", target]
        command += ["-o", str(place.with_suffix(".mpy")), str(source)]
        subprocess.run(command, check=True)  # noqa: S603 - our own files


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="lay out the adapter's program")
    parser.add_argument("out", type=Path)
    parser.add_argument("--mpy", action="store_true", help="compile with mpy-cross")
    parser.add_argument("--usb", action="store_true", help="its line is the USB, not the UART")
    arguments = parser.parse_args()
    build(arguments.out, mpy=arguments.mpy, usb=arguments.usb)


if __name__ == "__main__":
    main()
