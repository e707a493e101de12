"""The mapper and a router that answers as it is told to; the clock is turned by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from firmware import stun
from firmware.events import (
    AddressesChanged,
    AskUpnp,
    DatagramReceived,
    FindGateway,
    GatewayFound,
    Message,
    ObservedAt,
    PortMapped,
    SendDatagram,
    Started,
    Stopping,
    UpnpAnswered,
)
from firmware.model import Endpoint
from firmware.overlay.mapping import pcp
from firmware.overlay.mapping.mapper import LIFETIME_S, PAUSE_S, PROOF_AGAIN_S, Mapper, Way

OWN = Endpoint("192.168.1.20", 6881)
GATEWAY = Endpoint("192.168.1.1", pcp.PORT)
OUTER = Endpoint("198.51.100.7", 7001)
EXCHANGE = Endpoint("203.0.113.1", 6881)
FOREVER_S = 1e6
Router = Callable[[bytes, float], list[bytes]]


def silent(_request: bytes, _now_s: float) -> list[bytes]:
    return []


def pcp_router(
    request: bytes, now_s: float, result: int = 0, outer: Endpoint = OUTER
) -> list[bytes]:
    """Knows PCP; counts its epoch since time 0."""
    if request[0] != 2:
        return []
    lifetime_s = int.from_bytes(request[4:8], "big")
    head = struct.pack("!BBxBII12x", 2, 0x81, result, lifetime_s, int(now_s))
    packed = bytes(10) + b"\xff\xff" + bytes(map(int, outer.host.split(".")))
    return [head + request[24:42] + struct.pack("!H16s", outer.port, packed)]


def pmp_router(request: bytes, now_s: float) -> list[bytes]:
    """Knows NAT-PMP only, and says so to PCP (RFC 6886 section 3.5)."""
    epoch_s = int(now_s)
    if request[0] != 0:
        return [struct.pack("!BBHI", 0, 0x81, 1, epoch_s)]
    if request[1] == 0:
        host = bytes(map(int, OUTER.host.split(".")))
        return [struct.pack("!BBHI4s", 0, 0x80, 0, epoch_s, host)]
    internal, _, lifetime_s = struct.unpack("!HHI", request[4:])
    outer = OUTER.port if lifetime_s else 0
    return [struct.pack("!BBHIHHI", 0, 0x81, 0, epoch_s, internal, outer, lifetime_s)]


@dataclass
class House:
    """A mapper, its router, an exchange that knocks if it may, and the clock."""

    router: Router = silent
    knocks: bool = True
    upnp: Endpoint | None = None
    now_s: float = 0.0
    told: list[Endpoint | None] = field(default_factory=list)
    requests: list[tuple[float, bytes]] = field(default_factory=list)
    upnp_asked: list[AskUpnp] = field(default_factory=list)
    gateways_asked: int = 0

    def __post_init__(self) -> None:
        self.mapper = Mapper(lambda count: bytes(range(count)))

    def tell(self, fact: Message) -> None:
        self._carry_out(self.mapper.handle(fact, self.now_s))

    def begin(self) -> None:
        self.tell(Started())
        self.tell(ObservedAt(Endpoint(OUTER.host, 40_000), EXCHANGE))
        self.tell(GatewayFound(GATEWAY.host, OWN))

    def run(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while (due_s := self.mapper.deadline_s()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            self._carry_out(self.mapper.on_time(self.now_s))
            after_s = self.mapper.deadline_s()
            assert after_s is None or after_s > self.now_s
        self.now_s = end_s

    def _carry_out(self, messages: list[Message]) -> None:
        for message in messages:
            match message:
                case SendDatagram(data, to) if to == GATEWAY:
                    self.requests.append((self.now_s, data))
                    for answer in self.router(data, self.now_s):
                        self.tell(DatagramReceived(answer, GATEWAY))
                case SendDatagram(data, to):
                    self._knock(data, to)
                case AskUpnp():
                    self.upnp_asked.append(message)
                    self.tell(UpnpAnswered(self.upnp if message.lifetime_s else None))
                case FindGateway():
                    self.gateways_asked += 1
                case PortMapped(endpoint=endpoint):
                    self.told.append(endpoint)

    def _knock(self, data: bytes, to: Endpoint) -> None:
        assert to == EXCHANGE
        request = stun.decode(data)
        assert stun.knock_port(request) == OUTER.port
        if self.knocks:
            answer = stun.binding_response(request, OUTER)
            assert len(answer) <= len(data)
            self.tell(DatagramReceived(answer, Endpoint(to.host, 50_000)))


def test_mapping_by_pcp_is_told_when_an_exchange_has_knocked() -> None:
    house = House(pcp_router)
    house.begin()
    assert house.told == [OUTER]
    assert house.mapper.way is Way.PCP


def test_mapping_through_which_nobody_can_knock_is_not_believed() -> None:
    house = House(pcp_router, knocks=False)
    house.begin()
    house.run(60.0)
    assert house.mapper.mapped == OUTER
    assert house.told == []


def test_mapping_is_proved_later_when_the_exchange_comes_later() -> None:
    house = House(pcp_router)
    house.tell(Started())
    house.tell(GatewayFound(GATEWAY.host, OWN))
    house.run(60.0)
    assert house.told == []
    house.tell(ObservedAt(Endpoint(OUTER.host, 40_000), EXCHANGE))
    assert house.told == [OUTER]


def test_proof_that_failed_is_tried_again() -> None:
    house = House(pcp_router, knocks=False)
    house.begin()
    house.run(60.0)
    house.knocks = True
    house.run(PROOF_AGAIN_S)
    assert house.told == [OUTER]


def test_answer_from_the_port_we_wrote_to_proves_nothing() -> None:
    house = House(pcp_router, knocks=False)
    house.begin()
    knock = stun.StunMessage(stun.Kind.SUCCESS, bytes(range(12)))
    house.tell(DatagramReceived(stun.encode(knock), EXCHANGE))
    assert house.told == []
    house.tell(DatagramReceived(stun.encode(knock), Endpoint(EXCHANGE.host, 50_000)))
    assert house.told == [OUTER]


def test_exchange_that_sees_us_elsewhere_is_not_asked() -> None:
    house = House(pcp_router)
    house.tell(ObservedAt(Endpoint("198.51.100.99", 40_000), EXCHANGE))
    house.tell(GatewayFound(GATEWAY.host, OWN))
    house.run(60.0)
    assert house.told == []


def test_router_with_a_private_address_outside_maps_in_vain() -> None:
    def behind_another(request: bytes, now_s: float) -> list[bytes]:
        return pcp_router(request, now_s, outer=Endpoint("100.64.0.2", 7001))

    house = House(behind_another)
    house.begin()
    house.run(60.0)
    assert house.told == []


def test_router_that_knows_only_nat_pmp_is_asked_so() -> None:
    house = House(pmp_router)
    house.begin()
    assert house.told == [OUTER]
    assert house.mapper.way is Way.NAT_PMP


def test_router_that_says_nothing_is_asked_by_upnp() -> None:
    house = House(upnp=OUTER)
    house.begin()
    house.run(10.0)
    assert house.told == [OUTER]
    assert [(ask.gateway, ask.own) for ask in house.upnp_asked] == [(GATEWAY.host, OWN)]
    assert len(house.requests) == 4 + 4 * 2  # PCP, then address and port of NAT-PMP


def test_router_that_maps_nothing_is_left_in_peace_for_a_while() -> None:
    house = House()
    house.begin()
    house.run(PAUSE_S - 1.0)
    assert len(house.upnp_asked) == 1
    house.run(60.0)
    assert len(house.upnp_asked) == 2


@pytest.mark.parametrize("router", [pcp_router, pmp_router])
def test_lease_is_renewed_after_half_its_time(router: Router) -> None:
    house = House(router)
    house.begin()
    before = len(house.requests)
    house.run(LIFETIME_S * 0.49)
    assert len(house.requests) == before
    house.run(LIFETIME_S * 0.15)
    assert len(house.requests) > before
    house.run(FOREVER_S)
    assert house.told == [OUTER]


def test_upnp_lease_is_renewed_too() -> None:
    house = House(upnp=OUTER)
    house.begin()
    house.run(LIFETIME_S * 3)
    assert len(house.upnp_asked) >= 4
    assert house.told == [OUTER]


def test_lease_that_is_renewed_no_more_ends() -> None:
    house = House(pcp_router)
    house.begin()
    house.router = silent
    house.run(LIFETIME_S - 1.0)
    assert house.told == [OUTER]
    house.run(60.0)
    assert house.told == [OUTER, None]


def test_router_that_has_restarted_must_prove_itself_again() -> None:
    house = House(pcp_router)
    house.begin()
    house.now_s = 100.0
    house.run(LIFETIME_S * 0.7)
    house.knocks = False
    house.router = lambda request, _now_s: pcp_router(request, 1.0)
    house.run(LIFETIME_S)
    assert house.told == [OUTER, None]


def test_new_address_of_the_router_is_asked_for_at_once() -> None:
    house = House(pcp_router)
    house.begin()
    before = len(house.requests)
    house.tell(ObservedAt(Endpoint("198.51.100.8", 40_000), EXCHANGE))
    assert len(house.requests) == before + 1


def test_stranger_on_the_local_network_is_not_the_router() -> None:
    house = House()
    house.begin()
    _, request = house.requests[-1]
    for answer in pcp_router(request, 0.0):
        house.tell(DatagramReceived(answer, Endpoint("192.168.1.66", pcp.PORT)))
    assert house.mapper.mapped is None


def test_answer_with_another_nonce_is_not_ours() -> None:
    house = House(lambda request, now_s: pcp_router(request[:24] + bytes(12) + request[36:], now_s))
    house.begin()
    assert house.mapper.mapped is None


def test_malformed_answers_of_the_router_change_nothing() -> None:
    house = House(lambda request, now_s: [b"", b"\x02", pcp_router(request, now_s)[0][:-4]])
    house.begin()
    house.run(3.0)
    assert house.mapper.mapped is None


@pytest.mark.parametrize("router", [pcp_router, pmp_router])
def test_mapping_is_taken_back_at_the_end(router: Router) -> None:
    house = House(router)
    house.begin()
    house.tell(Stopping())
    lifetime = slice(4, 8) if router is pcp_router else slice(8, 12)
    assert house.requests[-1][1][lifetime] == bytes(4)
    assert house.mapper.mapped is None
    assert house.mapper.deadline_s() is None


def test_upnp_mapping_is_taken_back_at_the_end() -> None:
    house = House(upnp=OUTER)
    house.begin()
    house.run(10.0)
    house.tell(Stopping())
    assert house.upnp_asked[-1].lifetime_s == 0
    assert house.upnp_asked[-1].external_port == OUTER.port


@pytest.mark.parametrize("own", [Endpoint("198.51.100.9", 6881), None])
def test_box_without_a_router_in_front_asks_nobody(own: Endpoint | None) -> None:
    house = House(pcp_router)
    house.tell(GatewayFound(None if own is None else "198.51.100.1", own))
    house.run(60.0)
    assert not house.requests


def test_other_network_is_another_router() -> None:
    house = House(pcp_router)
    house.tell(AddressesChanged((OWN,)))
    house.begin()
    house.tell(AddressesChanged((OWN,)))
    assert house.gateways_asked == 1
    house.tell(AddressesChanged((Endpoint("10.0.0.5", 6881),)))
    assert house.gateways_asked == 2
    house.tell(GatewayFound(None, None))
    assert house.told == [OUTER, None]
