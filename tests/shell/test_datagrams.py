"""The one UDP socket against the real kernel, over loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import HardwareError
from firmware.model import Endpoint
from firmware.shell.datagrams import DatagramSocket

V4 = Endpoint("127.0.0.1", 0)


@pytest.fixture
def pair() -> Iterator[tuple[DatagramSocket, DatagramSocket]]:
    with closing(DatagramSocket(V4)) as first, closing(DatagramSocket(V4)) as second:
        yield first, second


def test_datagrams_come_in_order_and_then_none(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    sender, receiver = pair
    for data in (b"one", b"", b"three"):
        sender.send(data, receiver.local)
    received = [receiver.receive() for _ in range(4)]
    assert received == [(b"one", sender.local), (b"", sender.local), (b"three", sender.local), None]


def test_datagram_too_long_for_any_protocol_is_counted_and_the_next_one_comes(
    pair: tuple[DatagramSocket, DatagramSocket],
) -> None:
    sender, receiver = pair
    sender.send(bytes(DATAGRAM_BYTES_MAX + 1), receiver.local)
    sender.send(bytes(DATAGRAM_BYTES_MAX), receiver.local)
    assert receiver.receive() == (bytes(DATAGRAM_BYTES_MAX), sender.local)
    assert receiver.counters.dropped == 1


def test_datagram_to_the_other_family_is_counted(
    pair: tuple[DatagramSocket, DatagramSocket],
) -> None:
    pair[0].send(b"x", Endpoint("::1", 9))
    assert pair[0].counters.errors == 1


def test_flood_fills_the_kernel_and_not_the_box(
    pair: tuple[DatagramSocket, DatagramSocket],
) -> None:
    sender, receiver = pair
    for _ in range(20_000):
        sender.send(bytes(1200), receiver.local)
    waiting = sum(1 for _ in iter(receiver.receive, None))
    assert 100 < waiting < 20_000


def test_socket_for_every_address_speaks_both_families() -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with closing(DatagramSocket(Endpoint("::", 0))) as both, closing(DatagramSocket(V4)) as old:
        both.send(b"over IPv4", old.local)
        received = old.receive()
        assert received is not None and received[0] == b"over IPv4"
        old.send(b"back", Endpoint("127.0.0.1", both.local.port))
        assert both.receive() == (b"back", old.local)
        both.send(b"over IPv6", Endpoint("::1", both.local.port))
        assert both.receive() == (b"over IPv6", Endpoint("::1", both.local.port))


def test_address_of_somebody_else_is_an_error_that_names_it() -> None:
    with pytest.raises(HardwareError, match=r"192\.0\.2\.1:6881"):
        DatagramSocket(Endpoint("192.0.2.1", 6881))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_other_port_is_one_that_nobody_has_written_to(
    pair: tuple[DatagramSocket, DatagramSocket],
) -> None:
    sender, receiver = pair
    sender.send_from_other_port(b"knock", receiver.local)
    received = receiver.receive()
    assert received is not None
    assert received[0] == b"knock"
    assert received[1].host == sender.local.host
    assert received[1].port != sender.local.port
