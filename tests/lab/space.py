"""Network namespaces that vanish by themselves: everything hangs on one child process.

The child (internet.py) has a mount namespace of its own with the names of all other namespaces. It
ends when we end, however we end, kills what runs in them, and nothing of the lab is left. Without
root, a user namespace makes us root inside, where the kernel allows that.
Sources: unshare(1), nsenter(1), ip-netns(8), network_namespaces(7).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    *("unshare", "nsenter", "ip", "nft", "ping"),
    *("turnserver", "turnutils_natdiscovery", "stun"),
)
NAMES = "/run/netns"  # where ip(8) keeps the names of namespaces
COMMAND_S = 20.0


@cache
def why_not() -> str:
    """Why this machine can have no lab; empty = it can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=path) is None]:
        return f"the lab needs {', '.join(missing)}"
    if not Path("/dev/net/tun").exists():
        return "the lab needs /dev/net/tun"
    script = "mount -t tmpfs lab /run && ip tuntap add dev lab mode tun && nft add table ip lab"
    tried = subprocess.run(
        [*_unshare(), "sh", "-c", script], capture_output=True, text=True, check=False
    )
    words = tried.stderr.strip().splitlines()
    return f"no network namespaces here: {words[-1] if words else ''}" if tried.returncode else ""


class Space:
    """The namespaces of one lab, and the Internet between them."""

    def __init__(self, seed: str) -> None:
        script = (
            'mount -t tmpfs lab /run && mkdir "$2" && exec "$0" -m tests.lab.internet "$1" "$2"'
        )
        self._internet = subprocess.Popen(
            [*_unshare(), "sh", "-c", script, sys.executable, seed, NAMES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._children: list[subprocess.Popen[str]] = []
        self.ask("hello")  # from now on the names have their place
        unshare = self._internet.pid
        children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
        self.pid = int(children[0])

    def __enter__(self) -> Space:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away."""
        for child in self._children:
            child.kill()
            child.communicate()
        self._internet.communicate()

    def ask(self, do: str, **details: object) -> dict[str, Any]:
        """One request to the Internet, see internet.py."""
        assert self._internet.stdin is not None
        assert self._internet.stdout is not None
        self._internet.stdin.write(json.dumps({"do": do, **details}) + "\n")
        self._internet.stdin.flush()
        answer: dict[str, Any] = json.loads(self._internet.stdout.readline())
        return answer

    def add(self, name: str) -> None:
        """A new namespace with nothing but loopback in it."""
        self._at_home("ip", "netns", "add", name)
        self.ip(name, "link set lo up")

    def wire(self, one: str, one_end: str, other: str, other_end: str) -> None:
        """A cable between two namespaces."""
        self._at_home(
            *("ip", "-n", one, "link", "add", one_end, "type", "veth"),
            *("peer", "name", other_end, "netns", other),
        )

    def connect(self, name: str, site: str, addresses: Sequence[str]) -> None:
        """Give the namespace `name` the device `wan` with these addresses, on the Internet."""
        self.ask("open", site=site, addresses=list(addresses))
        self._at_home("ip", "link", "set", site, "netns", name)
        lines = [f"link set {site} name wan", "link set wan up"]
        lines += [f"address add {address} dev wan nodad" for address in addresses]
        lines += ["route add default dev wan"]
        if any(":" in address for address in addresses):
            lines += ["route add ::/0 dev wan"]
        self.ip(name, *lines)

    def ip(self, name: str, *lines: str) -> None:
        """Commands of ip(8) in a namespace."""
        self._at_home("ip", "-n", name, "-batch", "-", text="\n".join(lines) + "\n")

    def nft(self, name: str, rules: str) -> None:
        """Load a rule set in a namespace."""
        self.run(name, ["nft", "-f", "-"], text=rules)

    def sysctl(self, name: str, **settings: int) -> None:
        """Settings below net.ipv4."""
        for key, value in settings.items():
            self.run(name, ["tee", f"/proc/sys/net/ipv4/{key}"], text=str(value))

    def run(self, name: str, command: Sequence[str], text: str = "") -> str:
        """Run a command in a namespace to its end; return what it printed."""
        return _run([*self.inside(name), *command], text)

    def start(self, name: str, command: Sequence[str], **keywords: Any) -> subprocess.Popen[str]:
        """Start a process in a namespace; it is killed with the lab at the latest."""
        child: subprocess.Popen[str] = subprocess.Popen(
            [*self.inside(name), *command], text=True, cwd=ROOT, **keywords
        )
        self._children.append(child)
        return child

    def until_bound(self, child: subprocess.Popen[str], port: int, log: Path | None = None) -> None:
        """Return when the process listens on a UDP port; `log` says why it ended instead."""
        until_s = time.monotonic() + COMMAND_S
        while True:
            said = log.read_text(encoding="utf-8") if log else str(child.args)
            assert child.poll() is None, said
            assert time.monotonic() < until_s, said
            with contextlib.suppress(OSError):  # it has just ended
                if f":{port:04X} " in Path(f"/proc/{child.pid}/net/udp").read_text("ascii"):
                    return
            time.sleep(0.02)

    def inside(self, name: str) -> list[str]:
        """What to put before a command so that it runs in a namespace."""
        user = [] if os.geteuid() == 0 else [f"--user=/proc/{self.pid}/ns/user", "--preserve"]
        namespace = f"--net=/proc/{self.pid}/root{NAMES}/{name}"
        return ["nsenter", *user, namespace, "--"]

    def _at_home(self, *command: str, text: str = "") -> str:
        """Run a command where the names of the namespaces are."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return _run(["nsenter", f"--target={self.pid}", "--mount", "--net", *user, *command], text)


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--fork", "--kill-child"]


def _run(command: list[str], text: str) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=COMMAND_S
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"
    return done.stdout
