"""`fernruf exchange` as its owner sees it: it starts, says where, and stops when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

from firmware.model import Endpoint
from firmware.stun import Kind, StunMessage, decode, encode

TRANSACTION = b"twelve bytes"


def test_exchange_tells_addresses_and_stops_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware", "exchange", "--bind", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--state", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        exchange = Endpoint.parse(process.stdout.readline().split()[-1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
            box.settimeout(10.0)
            box.bind(("127.0.0.1", 0))
            request = encode(StunMessage(Kind.REQUEST, TRANSACTION))
            box.sendto(request, (exchange.host, exchange.port))
            answer = decode(box.recv(2048))
            assert answer.transaction_id == TRANSACTION
            assert answer.mapped == Endpoint(*box.getsockname())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10.0) == 0
