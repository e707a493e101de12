"""Relays in the kernel: in namespaces of their own, and what the helper makes of its packets."""

from __future__ import annotations

import ipaddress
import json
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.errors import MalformedError
from firmware.events.network import CloseRelay, OpenRelay, RelayLeg
from firmware.model import Endpoint
from firmware.overlay.exchange import channels
from firmware.shell.kernel import rules
from firmware.shell.kernel.client import RETRY_S, UNSENT_MAX, KernelRelays
from firmware.shell.kernel.helper import BATCH_MAX, Helper, serve
from firmware.shell.kernel.messages import (
    PACKET_BYTES_MAX,
    USES_MAX,
    Close,
    Leg,
    Open,
    Packet,
    Used,
    decode,
    encode,
)
from tests.shell.kernel.space import UNSHARE, why_not

EXCHANGE = "192.0.2.1"
ANNA = Leg(int(ipaddress.IPv4Address("198.51.100.7")), 5000, b"leg anna")
BERT = Leg(int(ipaddress.IPv4Address("203.0.113.9")), 65535, b"\x00leg ber")
PACKETS: tuple[Packet, ...] = (
    Open(ANNA, BERT),
    Close(b"leg anna"),
    Used(()),
    Used(((b"leg anna", 2**64 - 1),) * USES_MAX),
)


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "possible here")
def test_frames_are_carried_by_the_kernel_and_only_those_of_open_relays() -> None:
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-m", "tests.shell.kernel.space"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    flood, used = seen.pop("flood"), seen.pop("used")
    assert seen == {
        "before": "exchange hears leg anna one from box",
        "open": "bert hears leg bert two from exchange",
        "back": "anna hears leg anna three from exchange",
        "moved": "exchange hears leg anna four from box",
        "empty": "exchange hears leg anna from box",
        "other": "exchange hears leg anna five from box",
        "followed": "bert hears leg bert six from exchange",
        "old address": "exchange hears leg anna seven from box",
        "closed": "exchange hears leg anna eight from box",
        "gone": "exchange hears leg anna nine from box",
    }
    # Of a million bytes at once: the burst, and what time has added; each is counted once.
    assert rules.LEG_BURST_BYTES // 1028 <= flood <= 4 * rules.LEG_BURST_BYTES // 1028
    assert used == 1000 * flood


def test_leg_may_carry_in_the_kernel_what_it_may_carry_through_the_exchange() -> None:
    assert rules.LEG_BYTES_PER_S == channels.LEG_BYTES_PER_S
    assert rules.LEG_BURST_BYTES == channels.LEG_BURST_BYTES


@pytest.mark.parametrize("packet", PACKETS)
def test_packet_is_read_as_it_was_written_and_in_no_other_length(packet: Packet) -> None:
    data = encode(packet)
    assert decode(data) == packet
    assert len(data) <= PACKET_BYTES_MAX
    for wrong in (data[:-1], data + b"\x00", b"\x07" + data[1:]):
        with pytest.raises(MalformedError):
            decode(wrong)


def test_random_packets_are_read_or_malformed_and_nothing_else() -> None:
    seed = 3
    dice = random.Random(seed)
    for _ in range(5000):
        data = dice.randbytes(dice.randrange(70))
        try:
            decode(data)
        except MalformedError:
            continue


@pytest.mark.parametrize(
    ("host", "port", "is_allowed"),
    [
        ("9.9.9.10", 5000, True),
        ("9.9.9.10", 0, False),
        ("127.0.0.1", 5000, False),
        ("0.0.0.0", 5000, False),
        ("224.0.0.251", 5353, False),
        ("255.255.255.255", 5000, False),
        ("169.254.1.1", 5000, False),
        ("8.8.8.8", 53, True),
    ],
)
def test_relay_goes_to_boxes_only(host: str, port: int, is_allowed: bool) -> None:
    leg = Leg(int(ipaddress.IPv4Address(host)), port, b"leg bert")
    anna = Leg(int(ipaddress.IPv4Address("9.9.9.9")), 5000, b"leg anna")
    assert rules.is_allowed(Open(anna, leg), "1.1.1.1") is is_allowed
    assert rules.is_allowed(Open(leg, anna), "1.1.1.1") is is_allowed
    assert not rules.is_allowed(Open(anna, anna), "1.1.1.1")


def test_stranger_can_send_nothing_inside_and_nothing_to_the_exchange_itself() -> None:
    anna = Leg(int(ipaddress.IPv4Address("9.9.9.9")), 5000, b"leg anna")
    inside = Leg(int(ipaddress.IPv4Address("10.0.0.7")), 5000, b"leg bert")
    assert not rules.is_allowed(Open(anna, inside), "1.1.1.1")
    assert rules.is_allowed(Open(inside._replace(port=7), inside), "10.0.0.1")
    assert not rules.is_allowed(Open(anna, inside), "9.9.9.9")


def test_counters_are_those_of_the_payload() -> None:
    listing = """
        limit rate 25000 bytes/second burst 50000 bytes counter
        elements = { 10.91.0.2 . 5000 . 0x6c656720616e6e61 limit rate 25000 bytes/second
 burst 50000 bytes counter packets 3 bytes 684 : 0x46520000,
            10.91.1.2 . 5001 . 0x6c6567 limit rate 25 kbytes/second burst 50000 bytes counter"""
    listing = listing.replace("\n burst", " burst") + " packets 1 bytes 28 : 0x46520001 }"
    assert rules.counters(listing) == {b"leg anna": 600, bytes(5) + b"leg": 0}
    assert rules.counters("nothing of the kind") == {}


def test_without_a_helper_nothing_happens(tmp_path: Path) -> None:
    relays = KernelRelays(tmp_path / "nobody.sock")
    leg = RelayLeg(b"leg anna", Endpoint("192.0.2.7", 5000))
    other = RelayLeg(b"leg bert", Endpoint("192.0.2.8", 5000))
    v6 = RelayLeg(b"leg carl", Endpoint("2001:db8::1", 5000))
    for second in (other, v6):
        relays.open(OpenRelay(leg, second, 1, 1))
    assert relays.poll(100.0) == ()
    assert relays.poll(100.0 + RETRY_S) == ()
    relays.shut()


def test_helper_that_takes_nothing_is_left_at_the_limit_and_told_anew_what_is_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "helper.sock"
    leg = RelayLeg(b"leg anna", Endpoint("192.0.2.7", 5000))
    other = RelayLeg(b"leg bert", Endpoint("192.0.2.8", 5000))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
        deaf.bind(str(path))
        deaf.listen(2)
        relays = KernelRelays(path)
        assert relays.poll(100.0) == ()
        command = OpenRelay(leg, other, 1, 1)
        while len(relays._unsent) < UNSENT_MAX:
            relays.close(CloseRelay(leg.leg_id))
            if len(relays._unsent) < UNSENT_MAX:
                relays.open(command)
        assert relays._socket is not None  # up to here it may catch up
        relays.open(command)
        relays.open(command)
        assert relays._socket is None and not relays._unsent
        assert relays.poll(101.0) == () and not relays._unsent
        deaf.accept()[0].close()
        with deaf.accept()[0] as link:
            assert isinstance(decode(link.recv(PACKET_BYTES_MAX + 1)), Open)
            with pytest.raises(BlockingIOError):
                link.recv(PACKET_BYTES_MAX + 1, socket.MSG_DONTWAIT)
        relays.shut()


class Clerk(Helper):
    """Notes how many packets it is given at once; hangs up when it has had them all."""

    def __init__(self, link: socket.socket, expected: int) -> None:
        super().__init__(EXCHANGE, 6881)
        self.batches: list[int] = []
        self._link, self._expected = link, expected

    def take(self, packets: list[bytes]) -> None:
        self.batches.append(len(packets))
        if sum(self.batches) == self._expected:
            self._link.close()


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_packets_become_one_change_of_the_table_and_the_one_more_the_next(
    more: int,
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)  # twice what is needed
        for _ in range(BATCH_MAX + more):
            theirs.send(encode(Close(b"leg anna")), socket.MSG_DONTWAIT)
        clerk = Clerk(theirs, BATCH_MAX + more)
        serve(clerk, ours)
    assert clerk.batches == [BATCH_MAX] + [1] * more
