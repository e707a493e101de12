"""An exchange knocks at a mapped port for a box, at the box's own address and nowhere else."""

from __future__ import annotations

from firmware import stun
from firmware.events import SendFromOtherPort
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.exchange import Exchange

BOX = Endpoint("198.51.100.7", 40_000)


def fixed_bytes(count: int) -> bytes:
    return bytes(count)


def test_exchange_knocks_at_the_port_named_from_another_port() -> None:
    exchange = Exchange(Identity.generate(bytes(range(64))), Node((), fixed_bytes), fixed_bytes)
    request = stun.knock_request(bytes(12), 7001)
    (sent,) = exchange.tell_address(request, BOX, 0.0)
    assert isinstance(sent, SendFromOtherPort)
    assert sent.to == Endpoint(BOX.host, 7001)
    assert len(sent.data) <= len(request)
    assert stun.decode(sent.data).mapped == BOX
