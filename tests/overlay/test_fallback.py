"""When a box goes through a tunnel, and when it comes back."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware.errors import MalformedError
from firmware.events import (
    CallChanged,
    DatagramReceived,
    HostResolved,
    Message,
    ResolveHost,
    SendDatagram,
    Started,
    StoreState,
)
from firmware.events.network import (
    CloseStream,
    DatagramBeside,
    OpenStream,
    SendBeside,
    StreamClosed,
    StreamOpened,
    TunnelKnown,
)
from firmware.model import CallState, CallView, Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.fallback import (
    DOUBT_S,
    EXCHANGES_MAX,
    NEWCOMER_S,
    PROBE_S,
    RETRY_MAX_S,
    RETRY_S,
    SILENCE_S,
    TUNNELS_FILE,
    WITNESSES_MAX,
    Fallback,
    decode_tunnels,
)

FIRST, SECOND = Endpoint("192.0.2.1", 443), Endpoint("198.51.100.1", 443)
NODE = Endpoint("203.0.113.5", 6881)
NODE_ID = bytes(20)


def response(transaction_id: bytes = b"tt") -> bytes:
    return krpc.encode(krpc.Response(transaction_id, NODE_ID, krpc.Answer(), None, b""))


class Box:
    """A fall-back core and the clock."""

    def __init__(self, *exchanges: str) -> None:
        self.now_s = 100.0
        names = exchanges or (str(FIRST), str(SECOND))
        self.core = Fallback(names, random.Random(5).randbytes)
        self.begun = self.core.handle(Started(), self.now_s)

    def hear(self, fact: Message) -> list[Message]:
        return self.core.handle(fact, self.now_s)

    def wait(self, duration_s: float) -> list[Message]:
        """What is said until then."""
        until_s, said = self.now_s + duration_s, []
        while (due_s := self.core.deadline_s()) is not None and due_s <= until_s:
            self.now_s = max(due_s, self.now_s)
            said += self.core.on_time(self.now_s)
            assert (later_s := self.core.deadline_s()) is None or later_s > self.now_s
        self.now_s = until_s
        return said

    def tunnelled(self) -> Box:
        assert self.wait(NEWCOMER_S) == [OpenStream(FIRST)]
        self.hear(StreamOpened(FIRST, FIRST))
        self.hear(DatagramReceived(response(), NODE))
        return self

    def probes(self) -> list[SendBeside]:
        said = self.wait(PROBE_S)
        assert said and all(isinstance(one, SendBeside) for one in said)
        return [one for one in said if isinstance(one, SendBeside)]


def test_silence_at_the_start_opens_a_tunnel() -> None:
    box = Box()
    assert box.wait(NEWCOMER_S - 0.1) == []
    assert box.wait(0.2) == [OpenStream(FIRST)]


def test_box_that_hears_something_asks_before_it_believes_in_silence() -> None:
    box = Box()
    box.hear(DatagramReceived(response(), NODE))
    (question,) = box.wait(SILENCE_S)
    assert isinstance(question, SendDatagram) and question.to == NODE
    query = krpc.decode(question.data)
    assert isinstance(query, krpc.Query) and query.read_only
    box.hear(DatagramReceived(response(query.transaction_id), NODE))
    assert all(isinstance(one, SendDatagram) for one in box.wait(SILENCE_S))
    assert box.wait(DOUBT_S) == [OpenStream(FIRST)]


def test_neighbours_on_the_local_network_are_no_sign_of_the_world_outside() -> None:
    box = Box()
    for _ in range(10):
        box.hear(DatagramReceived(response(), Endpoint("192.168.1.7", 6881)))
        box.hear(DatagramReceived(response(), Endpoint("127.0.0.1", 6881)))
    assert box.wait(NEWCOMER_S) == [OpenStream(FIRST)]


def test_exchanges_that_fail_are_tried_in_turn_and_ever_more_rarely() -> None:
    box = Box()
    box.wait(NEWCOMER_S)
    tried = [FIRST]
    for attempt in range(10):
        box.hear(StreamClosed(tried[-1]))
        wait_s = min(RETRY_S * 2**attempt, RETRY_MAX_S)
        assert box.wait(wait_s - 0.1) == []
        (again,) = box.wait(0.2)
        assert isinstance(again, OpenStream)
        tried.append(again.to)
    assert tried[:4] == [FIRST, SECOND, FIRST, SECOND]


def test_answer_by_udp_closes_the_tunnel() -> None:
    box = Box().tunnelled()
    (probe,) = box.probes()
    query = krpc.decode(probe.data)
    assert isinstance(query, krpc.Query) and probe.to == NODE
    answer = DatagramBeside(response(query.transaction_id), NODE)
    assert box.hear(answer) == [CloseStream()]
    assert box.hear(StreamClosed(FIRST)) == []
    assert box.wait(SILENCE_S - 1) == []


def test_what_does_not_answer_a_probe_proves_nothing() -> None:
    box = Box().tunnelled()
    (probe,) = box.probes()
    query = krpc.decode(probe.data)
    assert isinstance(query, krpc.Query)
    key = query.transaction_id
    for fact in (
        DatagramBeside(response(b"none"), NODE),
        DatagramBeside(probe.data, NODE),
        DatagramBeside(b"rubbish", NODE),
        DatagramBeside(b"", NODE),
    ):
        assert box.hear(fact) == []
    assert box.hear(DatagramBeside(response(key), replace_port(NODE))) == []


def test_tunnel_is_kept_until_the_call_is_over() -> None:
    box = Box().tunnelled()
    box.hear(CallChanged(CallView(CallState.CONNECTED)))
    (probe,) = box.probes()
    query = krpc.decode(probe.data)
    assert isinstance(query, krpc.Query)
    assert box.hear(DatagramBeside(response(query.transaction_id), NODE)) == []
    over = replace(CallView(), state=CallState.IDLE)
    assert box.hear(CallChanged(over)) == [CloseStream()]


def test_tunnel_that_breaks_is_opened_anew() -> None:
    box = Box().tunnelled()
    box.hear(StreamClosed(FIRST))
    said = box.wait(RETRY_S + DOUBT_S)
    assert isinstance(said[0], SendDatagram) and isinstance(said[-1], OpenStream)


def test_only_the_newest_witnesses_are_kept() -> None:
    box = Box().tunnelled()
    for host in range(50):
        box.hear(DatagramReceived(response(), Endpoint(f"203.0.113.{host}", 6881)))
    assert [probe.to.host for probe in box.probes()] == [f"203.0.113.{n}" for n in (47, 48, 49)]
    assert WITNESSES_MAX < 50


def test_name_of_an_exchange_is_asked_for_and_used() -> None:
    box = Box("exchange.example:443")
    assert box.begun == [ResolveHost("exchange.example:443")]
    assert box.wait(NEWCOMER_S) == []
    box.hear(HostResolved("exchange.example:443", (SECOND,)))
    assert box.wait(SILENCE_S) == [OpenStream(SECOND)]


def test_exchange_learnt_is_remembered_and_tried_after_those_of_the_configuration() -> None:
    box = Box(str(FIRST))
    (stored,) = box.hear(TunnelKnown(SECOND))
    assert isinstance(stored, StoreState) and stored.name == TUNNELS_FILE
    assert decode_tunnels(stored.data) == (SECOND,)
    assert box.hear(TunnelKnown(SECOND)) == []
    assert box.wait(NEWCOMER_S) == [OpenStream(FIRST)]
    box.hear(StreamClosed(FIRST))
    assert box.wait(RETRY_S) == [OpenStream(SECOND)]


def test_exchanges_learnt_are_limited_and_the_oldest_go() -> None:
    box = Box(str(FIRST))
    for number in range(3 * EXCHANGES_MAX):
        (stored,) = box.hear(TunnelKnown(Endpoint("198.51.100.1", 1000 + number)))
    assert isinstance(stored, StoreState)
    ports = [endpoint.port for endpoint in decode_tunnels(stored.data)]
    assert ports == list(range(1000 + 2 * EXCHANGES_MAX + 1, 1000 + 3 * EXCHANGES_MAX))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"version": 2, "tunnels": []}', b'{"version": 1, "tunnels": ["x"]}'],
)
def test_file_of_tunnels_that_is_none_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_tunnels(data)


def replace_port(endpoint: Endpoint) -> Endpoint:
    return Endpoint(endpoint.host, endpoint.port + 1)
