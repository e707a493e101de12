"""A TURN server as a peer of the bench: coturn in a process of its own, and the client's side.

Only what a bench needs of RFC 8656: Allocate, ChannelBind (which installs the permission), no
authentication, IPv4. Attributes are encoded by hand, so that no code under test takes part.
"""

from __future__ import annotations

import secrets
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

MAGIC = 0x2112A442
ALLOCATE, CHANNEL_BIND = 0x0003, 0x0009
CHANNEL_NUMBER, XOR_PEER, XOR_RELAYED, REQUESTED_TRANSPORT = 0x000C, 0x0012, 0x0016, 0x0019
FIRST_CHANNEL = 0x4000
START_S = 5.0
Address = tuple[str, int]


class Coturn:
    """`turnserver` on a port of loopback; all workers of one process."""

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)
        self._folder = tempfile.TemporaryDirectory()
        command = ["turnserver", "-n", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "--no-tcp"]
        command += ["--listening-ip=127.0.0.1", f"--listening-port={port}"]
        command += ["--allow-loopback-peers", "--relay-ip=127.0.0.1", "--no-rfc5780"]
        command += ["--log-file=stdout", f"--pidfile={Path(self._folder.name) / 'pid'}"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder.name
        )
        self.pid = self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


def allocate(client: socket.socket, server: Address) -> Address:
    """The relayed address of a new allocation."""
    attribute = _attribute(REQUESTED_TRANSPORT, bytes((17, 0, 0, 0)))
    attributes = _ask(client, server, ALLOCATE, attribute)
    return _decode_address(attributes[XOR_RELAYED])


def bind_channel(client: socket.socket, server: Address, number: int, peer: Address) -> None:
    """From now on `number` means `peer`."""
    attributes = _attribute(CHANNEL_NUMBER, struct.pack("!HH", number, 0))
    attributes += _attribute(XOR_PEER, _encode_address(peer))
    _ask(client, server, CHANNEL_BIND, attributes)


def channel_data(number: int, payload: bytes) -> bytes:
    """RFC 8656 section 12.4."""
    return struct.pack("!HH", number, len(payload)) + payload


def _ask(
    client: socket.socket, server: Address, method: int, attributes: bytes
) -> dict[int, bytes]:
    transaction_id = secrets.token_bytes(12)
    request = struct.pack("!HHI", method, len(attributes), MAGIC) + transaction_id + attributes
    client.settimeout(0.2)
    end_s = time.monotonic() + START_S  # the server may still be starting
    while time.monotonic() < end_s:
        client.sendto(request, server)
        try:
            answer = client.recv(2048)
        except (TimeoutError, ConnectionRefusedError):
            continue
        kind, length = struct.unpack("!HH", answer[:4])
        if answer[8:20] != transaction_id:
            continue
        if kind != method | 0x0100:
            raise RuntimeError(f"refused: {answer!r}")
        return _decode_attributes(answer[20 : 20 + length])
    raise RuntimeError("no TURN server answers")


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _decode_attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        kind, length = struct.unpack("!HH", data[:4])
        found[kind] = data[4 : 4 + length]
        data = data[4 + length + (-length % 4) :]
    return found


def _encode_address(address: Address) -> bytes:
    host = int.from_bytes(socket.inet_aton(address[0]), "big") ^ MAGIC
    return struct.pack("!BBHI", 0, 1, address[1] ^ (MAGIC >> 16), host)


def _decode_address(value: bytes) -> Address:
    port, host = struct.unpack("!HI", value[2:8])
    return socket.inet_ntoa((host ^ MAGIC).to_bytes(4, "big")), port ^ (MAGIC >> 16)
