"""The data path of an exchange, over real sockets on loopback, with both kinds of system calls."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import HardwareError
from firmware.events.network import CloseRelay, LimitRelays, OpenRelay, RelayLeg, RelayUse
from firmware.model import Endpoint
from firmware.shell.batches import ROWS, Batches, OneByOne, decode_name, encode_name, open_batches
from firmware.shell.carrier import BATCHES_MAX, Carrier
from firmware.shell.datagrams import DatagramSocket
from firmware.shell.datapath import READ_MAX, WAITING_MAX, DataPath
from firmware.shell.relays import DATA, REFILL_S, RELAYS_MAX, Relays

LOOPBACK = Endpoint("127.0.0.1", 0)
ANNA, BERT = b"leg anna", b"leg bert"


class Exchange:
    """One data path, and two boxes at its legs."""

    def __init__(self, open_rows: Callable[[socket.socket], Batches], bind: Endpoint) -> None:
        self.now_s = 5.0
        self.socket, self.anna, self.bert, self.carol = (DatagramSocket(bind) for _ in range(4))
        self.path = DataPath(self.socket, lambda sock: Carrier(sock, open_rows))

    @property
    def relays(self) -> Relays:
        assert self.path.carrier is not None
        return self.path.carrier.relays

    def close(self) -> None:
        for each in (self.socket, self.anna, self.bert, self.carol):
            each.close()

    def open(self, *, bytes_per_s: int = 100_000, burst_bytes: int = 100_000) -> None:
        anna, bert = RelayLeg(ANNA, self.anna.local), RelayLeg(BERT, self.bert.local)
        self.path.perform(OpenRelay(anna, bert, bytes_per_s, burst_bytes))

    def say(self, who: DatagramSocket, data: bytes) -> None:
        who.send(data, self.socket.local)
        self.path.fill(self.now_s)

    def for_core(self) -> list[tuple[bytes, Endpoint]]:
        found = list(self.path.waiting)
        self.path.waiting.clear()
        return found


@pytest.fixture(params=["many at once", "one by one", "IPv6"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    bind = LOOPBACK
    if request.param == "IPv6":
        bind = Endpoint("::1", 0)
        try:
            DatagramSocket(bind).close()
        except HardwareError:
            pytest.skip("no IPv6 on this machine")
    with closing(Exchange(OneByOne if request.param == "one by one" else open_batches, bind)) as it:
        yield it


def test_frame_of_a_leg_leaves_as_a_frame_of_the_other(exchange: Exchange) -> None:
    exchange.open()
    exchange.say(exchange.anna, DATA + ANNA + b"hello")
    exchange.say(exchange.bert, DATA + BERT + b"good day")
    assert exchange.bert.receive() == (DATA + BERT + b"hello", exchange.socket.local)
    assert exchange.anna.receive() == (DATA + ANNA + b"good day", exchange.socket.local)
    assert exchange.for_core() == []


@pytest.mark.parametrize("too_many", [0, 1, 7])
def test_so_many_datagrams_wait_for_the_core_and_those_on_top_are_dropped_and_counted(
    exchange: Exchange, too_many: int
) -> None:
    exchange.open()
    waiting = exchange.path.waiting
    waiting += [(b"before", exchange.carol.local)] * (WAITING_MAX - 2 + too_many)
    for data in (b"one", b"two", b"three"):
        exchange.carol.send(data, exchange.socket.local)
    exchange.path.fill(exchange.now_s)
    room = max(2 - too_many, 0)
    assert [data for data, _ in waiting if data != b"before"] == [b"one", b"two"][:room]
    assert exchange.path.dropped == 3 - room
    waiting.clear()
    exchange.say(exchange.carol, b"four")
    assert exchange.for_core() == [(b"four", exchange.carol.local)]


def test_frame_from_another_address_is_for_the_core(exchange: Exchange) -> None:
    exchange.open()
    exchange.say(exchange.carol, DATA + ANNA + b"I have moved")
    assert exchange.for_core() == [(DATA + ANNA + b"I have moved", exchange.carol.local)]
    assert exchange.bert.receive() is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"d1:y1:qe",
        DATA,
        DATA + ANNA[:-1],
        DATA + ANNA,  # empty: only the core knows what that means
        DATA + b"leg none" + b"hello",
        DATA[:1] + b"\x01" + ANNA + b"hello",
    ],
)
def test_what_is_no_frame_of_a_leg_is_for_the_core(exchange: Exchange, data: bytes) -> None:
    exchange.open()
    exchange.say(exchange.anna, DATA + ANNA + b"first, so that its head stands in the row")
    exchange.say(exchange.anna, data)
    assert exchange.for_core() == [(data, exchange.anna.local)]


def test_frame_too_long_for_any_protocol_is_dropped_and_counted(exchange: Exchange) -> None:
    exchange.open()
    exchange.say(exchange.anna, (DATA + ANNA).ljust(DATAGRAM_BYTES_MAX + 1, b"x"))
    exchange.say(exchange.anna, (DATA + ANNA).ljust(DATAGRAM_BYTES_MAX, b"x"))
    assert exchange.path.dropped == 1
    assert exchange.bert.receive() is not None
    assert exchange.bert.receive() is None


def test_frames_of_a_batch_stay_in_order_and_the_rest_is_for_the_core(exchange: Exchange) -> None:
    exchange.open()
    numbers = range(ROWS)
    for number in numbers:
        data = DATA + ANNA + b"%d" % number if number % 3 else b"d%d" % number
        exchange.anna.send(data, exchange.socket.local)
    exchange.path.fill(exchange.now_s)
    carried = [received[0] for received in iter(exchange.bert.receive, None)]
    assert carried == [DATA + BERT + b"%d" % number for number in numbers if number % 3]
    assert [data for data, _ in exchange.for_core()] == [b"d%d" % n for n in numbers if not n % 3]


def test_closed_relay_leaves_its_frames_to_the_core(exchange: Exchange) -> None:
    exchange.open()
    exchange.path.perform(CloseRelay(BERT))
    exchange.path.perform(CloseRelay(BERT))
    exchange.say(exchange.anna, DATA + ANNA + b"hello")
    assert exchange.for_core() == [(DATA + ANNA + b"hello", exchange.anna.local)]


def test_relay_opened_again_follows_the_leg_to_its_new_address(exchange: Exchange) -> None:
    exchange.open()
    exchange.anna, exchange.carol = exchange.carol, exchange.anna
    exchange.open()
    exchange.say(exchange.bert, DATA + BERT + b"where are you")
    assert exchange.anna.receive() == (DATA + ANNA + b"where are you", exchange.socket.local)
    assert len(exchange.relays) == 1


def test_leg_above_its_quota_is_dropped_until_time_has_passed(exchange: Exchange) -> None:
    frame = DATA + ANNA + bytes(90)
    exchange.open(bytes_per_s=1000, burst_bytes=500)
    for _ in range(20):
        exchange.say(exchange.anna, frame)
    assert heard(exchange.bert) == 5
    exchange.say(exchange.bert, DATA + BERT + b"the other way is not affected")
    assert heard(exchange.anna) == 1
    exchange.now_s += 0.35
    for _ in range(20):
        exchange.say(exchange.anna, frame)
    assert heard(exchange.bert) == 4  # three and a half, and what is begun is sent
    exchange.now_s += 1000.0
    for _ in range(20):
        exchange.say(exchange.anna, frame)
    assert heard(exchange.bert) == 5


def test_all_relays_together_keep_the_limit_of_the_exchange(exchange: Exchange) -> None:
    exchange.open()
    exchange.path.perform(LimitRelays(1000))
    for who, leg in ((exchange.anna, ANNA), (exchange.bert, BERT)) * 10:
        exchange.say(who, DATA + leg + bytes(90))
    assert heard(exchange.anna) + heard(exchange.bert) == 10
    exchange.now_s += 10 * REFILL_S
    for _ in range(10):
        exchange.say(exchange.anna, DATA + ANNA + bytes(90))
    assert heard(exchange.bert) == 5


def test_report_says_what_each_leg_has_said_and_lost_since_the_last(exchange: Exchange) -> None:
    exchange.open(burst_bytes=150)
    for _ in range(3):
        exchange.say(exchange.anna, DATA + ANNA + bytes(90))
    assert exchange.relays.report() == (RelayUse(ANNA, 200, 1),)
    assert exchange.relays.report() == ()
    exchange.say(exchange.bert, DATA + BERT + bytes(10))
    assert exchange.relays.report() == (RelayUse(BERT, 20, 0),)


def test_one_turn_reads_a_bounded_number_of_datagrams(exchange: Exchange) -> None:
    exchange.open(burst_bytes=10_000_000)
    for _ in range(2 * ROWS * BATCHES_MAX):
        exchange.anna.send(DATA + ANNA + b"flood", exchange.socket.local)
    waiting = ROWS * BATCHES_MAX
    exchange.path.fill(exchange.now_s)
    assert exchange.relays.carried <= waiting


def test_heavy_traffic_is_busy_and_light_traffic_is_not(exchange: Exchange) -> None:
    exchange.open(burst_bytes=10_000_000)
    for per_tick, is_busy in ((10, True), (1, False)):
        for _ in range(50):
            exchange.now_s += 0.001
            for _ in range(per_tick):
                exchange.anna.send(DATA + ANNA + b"x", exchange.socket.local)
            exchange.path.fill(exchange.now_s)
        assert exchange.path.is_busy is is_busy


def test_relays_above_the_limit_and_impossible_ones_are_refused() -> None:
    relays = Relays(socket.AF_INET)
    for number in range(RELAYS_MAX + 1):
        first, second = (
            RelayLeg(bytes((leg,)) + number.to_bytes(7, "big"), Endpoint("192.0.2.1", 1 + leg))
            for leg in range(2)
        )
        relays.open(OpenRelay(first, second, 1, 1))
    assert (len(relays), relays.refused) == (RELAYS_MAX, 1)
    relays.close(CloseRelay(bytes(8)))
    over_ipv4 = RelayLeg(b"anyone's", Endpoint("192.0.2.1", 7))
    for other in (
        over_ipv4,
        RelayLeg(b"IPv6 leg", Endpoint("2001:db8::1", 7)),
        RelayLeg(b"short", Endpoint("192.0.2.1", 7)),
    ):
        relays.open(OpenRelay(over_ipv4, other, 1, 1))
    assert (len(relays), relays.refused) == (RELAYS_MAX - 1, 4)


def test_random_relays_opened_and_closed_carry_exactly_what_is_open() -> None:
    seed = 4
    dice = random.Random(seed)
    with ExitStack() as stack:
        box = stack.enter_context(closing(DatagramSocket(LOOPBACK)))
        path = DataPath(stack.enter_context(closing(DatagramSocket(LOOPBACK))))
        is_open: dict[int, bool] = {}
        for step in range(400):
            number = dice.randrange(8)
            legs = [RelayLeg(bytes((number, side)) * 4, box.local) for side in range(2)]
            is_open[number] = dice.random() < 0.5
            if is_open[number]:
                path.perform(OpenRelay(legs[0], legs[1], 10**6, 10**6))
            else:
                path.perform(CloseRelay(dice.choice(legs).leg_id))
            asked = dice.randrange(8)
            box.send(DATA + bytes((asked, 0)) * 4 + b"x", path.local)
            path.fill(float(step))
            came = box.receive()
            expected = DATA + bytes((asked, 1)) * 4 + b"x" if is_open.get(asked) else None
            assert (came[0] if came else None) == expected, f"seed {seed}, step {step}"
            assert bool(path.waiting) is (expected is None)
            path.waiting.clear()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_address_in_a_row_is_read_as_it_was_written(family: int) -> None:
    hosts = ["192.0.2.1", "0.0.0.0"] + ["2001:db8::5", "::1"] * (family == socket.AF_INET6)
    for host in hosts:
        endpoint = Endpoint(host, 6881)
        assert decode_name(encode_name(endpoint, family)) == endpoint


def test_datagram_to_an_address_that_cannot_be_does_not_hold_up_the_others() -> None:
    with closing(DatagramSocket(LOOPBACK)) as sender, closing(DatagramSocket(LOOPBACK)) as box:
        for kind in (open_batches, OneByOne):
            batch = kind(sender.socket)
            nowhere = Endpoint("127.0.0.1", 0)  # port 0 cannot be sent to
            for row, to in enumerate((box.local, nowhere, box.local)):
                name = encode_name(to, socket.AF_INET)
                batch.rows[row, : len(name) + 1] = list(name + b"x")
            assert batch.send([0, 1, 2], np.ones(3, dtype=np.intp)) == 2
            assert heard(box) == 2


def heard(box: DatagramSocket) -> int:
    return sum(1 for _ in iter(box.receive, None))


def test_exchange_without_relays_reads_so_many_datagrams_in_one_go_and_then_the_rest(
    exchange: Exchange,
) -> None:
    for i in range(READ_MAX + 1):
        exchange.carol.send(b"%d" % i, exchange.socket.local)
    exchange.path.fill(exchange.now_s)
    exchange.path.fill(exchange.now_s)  # nothing more is read before that is seen
    assert [data for data, _ in exchange.for_core()] == [b"%d" % i for i in range(READ_MAX)]
    exchange.path.fill(exchange.now_s)
    assert [data for data, _ in exchange.for_core()] == [b"%d" % READ_MAX]
