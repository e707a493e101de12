"""Contacts whose cards are read again before anybody calls them."""

from __future__ import annotations

from firmware.events import Message, NumberResolved, PeerPinned, SendDatagram, StoreState
from firmware.identity import Certificate
from firmware.model import Endpoint
from firmware.overlay.contacts import CONTACTS_FILE, LastReached, decode_contacts
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from firmware.overlay.warm import WARM_S
from tests.overlay.network import Network, certified, claim, random_source

HEADERS_BYTES = 28  # IPv4 and UDP
IDLE_MAX_BITS_PER_S = 200
OWNER = 99  # seed of the identity of the contact
CALLER, OLD, NEW = 7, 5, 9  # boxes


def internet(size: int = 16) -> tuple[Network, list[Endpoint]]:
    network = Network(seed=1)
    boxes = [Endpoint(f"{20 + i}.7.1.9", 6881) for i in range(size)]
    for index, box in enumerate(boxes):
        network.add_directory(box, (str(boxes[0]),) if index else ())
        network.run(0.2)
    network.run(30.0)
    return network, boxes


def acquainted() -> tuple[Network, list[Endpoint], str, Certificate]:
    """CALLER has reached the owner at OLD, and nothing of that is news any more."""
    network, boxes = internet()
    number, certificate = claim(network, boxes[OLD], OWNER)
    assert isinstance(network.resolve(boxes[CALLER], number), NumberResolved)
    network.answers[boxes[CALLER]].clear()
    return network, boxes, number, certificate


def move(network: Network, boxes: list[Endpoint]) -> None:
    """The owner goes from OLD to NEW, and two hours pass."""
    del network.cores[boxes[OLD]]
    claim(network, boxes[NEW], OWNER)
    network.run(4 * WARM_S)


def test_contact_that_moved_is_called_at_its_new_place_at_once() -> None:
    network, boxes, number, certificate = acquainted()
    network.tell(boxes[CALLER], PeerPinned(number, certificate.public_key))
    move(network, boxes)
    (stored,) = network.said(boxes[CALLER], StoreState)
    assert stored.name == CONTACTS_FILE
    there = (boxes[NEW],)
    assert decode_contacts(stored.data) == [LastReached(number, certificate, there)]
    asked_s = network.now_s
    resolved = network.resolve(boxes[CALLER], number)
    assert resolved == NumberResolved(number, certificate.encode(), there)
    assert network.now_s == asked_s


def test_contact_that_nobody_pinned_is_not_read_again() -> None:
    network, boxes, _, _ = acquainted()
    move(network, boxes)
    assert network.said(boxes[CALLER], StoreState) == []


def test_contact_whose_card_is_gone_is_still_known_where_it_was() -> None:
    network, boxes, number, certificate = acquainted()
    network.tell(boxes[CALLER], PeerPinned(number, certificate.public_key))
    del network.cores[boxes[OLD]]
    network.run(6 * WARM_S)
    assert network.said(boxes[CALLER], StoreState) == []
    resolved = network.resolve(boxes[CALLER], number)
    assert resolved == NumberResolved(number, certificate.encode(), (boxes[OLD],))


class Meter:
    """A directory, and what it sends."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.bytes = 0

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        return self._read(self._directory.handle(fact, now_s))

    def on_time(self, now_s: float) -> list[Message]:
        return self._read(self._directory.on_time(now_s))

    def deadline_s(self) -> float | None:
        return self._directory.deadline_s()

    def _read(self, messages: list[Message]) -> list[Message]:
        sizes = [len(m.data) + HEADERS_BYTES for m in messages if isinstance(m, SendDatagram)]
        self.bytes += sum(sizes)
        return messages


def test_box_at_rest_with_many_contacts_sends_less_than_200_bits_a_second() -> None:
    network, boxes = internet(24)
    contacts = [LastReached(*certified(seed), (boxes[1],)) for seed in range(20)]
    pins = {contact.number: contact.certificate.public_key for contact in contacts}
    source = random_source(3)
    node = Node((str(boxes[0]),), source)
    meter = Meter(Directory(node, source, pins=pins, contacts=contacts))
    network.add(Endpoint("81.2.69.142", 6881), meter)
    network.run(600.0)
    meter.bytes = 0
    network.run(4 * 3600.0)
    assert node.nodes > 20
    assert 0 < 8 * meter.bytes / (4 * 3600.0) <= IDLE_MAX_BITS_PER_S
