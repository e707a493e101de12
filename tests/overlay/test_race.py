"""The four ways to a number, and who wins: last address, local network, card, swarm."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from firmware.events import (
    AnnounceOnLan,
    DatagramReceived,
    LanNeighbourLost,
    LanNeighbourSeen,
    Message,
    NumberClaimed,
    NumberResolved,
    NumberUnresolved,
    PeerPinned,
    SendDatagram,
    StoreState,
    WallClockRead,
)
from firmware.identity import Certificate
from firmware.model import Endpoint
from firmware.overlay import evidence, resolve
from firmware.overlay.contacts import CONTACTS_FILE, LastReached, decode_contacts
from firmware.overlay.dht import krpc
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.resolve import ResolveTrace, Way
from firmware.overlay.swarm import info_hash_of, swarm_question
from tests.overlay.network import (
    NOON_UTC_S,
    Impostor,
    Network,
    certified,
    cheap_hash,
    claim,
    identity_of,
    random_source,
)

TODAY = int(NOON_UTC_S // 86_400)
DAY_S = 86_400.0
OWNER = 99  # seed of the identity that is looked for


def internet(size: int = 16, seed: int = 1) -> tuple[Network, list[Endpoint]]:
    """Directories in as many networks, so that each learns its own address from the others."""
    network = Network(seed)
    endpoints = [Endpoint(f"{20 + i}.7.1.9", 6881) for i in range(size)]
    for index, endpoint in enumerate(endpoints):
        network.add_directory(endpoint, (str(endpoints[0]),) if index else ())
        network.run(0.2)
    network.run(30.0)
    return network, endpoints


def forget_swarms(network: Network) -> None:
    """As if whoever keeps the announcements had lost them, or hidden them."""
    for node in network.nodes.values():
        node._server.store._peers.clear()


def trace_of(network: Network, endpoint: Endpoint) -> ResolveTrace:
    directory = network.cores[endpoint]
    assert isinstance(directory, Directory)
    assert directory.trace is not None
    return directory.trace


def ways(network: Network, endpoint: Endpoint) -> list[tuple[Endpoint, Way]]:
    return [(c.endpoint, c.way) for c in trace_of(network, endpoint).candidates if c.verified]


def swarm_hash(number: str) -> bytes:
    return info_hash_of(cheap_hash(*swarm_question(number, TODAY)))


def put_into_swarm(network: Network, number: str, peer: Endpoint) -> None:
    for node in network.nodes.values():
        node._server.store.announce(swarm_hash(number), peer, network.now_s)


# --- card ------------------------------------------------------------------------------------


def test_pinned_contact_is_found_by_its_card_though_nobody_keeps_its_swarm() -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    forget_swarms(network)
    assert network.resolve(endpoints[7], number) == NumberUnresolved(number)
    network.tell(endpoints[7], PeerPinned(number, certificate.public_key))
    asked_s = network.now_s
    resolved = NumberResolved(number, certificate.encode(), (endpoints[5],))
    assert network.resolve(endpoints[7], number) == resolved
    assert network.now_s - asked_s < 0.5
    assert ways(network, endpoints[7]) == [(endpoints[5], Way.CARD)]


def test_card_is_kept_by_the_closest_nodes_and_says_nothing_to_them() -> None:
    network, endpoints = internet()
    _, certificate = claim(network, endpoints[5], OWNER)
    cards = items(network)
    assert len(cards) >= 8
    for card in cards:
        assert card.public_key != certificate.public_key
        assert len(card.value) == len("360:") + 360
        assert certificate.public_key not in card.value
        assert krpc.encode_endpoint(endpoints[5]) not in card.value


def test_card_is_renewed_before_those_who_keep_it_forget_it() -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    first = max(card.seq for card in items(network))
    network.run(5 * 3600.0)
    forget_swarms(network)
    assert max(card.seq for card in items(network)) > first
    network.tell(endpoints[7], PeerPinned(number, certificate.public_key))
    assert isinstance(network.resolve(endpoints[7], number), NumberResolved)
    assert ways(network, endpoints[7]) == [(endpoints[5], Way.CARD)]


@pytest.mark.parametrize("caller_ahead_s", [-60.0, 60.0])
def test_card_is_found_around_midnight_though_the_clocks_differ(caller_ahead_s: float) -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    for endpoint in endpoints:
        network.tell(endpoint, WallClockRead((TODAY + 1) * DAY_S))  # it was noon: clocks are set
    network.run(60.0)
    forget_swarms(network)
    caller = endpoints[7]
    network.tell(caller, WallClockRead((TODAY + 1) * DAY_S + caller_ahead_s))
    network.tell(caller, PeerPinned(number, certificate.public_key))
    assert isinstance(network.resolve(caller, number), NumberResolved)
    assert ways(network, caller) == [(endpoints[5], Way.CARD)]


def test_card_after_a_restart_with_a_slow_clock_still_replaces_the_old_one() -> None:
    network, endpoints = internet()
    claim(network, endpoints[5], OWNER)
    before = max(card.seq for card in items(network))
    network.add_directory(endpoints[5], (str(endpoints[0]),))
    network.tell(endpoints[5], WallClockRead(NOON_UTC_S - 3600.0))
    network.run(10.0)
    claim(network, endpoints[5], OWNER)
    assert max(card.seq for card in items(network)) == before + 1


def test_card_is_not_published_by_a_box_that_does_not_know_its_address() -> None:
    network = Network(seed=1)
    endpoints = [Endpoint(f"192.168.1.{i + 1}", 6881) for i in range(6)]
    for index, endpoint in enumerate(endpoints):
        network.add_directory(endpoint, (str(endpoints[0]),) if index else ())
    network.run(10.0)
    number, _ = claim(network, endpoints[3], OWNER)
    assert items(network) == []
    assert isinstance(network.resolve(endpoints[1], number), NumberResolved)


# --- last address ----------------------------------------------------------------------------


def test_last_address_is_stored_once_and_found_again_after_a_restart_without_any_node() -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    network.resolve(endpoints[7], number)
    network.run(1.0)
    (stored,) = network.said(endpoints[7], StoreState)
    assert stored.name == CONTACTS_FILE
    contacts = decode_contacts(stored.data)
    assert contacts == [LastReached(number, certificate, (endpoints[5],))]
    caller = Endpoint("81.2.69.142", 6881)
    source = random_source(3)
    network.add(caller, Directory(Node((), source), source, contacts=contacts))
    asked_s = network.now_s
    assert isinstance(network.resolve(caller, number), NumberResolved)
    assert network.now_s - asked_s < 0.05 + 4 * network.latency_s
    assert ways(network, caller) == [(endpoints[5], Way.CACHE)]
    assert network.said(caller, StoreState) == []  # no news


def test_owner_that_moved_is_found_though_the_last_address_is_silent() -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    network.resolve(endpoints[7], number)
    del network.cores[endpoints[5]]
    claim(network, endpoints[9], OWNER)
    asked_s = network.now_s
    resolved = NumberResolved(number, certificate.encode(), (endpoints[9],))
    assert network.resolve(endpoints[7], number) == resolved
    assert network.now_s - asked_s < 1.0


# --- local network ---------------------------------------------------------------------------


@dataclass
class Lan:
    """Two boxes on one cable and nothing else; what one announces the other is told."""

    network: Network
    boxes: list[Endpoint]

    def announcement(self, box: Endpoint) -> AnnounceOnLan:
        return self.network.said(box, AnnounceOnLan)[-1]

    def introduce(self, box: Endpoint, other: Endpoint) -> None:
        said = self.announcement(box)
        fact = LanNeighbourSeen(str(box), (box,), said.salt, said.tags)
        self.network.tell(other, fact)


def lan(clocks_apart_s: float = 0.0) -> Lan:
    network = Network(seed=1, latency_s=0.001)
    boxes = [Endpoint("192.168.1.7", 6881), Endpoint("192.168.1.8", 6881)]
    for box in boxes:
        network.add_directory(box, ("router.example:6881",))
    network.run(60.0)
    network.tell(boxes[1], WallClockRead(NOON_UTC_S + clocks_apart_s))
    return Lan(network, boxes)


@pytest.mark.parametrize("clocks_apart_s", [0.0, -400 * DAY_S])
def test_two_boxes_without_the_internet_find_each_other_by_number(clocks_apart_s: float) -> None:
    cable = lan(clocks_apart_s)
    network, (caller, callee) = cable.network, cable.boxes
    number, certificate = claim(network, callee, OWNER)
    cable.introduce(callee, caller)
    asked_s = network.now_s
    resolved = NumberResolved(number, certificate.encode(), (callee,))
    assert network.resolve(caller, number) == resolved
    assert network.now_s - asked_s < 0.3
    assert (callee, Way.LAN) in ways(network, caller)


def test_neighbour_that_appears_while_its_number_is_looked_up_is_found() -> None:
    cable = lan()
    network, (caller, callee) = cable.network, cable.boxes
    number, _ = claim(network, callee, OWNER)
    assert network.resolve(caller, number, limit_s=0.4) is None
    cable.introduce(callee, caller)
    network.run(0.4)
    assert network.said(caller, NumberResolved)


def test_announcement_holds_a_tag_as_soon_as_there_is_a_number_and_nothing_that_lasts() -> None:
    cable = lan()
    network, (_, callee) = cable.network, cable.boxes
    assert cable.announcement(callee).tags == ()
    number, certificate = claim(network, callee, OWNER)
    said = cable.announcement(callee)
    assert len(said.tags) == 1
    again = Network(seed=2)
    again.add_directory(callee, (), number=number, certificate=certificate)
    again.run(1.0)
    other = again.said(callee, AnnounceOnLan)[-1]
    assert other.tags != said.tags and other.salt != said.salt


def test_neighbour_that_left_is_asked_no_longer() -> None:
    cable = lan()
    network, (caller, callee) = cable.network, cable.boxes
    cable.introduce(callee, caller)
    network.tell(caller, LanNeighbourLost(str(callee)))
    number, _ = certified(OWNER)
    assert network.resolve(caller, number) == NumberUnresolved(number)


# --- who is believed -------------------------------------------------------------------------


class Relay:
    """Passes questions for a certificate on to the owner and its answers back, as its own."""

    def __init__(self, owner: Endpoint) -> None:
        self._owner = owner
        self._asked: dict[bytes, Endpoint] = {}

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        if not isinstance(fact, DatagramReceived):
            return []
        packet = krpc.decode(fact.data)
        if isinstance(packet, krpc.Query):
            self._asked[packet.transaction_id] = fact.source
            return [SendDatagram(fact.data, self._owner)]
        if packet.transaction_id not in self._asked:
            return []
        return [SendDatagram(fact.data, self._asked.pop(packet.transaction_id))]

    def on_time(self, now_s: float) -> list[Message]:
        return []

    def deadline_s(self) -> float | None:
        return None


@pytest.mark.parametrize("kind", ["copy", "relay"])
def test_liar_with_the_owners_certificate_does_not_win(kind: str) -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    liar = Endpoint("66.6.6.6", 666)
    network.add(liar, Impostor(certificate.encode()) if kind == "copy" else Relay(endpoints[5]))
    put_into_swarm(network, number, liar)
    for caller in endpoints[6:]:
        assert network.resolve(caller, number) == NumberResolved(
            number, certificate.encode(), (endpoints[5],)
        )


def test_certificate_from_somebody_else_is_believed_when_its_owner_does_not_come() -> None:
    network, endpoints = internet()
    number, certificate = certified(OWNER)
    keeper = Endpoint("66.6.6.6", 666)
    network.add(keeper, Impostor(certificate.encode()))
    put_into_swarm(network, number, keeper)
    asked_s = network.now_s
    resolved = NumberResolved(number, certificate.encode(), (keeper,))
    assert network.resolve(endpoints[7], number) == resolved
    assert network.now_s - asked_s < evidence.GRACE_S + 0.5


def test_other_key_than_the_pinned_one_is_a_conflict() -> None:
    network, endpoints = internet()
    number, _ = claim(network, endpoints[5], OWNER)
    network.tell(endpoints[7], PeerPinned(number, identity_of(55).public_key))
    asked_s = network.now_s
    assert network.resolve(endpoints[7], number) == NumberUnresolved(number, conflict=True)
    assert network.now_s - asked_s <= resolve.LIMIT_S


def test_pinned_key_wins_over_another_one_that_proves_the_number_too() -> None:
    network, endpoints = internet()
    number, certificate = claim(network, endpoints[5], OWNER)
    rival = certified(55)[1]
    proof = cheap_hash(certificate.public_key + certificate.modifier, b"fernruf number 1")

    def colliding(secret: bytes, salt: bytes) -> bytes:
        is_rival = secret == rival.public_key + rival.modifier
        return proof if is_rival else cheap_hash(secret, salt)

    network.hash_of = colliding
    network.add(Endpoint("66.6.6.6", 666), Impostor(rival.encode()))
    put_into_swarm(network, number, Endpoint("66.6.6.6", 666))
    assert network.resolve(endpoints[7], number) == NumberUnresolved(number, conflict=True)
    network.tell(endpoints[8], PeerPinned(number, certificate.public_key))
    assert network.resolve(endpoints[8], number) == NumberResolved(
        number, certificate.encode(), (endpoints[5],)
    )


def test_pin_that_is_no_key_does_not_keep_others_from_being_found() -> None:
    network, endpoints = internet(8)
    number, _ = claim(network, endpoints[5], OWNER)
    network.tell(endpoints[7], PeerPinned(number, bytes(32)))
    assert network.resolve(endpoints[7], number) == NumberUnresolved(number, conflict=True)


def test_new_number_of_a_box_replaces_the_old_one_everywhere() -> None:
    network, endpoints = internet()
    old, _ = claim(network, endpoints[5], OWNER)
    new, certificate = second_number()
    network.tell(endpoints[5], NumberClaimed(new, certificate.encode()))
    network.run(10.0)
    assert network.resolve(endpoints[7], old) == NumberUnresolved(old)
    assert isinstance(network.resolve(endpoints[7], new), NumberResolved)


def second_number() -> tuple[str, Certificate]:
    return certified(OWNER + 1)


def items(network: Network) -> list[krpc.Item]:
    """All that is kept by anybody."""
    return [
        kept.item for node in network.nodes.values() for kept in node._server.items._kept.values()
    ]
