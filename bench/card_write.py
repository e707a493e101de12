"""Writing a card with tools/flash.py beside `dd conv=fsync`, onto a file.

`python -m bench.card_write [--mib N] [--rounds N]` prints one JSON object. The image is plain
noise; `flash_s` is writing alone, `flash_verified_s` with reading back; medians, the ways taking
turns. The start of the interpreter is in our figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLASH = Path(__file__).resolve().parent.parent / "tools" / "flash.py"
MIB = 1 << 20
PART_SECTOR = 2048


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {"dd": [], "flash": [], "flash_verified": []}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        image, card = Path(folder, "card.img"), Path(folder, "card")
        _make_image(image, arguments.mib)
        flash = [sys.executable, str(FLASH), "write", str(image), str(card), "--unsigned"]
        ways = {
            "dd": ["dd", f"if={image}", f"of={card}", "bs=4M", "conv=fsync,notrunc"],
            "flash": [*flash, "--no-verify"],
            "flash_verified": flash,
        }
        for _ in range(arguments.rounds):
            for way, command in ways.items():
                card.write_bytes(b"")
                os.truncate(card, arguments.mib * MIB + 8 * MIB)
                os.sync()
                began_s = time.monotonic()
                subprocess.run(command, check=True, capture_output=True)
                times[way].append(time.monotonic() - began_s)
    medians = {f"{way}_s": round(statistics.median(taken), 3) for way, taken in times.items()}
    report = {
        "image_mib": arguments.mib,
        "rounds": arguments.rounds,
        **medians,
        "flash_over_dd": round(medians["flash_s"] / medians["dd_s"], 2),
        "flash_verified_over_dd": round(medians["flash_verified_s"] / medians["dd_s"], 2),
    }
    print(json.dumps(report))
    return 0


def _make_image(path: Path, mib: int) -> None:
    with path.open("wb") as file:
        file.write(bytes(MIB))
        for _ in range(mib - 1):
            file.write(os.urandom(MIB))
        file.seek(446)
        sectors = mib * MIB // 512 - PART_SECTOR
        file.write(struct.pack("<B3sB3sII", 0, b"", 0x0C, b"", PART_SECTOR, sectors))
        file.seek(510)
        file.write(b"\x55\xaa")


if __name__ == "__main__":
    sys.exit(main())
