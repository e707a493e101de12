"""The privileged helper: `fernruf-kernel-relay --socket PATH --address ADDR:PORT --user NAME`.

Runs as root (CAP_NET_ADMIN), does nothing but keep one table of nftables, and listens on a Unix
socket to one process of one user. Every packet is validated as if it came from an enemy; when the
other side goes, or we do, the table is empty. A failure costs speed only: the exchange carries all
that the kernel does not. Units: `_s` seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from firmware.errors import MalformedError
from firmware.shell.kernel import rules
from firmware.shell.kernel.messages import (
    PACKET_BYTES_MAX,
    USES_MAX,
    Close,
    Leg,
    Open,
    Used,
    decode,
    encode,
)

REPORT_S = 5.0
BATCH_MAX = 256  # packets turned into one call of nft
NFT_S = 10.0
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_CREDENTIALS = struct.Struct("3i")


class Helper:
    """The table, and who asked for what is in it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._numbers: dict[bytes, int] = {}  # by leg
        self._relays: dict[int, Open] = {}  # by the number of the first leg
        self._free: list[int] = []
        self._told: dict[bytes, int] = {}
        self.refused = 0

    def begin(self) -> None:
        """An empty table."""
        self._numbers, self._relays, self._told = {}, {}, {}
        self._free = list(range(2 * rules.RELAYS_MAX - 2, -2, -2))
        _nft("-f", "-", text=rules.begin(self._host, self._port))

    def end(self) -> None:
        """No table."""
        _nft("-f", "-", text=rules.end())

    def take(self, packets: list[bytes]) -> None:
        """Do what they say, with one call of nft."""
        script = ""
        for data in packets:
            try:
                packet = decode(data)
            except MalformedError:
                self.refused += 1
                continue
            match packet:
                case Open(first, second):
                    script += self._close(first.leg_id) + self._close(second.leg_id)
                    script += self._open(packet)
                case Close(leg_id):
                    script += self._close(leg_id)
        if script:
            _nft("-f", "-", text=script)

    def report(self) -> list[bytes]:
        """Packets that say what has been carried since the last ones."""
        if not self._numbers:
            return []
        now = rules.counters(_nft("list", "map", "ip", rules.TABLE, "leg"))
        uses = [
            (leg_id, size - self._told.get(leg_id, 0))
            for leg_id, size in now.items()
            if size > self._told.get(leg_id, 0)
        ]
        self._told = now
        return [
            encode(Used(tuple(uses[at : at + USES_MAX]))) for at in range(0, len(uses), USES_MAX)
        ]

    def _open(self, relay: Open) -> str:
        is_one = relay.first.leg_id == relay.second.leg_id
        if is_one or not self._free or not rules.is_allowed(relay, self._host):
            self.refused += 1
            return ""
        number = self._free.pop()
        self._relays[number] = relay
        self._numbers[relay.first.leg_id] = self._numbers[relay.second.leg_id] = number
        return rules.add(_legs(number, relay))

    def _close(self, leg_id: bytes) -> str:
        number = self._numbers.get(leg_id)
        if number is None:
            return ""
        relay = self._relays.pop(number)
        for leg in relay:
            del self._numbers[leg.leg_id]
            self._told.pop(leg.leg_id, None)
        self._free.append(number)
        return rules.remove(_legs(number, relay))


def main() -> int:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="fernruf-kernel-relay", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, metavar="PATH")
    parser.add_argument("--address", required=True, metavar="ADDR:PORT", help="of the exchange")
    parser.add_argument("--user", required=True, metavar="NAME", help="that runs the exchange")
    arguments = parser.parse_args()
    host, _, port = arguments.address.rpartition(":")
    if _FORWARDING.read_text(encoding="ascii").strip() != "1":
        sys.stderr.write(f"{_FORWARDING} is not 1: the kernel would drop what it should relay\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        user = pwd.getpwnam(arguments.user).pw_uid
        helper = Helper(host, int(port))
        helper.begin()
    except (KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"cannot serve: {error}\n")
        return 2
    try:
        listen(helper, arguments.socket, user)
    except KeyboardInterrupt:
        return 0
    finally:
        helper.end()
    return 0


def listen(helper: Helper, path: Path, user: int) -> None:
    """One client after the other; each begins with an empty table."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(path))
        os.chown(path, user, -1)
        path.chmod(0o600)
        server.listen(1)
        sys.stdout.write(f"listening on {path}\n")
        sys.stdout.flush()
        while True:
            client = server.accept()[0]
            with client:
                if _user_of(client) in (user, 0):
                    helper.begin()
                    serve(helper, client)
            helper.begin()


def serve(helper: Helper, client: socket.socket) -> None:
    """Until it goes."""
    due_s = time.monotonic() + REPORT_S
    while True:
        client.settimeout(max(0.001, due_s - time.monotonic()))
        packets: list[bytes] = []
        with contextlib.suppress(TimeoutError, BlockingIOError):
            while len(packets) < BATCH_MAX:
                data = client.recv(PACKET_BYTES_MAX + 1)
                if not data:
                    return
                packets.append(data)
                client.settimeout(0.0)
        try:
            helper.take(packets)
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + REPORT_S
                for packet in helper.report():
                    client.send(packet)
        except subprocess.SubprocessError as error:
            sys.stderr.write(f"starting anew: {error}\n")
            return
        except OSError:
            return


def _legs(number: int, relay: Open) -> tuple[tuple[int, Leg, Leg], tuple[int, Leg, Leg]]:
    return (number, relay.first, relay.second), (number + 1, relay.second, relay.first)


def _user_of(client: socket.socket) -> int:
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def _nft(*arguments: str, text: str = "") -> str:
    command = ["/usr/sbin/nft", *arguments]
    done = subprocess.run(  # noqa: S603 - all of it is made of numbers by rules.py
        command, input=text, capture_output=True, text=True, check=True, timeout=NFT_S
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
