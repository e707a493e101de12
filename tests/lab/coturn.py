"""coturn in the lab: STUN with two addresses (RFC 5780), and TURN for those we compare with."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.space import Space

PORT = 3478
USER, PASSWORD = "lab", "lab"
START_S = 10.0


def start(
    space: Space, namespace: str, addresses: Sequence[str], *, port: int = PORT
) -> subprocess.Popen[str]:
    """Start it and return when it listens; with two addresses it discovers NATs."""
    command = ["turnserver", "-n", "--no-tls", "--no-dtls", "--no-cli", "--pidfile", "/dev/null"]
    command += ["--log-file", "/dev/null", "--no-stdout-log", "--listening-port", str(port)]
    command += ["--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", "lab"]
    command += [part for address in addresses for part in ("-L", address)]
    quiet = subprocess.DEVNULL
    server = space.start(namespace, command, stdout=quiet, stderr=quiet)
    sockets, until_s = Path(f"/proc/{server.pid}/net/udp"), time.monotonic() + START_S
    while f":{port:04X} " not in sockets.read_text(encoding="ascii"):
        assert server.poll() is None, "turnserver does not start"
        assert time.monotonic() < until_s, "turnserver does not listen"
        time.sleep(0.02)
    return server
