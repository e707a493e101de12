"""Three network namespaces for relays in the kernel: Anna - exchange - Bert, joined by two cables.

`python -m tests.shell.kernel.space` under `unshare --net --mount` plays a story and prints what was
seen as one JSON object; a process that ends takes its namespaces with it. Needs root, ip(8) and
nft(8).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
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

from firmware.events.network import CloseRelay, OpenRelay, RelayLeg
from firmware.model import Endpoint
from firmware.shell.kernel import rules
from firmware.shell.kernel.client import KernelRelays
from firmware.shell.relays import DATA

ANNA, BERT, EXCHANGE = "10.91.0.2", "10.91.1.2", "10.91.0.1"
PORT = 6881
WAIT_S = 20.0
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
    made.setblocking(False)
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
        self.until_kernel_has(self.legs)

    def until_kernel_has(self, legs: list[RelayLeg]) -> None:
        """The helper works by itself: wait until its table holds these legs and no others."""
        wanted = {
            f"{leg.endpoint.host} . {leg.endpoint.port} . 0x{leg.leg_id.hex()}" for leg in legs
        }
        end_s = time.monotonic() + WAIT_S
        command = ["nft", "list", "map", "ip", rules.TABLE, "leg"]  # this process is there by now
        while True:
            listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if len(rules.counters(listed)) == len(wanted) and all(leg in listed for leg in wanted):
                return
            assert time.monotonic() < end_s, listed

    def say(self, who: socket.socket, data: bytes) -> str:
        """Where it comes out: at Anna's, Bert's or the exchange."""
        who.sendto(data, (EXCHANGE, PORT))
        names = {self.anna: "anna", self.bert: "bert", self.exchange: "exchange"}
        heard_by, _, _ = select.select(list(names), [], [], WAIT_S)
        if not heard_by:
            return "nobody"
        heard, source = heard_by[0].recvfrom(2048)
        came_from = "exchange" if source == (EXCHANGE, PORT) else "box"
        return f"{names[heard_by[0]]} hears {heard.decode(errors='replace')[2:]} from {came_from}"

    def flood(self, frame: bytes) -> tuple[int, int]:
        """How many of 1000 frames come out at Bert's, and how many bytes the helper has counted."""
        self.relays.poll(time.monotonic())  # what was told of the relays before
        for _ in range(1000):
            self.elsewhere.sendto(frame + bytes(990), (EXCHANGE, PORT))
        count = used = 0
        end_s = time.monotonic() + WAIT_S
        while not count or used != 1000 * count:
            assert time.monotonic() < end_s, (count, used)
            heard_from = [one for one in (self.bert, self.relays._socket) if one is not None]
            select.select(heard_from, [], [], WAIT_S)
            count += sum(1 for _ in iter(lambda: _read(self.bert), b""))
            used += sum(use.size_bytes for use in self.relays.poll(time.monotonic()))
        return count, used

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
        self.until_kernel_has([])
        seen["closed"] = self.say(self.elsewhere, frame + b" eight")
        self.open()
        seen["flood"], seen["used"] = self.flood(frame)
        self.relays.shut()
        self.until_kernel_has([])
        for each in (self.exchange, self.bert):
            while _read(each):
                pass
        seen["gone"] = self.say(self.elsewhere, frame + b" nine")
        return seen


def _read(each: socket.socket) -> bytes:
    """What waits; b"" = nothing."""
    try:
        return each.recv(2048)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    with helper() as helper_path:
        sys.stdout.write(json.dumps(Story(helper_path).play()))
