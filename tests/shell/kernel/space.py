"""Three network namespaces for relays in the kernel: Anna - exchange - Bert, joined by two cables.

`python -m tests.shell.kernel.space` under `unshare --net --mount` plays a story and prints what was
seen as one JSON object; a process that ends takes its namespaces with it. Needs root, ip(8) and
nft(8).
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from firmware.model import Endpoint
from firmware.network_events import CloseRelay, OpenRelay, RelayLeg
from firmware.shell.kernel.client import KernelRelays
from firmware.shell.relays import DATA

ANNA, BERT, EXCHANGE = "10.91.0.2", "10.91.1.2", "10.91.0.1"
PORT = 6881
UNSHARE = ("unshare", "--net", "--mount")
_SCRIPT = f"""
mount -t tmpfs none /run
for name in exchange anna bert; do ip netns add $name; ip -n $name link set lo up; done
ip link add to-anna netns exchange type veth peer name eth0 netns anna
ip link add to-bert netns exchange type veth peer name eth0 netns bert
ip -n exchange addr add {EXCHANGE}/24 dev to-anna
ip -n exchange addr add 10.91.1.1/24 dev to-bert
ip -n exchange link set to-anna up; ip -n exchange link set to-bert up
ip -n anna addr add {ANNA}/24 dev eth0; ip -n anna link set eth0 up
ip -n bert addr add {BERT}/24 dev eth0; ip -n bert link set eth0 up
ip -n anna route add default via {EXCHANGE}; ip -n bert route add default via 10.91.1.1
ip netns exec exchange sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
"""


@cache
def why_not() -> str:
    """Why this machine cannot; empty = it can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if missing := [tool for tool in ("unshare", "ip", "nft") if not shutil.which(tool, path=path)]:
        return f"relays in the kernel need {', '.join(missing)}"
    script = "nft add table ip probe && mount -t tmpfs none /run"
    tried = subprocess.run(
        [*UNSHARE, "sh", "-c", script], capture_output=True, text=True, check=False
    )
    return f"no network namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


@contextmanager
def helper(user: str = "root") -> Iterator[Path]:
    """Build the namespaces; the privileged helper runs in that of the exchange."""
    subprocess.run(["sh", "-e", "-c", _SCRIPT], check=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relay.sock"
        command = [
            "ip",
            "netns",
            "exec",
            "exchange",
            sys.executable,
            "-m",
            "firmware.shell.kernel.helper",
        ]
        command += ["--socket", str(path)]
        command += ["--address", f"{EXCHANGE}:{PORT}", "--user", user]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening")
        try:
            yield path
        finally:
            process.terminate()
            process.wait()


def socket_in(namespace: str, host: str, port: int = 0) -> socket.socket:
    """Bound there; it stays there, whatever this process enters later."""
    library = ctypes.CDLL(None, use_errno=True)
    with Path(f"/run/netns/{namespace}").open("rb") as name:
        assert library.setns(name.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    made.bind((host, port))
    made.settimeout(0.3)
    return made


class Story:
    """Who is there, and what was seen."""

    def __init__(self, path: Path) -> None:
        self.anna, self.bert = socket_in("anna", ANNA), socket_in("bert", BERT)
        self.elsewhere = socket_in("anna", ANNA)
        self.exchange = socket_in("exchange", EXCHANGE, PORT)
        self.relays = KernelRelays(path)
        self.relays.poll(time.monotonic())
        self.legs = [
            RelayLeg(leg_id, Endpoint(*each.getsockname()))
            for leg_id, each in ((b"leg anna", self.anna), (b"leg bert", self.bert))
        ]

    def open(self) -> None:
        self.relays.open(OpenRelay(self.legs[0], self.legs[1], 25_000, 50_000))
        time.sleep(0.3)  # the helper works by itself

    def say(self, who: socket.socket, data: bytes) -> str:
        """Where it comes out: at Anna's, Bert's or the exchange."""
        who.sendto(data, (EXCHANGE, PORT))
        for name, each in (("anna", self.anna), ("bert", self.bert), ("exchange", self.exchange)):
            each.settimeout(0.15)
            try:
                heard, source = each.recvfrom(2048)
            except TimeoutError:
                continue
            came_from = "exchange" if source == (EXCHANGE, PORT) else "box"
            return f"{name} hears {heard.decode(errors='replace')[2:]} from {came_from}"
        return "nobody"

    def play(self) -> dict[str, str | int]:
        seen: dict[str, str | int] = {}
        frame = DATA + b"leg anna"
        seen["before"] = self.say(self.anna, frame + b" one")
        self.open()
        seen["open"] = self.say(self.anna, frame + b" two")
        seen["back"] = self.say(self.bert, DATA + b"leg bert" + b" three")
        seen["moved"] = self.say(self.elsewhere, frame + b" four")
        seen["empty"] = self.say(self.anna, frame)
        seen["other"] = self.say(self.anna, b"\xf1\x04leg anna five")
        self.legs[0] = RelayLeg(b"leg anna", Endpoint(*self.elsewhere.getsockname()))
        self.open()
        seen["followed"] = self.say(self.elsewhere, frame + b" six")
        seen["old address"] = self.say(self.anna, frame + b" seven")
        self.relays.close(CloseRelay(b"leg bert"))
        time.sleep(0.3)
        seen["closed"] = self.say(self.elsewhere, frame + b" eight")
        self.open()
        for _ in range(1000):
            self.elsewhere.sendto(frame + bytes(990), (EXCHANGE, PORT))
        time.sleep(0.2)
        seen["flood"] = sum(1 for _ in iter(lambda: _read(self.bert), b""))
        end_s = time.monotonic() + 12.0
        uses: int = 0
        while not uses and time.monotonic() < end_s:
            time.sleep(0.2)
            uses = sum(use.size_bytes for use in self.relays.poll(time.monotonic()))
        seen["used"] = uses
        self.relays.shut()
        time.sleep(0.5)
        for each in (self.exchange, self.bert):
            while _read(each):
                pass
        seen["gone"] = self.say(self.elsewhere, frame + b" nine")
        return seen


def _read(each: socket.socket) -> bytes:
    each.settimeout(0.05)
    try:
        return each.recv(2048)
    except TimeoutError:
        return b""


if __name__ == "__main__":
    with helper() as helper_path:
        sys.stdout.write(json.dumps(Story(helper_path).play()))
