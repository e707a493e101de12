"""What one real node adds to Python: its process beside one that only runs an event loop.

`python -m bench.dht_node [--met N]` prints one JSON object. The node has its shell and a socket on
loopback; N strangers, each at an address of its own, have asked it something, as in its first hours
among millions. Both do with their memory what the commands do: after the start, what only the start
needed goes back. Memory is what the kernel says is resident, shared pages of libraries included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

PYTHON = """
import asyncio
from firmware.shell.memory import be_thrifty, give_back
be_thrifty()
asyncio.run(asyncio.sleep(0.5))
give_back()
"""
NODE = """
import asyncio, random, os
from firmware.shell.memory import be_thrifty, give_back
be_thrifty()
from firmware.events import DatagramReceived
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.node import Node
from firmware.shell.shell import Shell

async def main(met):
    shell = Shell(Node((), os.urandom))
    await shell.open(Endpoint("127.0.0.1", 0))
    running = asyncio.create_task(shell.run())
    give_back()
    dice = random.Random(1)
    for number in range(met):
        asks = krpc.Query(b"t", dice.randbytes(20), krpc.FindNode(dice.randbytes(20)))
        source = Endpoint(f"127.{number >> 8 & 127}.{number & 255}.1", 6881)
        shell.tell(DatagramReceived(krpc.encode(asks), source))
        if number % 10 == 0:
            await asyncio.sleep(0.01)
    await asyncio.sleep(2)
    running.cancel()

try:
    asyncio.run(main(MET))
except asyncio.CancelledError:
    pass
"""
RESIDENT = """
import sys
print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')][0])
print(*(name for name in ("numpy", "cryptography", "PIL", "noise") if name in sys.modules))
"""


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--met", type=int, default=3000)
    met = parser.parse_args().met
    python_kib, _ = run(PYTHON)
    fresh_kib, _ = run(NODE.replace("MET", "0"))
    node_kib, loaded = run(NODE.replace("MET", str(met)))
    report = {
        "benchmark": "dht_node",
        "met": met,
        "python_mb": round(python_kib / 1024, 1),
        "fresh_node_adds_mb": round((fresh_kib - python_kib) / 1024, 1),
        "node_adds_mb": round((node_kib - python_kib) / 1024, 1),
        "large_packages": loaded,
    }
    print(json.dumps(report, indent=2))
    return 0


def run(script: str) -> tuple[int, list[str]]:
    """KiB resident at the end of `script`, and which packages it has loaded that it should not."""
    done = subprocess.run(
        [sys.executable, "-c", script + RESIDENT], capture_output=True, text=True, check=True
    )
    kib, loaded = done.stdout.splitlines()
    return int(kib), loaded.split()


if __name__ == "__main__":
    sys.exit(main())
