"""How many boxes one exchange process holds: memory and processor time, keep-alives included.

`python -m bench.exchange_boxes [--boxes N] [--seconds S]` prints one JSON object. The exchange is
`fernruf exchange` in a process of its own, on loopback; the boxes are addresses of 127/8 that one
socket speaks for (IP_PKTINFO), each with a key of its own, registered by token and lease and kept
alive every 20 s as firmware/overlay/registrar does. `core_fraction` is the processor time of the
exchange while it only keeps them, per second; `peer` is the same number of STUN Binding requests
answered by the same process in the same run, which is the least that any server would do.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from bench.usage import cpu_s, resident_mib
from firmware.channel import Keep, Kept, decode
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Query, Register, Response, encode
from firmware.overlay.dht.krpc import decode as decode_krpc
from firmware.overlay.lease import ASK, LEASE_S, Entry, Lease, Outcome, Reception
from firmware.stun import Kind, StunMessage
from firmware.stun import encode as encode_stun

KEEP_S = 20.0
WINDOW = 64  # registrations under way
PKTINFO = struct.Struct("=I4s4s")
IP_PKTINFO = 8  # <linux/in.h>


@dataclass(slots=True)
class Box:
    """An address of its own, and what it must remember."""

    host: str
    identity: Identity
    certificate: bytes
    hashes: tuple[bytes, ...]
    registration_id: bytes = b""


class Crowd:
    """All boxes behind one socket."""

    def __init__(self, count: int, exchange: Endpoint) -> None:
        self.exchange = (exchange.host, exchange.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._socket.bind(("0.0.0.0", 0))
        self.boxes: dict[str, Box] = {}
        for i in range(count):
            host = str(ipaddress.IPv4Address((127 << 24) + 0x10000 + i))
            identity = Identity.generate(os.urandom(64))
            certificate = identity.certify(bytes(16), "").encode()
            self.boxes[host] = Box(host, identity, certificate, (os.urandom(20),))

    def send(self, data: bytes, host: str) -> None:
        info = PKTINFO.pack(0, socket.inet_aton(host), bytes(4))
        ancillary = [(socket.IPPROTO_IP, IP_PKTINFO, info)]
        self._socket.sendmsg([data], ancillary, 0, self.exchange)

    def receive(self, wait_s: float) -> tuple[bytes, str] | None:
        if not select.select([self._socket], [], [], wait_s)[0]:
            return None
        data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
        _, _, local = PKTINFO.unpack(ancillary[0][2])
        return data, socket.inet_ntoa(local)

    def register(self) -> float:
        """All of them; the seconds it took."""
        began_s = time.monotonic()
        waiting, open_until = list(self.boxes), {}
        while waiting or open_until:
            while waiting and len(open_until) < WINDOW:
                host = waiting.pop()
                open_until[host] = time.monotonic() + 1.0
                self.send(_question(ASK), host)
            received = self.receive(0.05)
            if received is not None:
                data, host = received
                if data[:1] == b"d" and self._advance(data, self.boxes[host]):
                    open_until.pop(host, None)
            now_s = time.monotonic()
            for host in [host for host, until_s in open_until.items() if until_s < now_s]:
                del open_until[host]
                waiting.append(host)
        return time.monotonic() - began_s

    def keep(self, duration_s: float) -> tuple[int, int]:
        """Keep-alives at their usual pace: sent, answered."""
        boxes = list(self.boxes.values())
        sent = answered = 0
        began_s = time.monotonic()
        while (elapsed_s := time.monotonic() - began_s) < duration_s:
            while sent < elapsed_s / KEEP_S * len(boxes):
                box = boxes[sent % len(boxes)]
                self.send(Keep(box.registration_id, sent & 0xFFFF).encode(), box.host)
                sent += 1
            while (received := self.receive(0.001)) is not None:
                data, _ = received
                answered += data[:1] == b"\xf1" and isinstance(decode(data), Kept)
        return sent, answered

    def bind(self, count: int, per_s: float) -> int:
        """STUN Binding requests from all addresses; how many were answered."""
        request = encode_stun(StunMessage(Kind.REQUEST, bytes(12), ((0x8022, b"x" * 24),)))
        hosts, answered, sent = list(self.boxes), 0, 0
        began_s = time.monotonic()
        while sent < count:
            while sent < min(count, (time.monotonic() - began_s) * per_s):
                self.send(request, hosts[sent % len(hosts)])
                sent += 1
            while (received := self.receive(0.001)) is not None:
                answered += received[0][:1] == b"\x01"
        return answered

    def _advance(self, data: bytes, box: Box) -> bool:
        packet = decode_krpc(data)
        if not isinstance(packet, Response) or packet.answer.registration is None:
            return False
        reception = Reception.decode(packet.answer.registration)
        if reception.outcome is Outcome.TOKEN:
            expires, token = int(time.time()) + LEASE_S, reception.token
            key, sign = reception.exchange_key, box.identity.sign
            lease = Lease.sign(sign, key, expires, token, box.hashes)
            entry = Entry(token, box.hashes, lease, box.certificate)
            self.send(_question(entry.encode()), box.host)
            return False
        assert reception.outcome is Outcome.REGISTERED, reception
        box.registration_id = reception.registration_id
        return True


def main() -> int:
    """Print the figures; 1 if more than 200 MB or 30 % of a core are needed for 20,000."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=40.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "firmware", "exchange", "--bind", "127.0.0.1:0"]
        process = subprocess.Popen(
            [*command, "--state", folder, "--drain", "0"], stdout=subprocess.PIPE, text=True
        )
        try:
            report = measure(process, arguments.boxes, arguments.seconds)
        finally:
            process.terminate()
            process.wait()
    print(json.dumps(report, indent=1))
    return 0 if report["resident_mb"] <= 200 and report["core_fraction"] <= 0.3 else 1


def measure(process: subprocess.Popen[str], boxes: int, seconds: float) -> dict[str, float]:
    """Register all, keep them for a while, then the peer."""
    assert process.stdout is not None
    exchange = Endpoint.parse(process.stdout.readline().split()[-1])
    crowd = Crowd(boxes, exchange)
    empty_mb, before_s = resident_mib(process.pid), cpu_s(process.pid)
    took_s = crowd.register()
    registered_s = cpu_s(process.pid)
    began_s = time.monotonic()
    sent, answered = crowd.keep(seconds)
    kept_s, elapsed_s = cpu_s(process.pid), time.monotonic() - began_s
    bound = crowd.bind(sent, sent / seconds)
    peer_s = cpu_s(process.pid) - kept_s
    return {
        "boxes": boxes,
        "resident_mb": round(resident_mib(process.pid), 1),
        "resident_mb_empty": round(empty_mb, 1),
        "registering_s": round(took_s, 1),
        "cpu_us_per_registration": round((registered_s - before_s) / boxes * 1e6, 1),
        "keep_alives_per_s": round(sent / elapsed_s, 1),
        "keep_alives_answered": round(answered / sent, 4),
        "core_fraction": round((kept_s - registered_s) / elapsed_s, 4),
        "cpu_us_per_keep_alive": round((kept_s - registered_s) / sent * 1e6, 1),
        "peer_cpu_us_per_binding": round(peer_s / max(1, bound) * 1e6, 1),
        "ratio_to_peer": round((kept_s - registered_s) / sent / (peer_s / max(1, bound)), 2),
    }


def _question(request: bytes) -> bytes:
    return encode(Query(os.urandom(4), bytes(20), Register(request), True))


if __name__ == "__main__":
    raise SystemExit(main())
