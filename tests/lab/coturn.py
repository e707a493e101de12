"""coturn in the lab: STUN with two addresses (RFC 5780), and TURN for those we compare with."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.lab.space import Space

PORT = 3478
USER, PASSWORD = "lab", "lab"


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
    space.until_bound(server, port)
    return server
