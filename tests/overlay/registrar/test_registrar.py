"""With whom a box registers, and what an exchange, or who plays one, can make it believe."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable

import pytest

from firmware.channel import Elsewhere, Kept, Refusal, Refused, Standing, decode
from firmware.events import DatagramReceived, Message, SendDatagram, StoreState
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.lease import LEASE_S
from firmware.overlay.registrar.clock import CLOCK_FILE
from firmware.overlay.registrar.link import KEEP_S, REPEATS_S
from firmware.overlay.registrar.registrar import EXCHANGES, PROBED_MAX, Registrar

UTC_S = 1_800_000_000.0
BOX = Endpoint("203.0.113.5", 6881)
HERE = tuple(Endpoint(f"198.{51 + i}.100.1", 6881) for i in range(6))  # different networks
THERE = tuple(Endpoint(f"192.0.2.{i}", 6881) for i in range(1, 6))  # one network


class Street:
    """One box and exchanges, each so many seconds away; virtual time."""

    def __init__(
        self,
        ways_s: dict[Endpoint, float],
        limits: Limits | None = None,
        utc_s: float = UTC_S,
    ) -> None:
        self.now_s = 1000.0
        source = random.Random(3).randbytes
        identity = Identity.generate(source(64))
        self.node = Node((), source, read_only=True)
        self.registrar = Registrar(self.node, source, [str(endpoint) for endpoint in ways_s])
        self.registrar.claim(identity, identity.certify(bytes(16), "").encode())
        self.registrar.set_hashes((hashlib.sha1(b"number").digest(),))
        self.registrar.set_clock(utc_s, self.now_s)
        self.stored: dict[str, bytes] = {}
        self.ways_s = ways_s
        self.exchanges: dict[Endpoint, Exchange] = {}
        self._nodes: dict[Endpoint, Node] = {}
        for endpoint in ways_s:
            self.open(endpoint, limits)
        self.dead: set[Endpoint] = set()
        self.sent: list[SendDatagram] = []
        self._under_way: list[tuple[float, Endpoint, bytes, Endpoint]] = []

    def open(self, endpoint: Endpoint, limits: Limits | None = None) -> None:
        source = random.Random(str(endpoint)).randbytes
        node = Node((), source)
        self._nodes[endpoint] = node
        self.exchanges[endpoint] = Exchange(Identity.generate(source(64)), node, source, limits)
        self.exchanges[endpoint].set_clock(UTC_S, self.now_s)

    def run(self, duration_s: float, until: Callable[[], bool] = lambda: False) -> None:
        until_s = self.now_s + duration_s
        while self.now_s < until_s and not until():
            self.now_s += 0.005
            for item in [item for item in self._under_way if item[0] <= self.now_s]:
                self._under_way.remove(item)
                self._arrive(*item[1:])
            said = self.registrar.advance(self.now_s)
            self.stored |= {each.name: each.data for each in said if isinstance(each, StoreState)}
            self._say(self.node.on_time(self.now_s) + said)

    def forge(self, frame: Kept | Refusal | Elsewhere, source: Endpoint) -> None:
        self.registrar.receive(frame, source, self.now_s)

    def registered(self) -> set[Endpoint]:
        return {link.endpoint for link in self.registrar.registered()}

    def _arrive(self, to: Endpoint, data: bytes, source: Endpoint) -> None:
        fact = DatagramReceived(data, source)
        if to == BOX and data[:1] == b"\xf1":
            frame = decode(data)
            if isinstance(frame, Kept | Refusal | Elsewhere):
                self.forge(frame, source)
            else:
                self.registrar.rang(getattr(frame, "payload", b""), source, self.now_s)
        elif to == BOX:
            self._say(self.node.handle(fact, self.now_s))
        elif to in self.exchanges and to not in self.dead:
            exchange = self.exchanges[to]
            said = exchange.receive(data, source, self.now_s) if data[:1] == b"\xf1" else None
            said = said or self._nodes[to].handle(fact, self.now_s)
            self._send(to, [*said, *exchange.advance(self.now_s)])

    def _say(self, messages: list[Message]) -> None:
        for message in [*messages, *self.node.drain()]:
            if isinstance(message, SendDatagram):
                self._send(BOX, [message])
            else:
                # facts are all that is left
                self.registrar.hear(message, self.now_s)  # type: ignore[arg-type]

    def _send(self, source: Endpoint, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, SendDatagram):
                if source == BOX:
                    self.sent.append(message)
                way_s = self.ways_s.get(source, 0.0) + self.ways_s.get(message.to, 0.0)
                arrival_s = self.now_s + way_s
                self._under_way.append((arrival_s, message.to, message.data, source))


def near(endpoints: tuple[Endpoint, ...], way_s: float = 0.01) -> dict[Endpoint, float]:
    return dict.fromkeys(endpoints, way_s)


def test_box_registers_with_three_and_they_ring() -> None:
    street = Street(near(HERE))
    street.run(3.0)
    assert len(street.registered()) == EXCHANGES
    assert street.registrar.rings(street.now_s)


def test_box_prefers_different_networks() -> None:
    street = Street(near(THERE[:3]) | near(HERE[:3], way_s=0.05))
    street.run(3.0)
    assert len(street.registered() & set(THERE)) == 1


def test_box_prefers_near_exchanges() -> None:
    street = Street(near(HERE[:3]) | near(HERE[3:], way_s=0.1))
    street.run(3.0)
    assert street.registered() == set(HERE[:3])


def test_box_leaves_a_silent_exchange_after_its_repeats_and_finds_another() -> None:
    street = Street(near(HERE[:4]))
    street.run(3.0)
    dead = next(iter(street.registered()))
    street.dead.add(dead)
    street.run(1.1 * KEEP_S + sum(REPEATS_S) + 1.0, until=lambda: dead not in street.registered())
    assert dead not in street.registered()
    street.run(8.0)
    assert len(street.registered()) == EXCHANGES


def asked(messages: list[SendDatagram]) -> set[Endpoint]:
    return {message.to for message in messages if b"x_fr_register" in message.data}


@pytest.mark.parametrize("known", [PROBED_MAX, PROBED_MAX + 1])
def test_box_that_knows_many_exchanges_asks_so_many_at_a_time_and_then_the_others(
    known: int,
) -> None:
    street = Street(near((*HERE, *THERE)[:known]))
    street.dead = set(street.exchanges)
    street.run(1.0)
    assert len(asked(street.sent)) == PROBED_MAX
    first, street.dead = asked(street.sent), asked(street.sent)
    street.run(60.0, until=lambda: asked(street.sent) != first)
    assert asked(street.sent) == set(street.exchanges) if known > PROBED_MAX else first
    street.run(1.0)
    assert street.registered() == set(street.exchanges) - first


def test_exchange_that_is_full_is_not_asked_again_at_once() -> None:
    street = Street(near(HERE[:1]), Limits(registrations=0))
    street.run(14.0)  # it asked for 30 s, half of that at least is kept
    asked = sum(b"x_fr_register" in message.data for message in street.sent)
    assert street.registered() == set()
    assert asked == 2  # for a token, and to be registered


@pytest.mark.parametrize("forger", ["stranger", "blind"])
def test_frames_of_who_does_not_know_the_registration_change_nothing(forger: str) -> None:
    street = Street(near(HERE[:3]))
    street.run(3.0)
    link = street.registrar.registered()[0]
    source = Endpoint("192.0.2.66", 6881) if forger == "stranger" else link.endpoint
    known = link.registration_id if forger == "stranger" else bytes(8)
    before = len(street.sent)
    street.forge(Elsewhere(known, (Endpoint("192.0.2.99", 6881),)), source)
    street.forge(Refusal(known, Refused.UNKNOWN_ID, 0), source)
    street.forge(Kept(known, 1, Standing.DRAINING, 255), source)
    street.run(1.0)
    assert not link.is_leaving and link.load < 255
    assert len(street.sent) == before
    assert len(street.registered()) == EXCHANGES


def test_lease_is_renewed_and_hashes_of_a_new_day_are_registered_without_a_gap() -> None:
    street = Street(near(HERE[:3]))
    street.run(3.0)
    tomorrow = hashlib.sha1(b"tomorrow").digest()
    street.registrar.set_hashes((hashlib.sha1(b"number").digest(), tomorrow))
    street.run(1.0)
    assert len(street.registered()) == EXCHANGES
    holders = [exchange.registrations.holder(tomorrow) for exchange in street.exchanges.values()]
    assert all(holders)


def test_exchange_sees_our_address_and_we_are_told() -> None:
    street = Street(near(HERE[:3]))
    street.run(3.0)
    assert {link.observed for link in street.registrar.registered()} == {BOX}


def test_box_whose_clock_is_a_year_behind_is_told_the_time_and_registered_when_it_is_set() -> None:
    street = Street(dict.fromkeys(HERE, 0.02), utc_s=UTC_S - 31_536_000.0)
    street.run(60.0, until=lambda: CLOCK_FILE in street.stored)
    utc_s = json.loads(street.stored[CLOCK_FILE])["utc_s"]
    assert abs(utc_s - (UTC_S + street.now_s - 1000.0)) <= 2.0
    assert not street.registered()
    street.run(600.0)  # denied again and again, later and later
    street.registrar.set_clock(utc_s + 600.0, street.now_s)
    street.run(10.0, until=lambda: len(street.registered()) == EXCHANGES)
    assert len(street.registered()) == EXCHANGES


@pytest.mark.parametrize("behind_s", [4000.0, -3600.0])
def test_box_that_registered_by_a_wrong_clock_dates_its_leases_anew_when_it_is_set(
    behind_s: float,
) -> None:
    street = Street(near(HERE), utc_s=UTC_S - behind_s)
    street.run(3.0)

    def left_s() -> set[int]:
        """How long the leases are good for callers whose clocks are right."""
        kept = [
            holder
            for exchange in street.exchanges.values()
            if (holder := exchange.registrations.find(street.registrar._target)) is not None
        ]
        return {round(one.expires_utc_s - (UTC_S + street.now_s - 1000.0)) for one in kept}

    assert len(street.registered()) == EXCHANGES
    assert all(abs(each_s - (LEASE_S - behind_s)) < 10 for each_s in left_s())
    street.registrar.set_clock(UTC_S + street.now_s - 1000.0, street.now_s)
    street.run(3.0)
    assert len(street.registered()) == EXCHANGES
    assert all(abs(each_s - LEASE_S) < 10 for each_s in left_s())
