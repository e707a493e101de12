"""How many announcements an exchange makes at a time, and of whom it hears by them."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from firmware.channel import Keep
from firmware.events import SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.facts import Answered, LookupEnded, PeersSeen
from firmware.overlay.dht.krpc import Answer, Contact, GetPeers, Query
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.routing import RoutingTable
from firmware.overlay.exchange.announcer import (
    AT_ONCE_MAX,
    LOOKUP_S,
    OTHERS_MAX,
    REANNOUNCE_S,
    Announcer,
)
from firmware.overlay.lease import Outcome
from firmware.overlay.shards import shard_hash, shard_of
from tests.overlay.dht.talk import reply
from tests.overlay.exchange.office import HASH, Office

HOLDER = Contact(b"\x55" * 20, Endpoint("192.0.2.1", 6881))


def info_hash(i: int) -> bytes:
    return i.to_bytes(20, "big")


def place(i: int) -> Endpoint:
    return Endpoint(f"203.0.{i >> 8}.{i & 255}", 6881)


class Newsroom:
    """An announcer whose node knows one other, who keeps what it is told; virtual time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        source = random.Random(4).randbytes
        self.node = Node((), source)
        table = RoutingTable(self.node.node_id)
        assert table.answered(HOLDER, 0.1, self.now_s)
        self.node.adopt(table)
        self.announcer = Announcer(self.node, source)
        self.begun: set[bytes] = set()  # info-hashes that were looked for
        self._asked: list[Query] = []  # and not answered yet

    def advance(self) -> None:
        self.announcer.advance(self.now_s)
        self._take(self.node.drain())

    def answer(self) -> None:
        """The other one answers what it was asked."""
        asked, self._asked = self._asked, []
        for query in asked:
            self._take(reply(self.node, query, HOLDER, Answer(token=b"token"), self.now_s))

    def _take(self, messages: Iterable[object]) -> None:
        for message in messages:
            if isinstance(message, SendDatagram):
                packet = krpc.decode(message.data)
                assert isinstance(packet, Query)
                self._asked.append(packet)
                if isinstance(packet.question, GetPeers):
                    self.begun.add(packet.question.info_hash)
            elif isinstance(message, Answered | LookupEnded):
                self.announcer.hear(message, self.now_s)


@pytest.mark.parametrize("wanted", [AT_ONCE_MAX, AT_ONCE_MAX + 1])
def test_so_many_announcements_are_under_way_and_the_one_more_follows(wanted: int) -> None:
    newsroom = Newsroom()
    for i in range(wanted):
        newsroom.announcer.want(info_hash(i), newsroom.now_s)
    newsroom.advance()
    assert newsroom.begun == {info_hash(i) for i in range(AT_ONCE_MAX)}
    assert newsroom.announcer.deadline_s() is None  # nobody is asked to wake us in vain
    newsroom.answer()  # here is a token
    newsroom.advance()
    newsroom.answer()  # it is announced
    newsroom.advance()
    assert newsroom.begun == {info_hash(i) for i in range(wanted)}
    assert newsroom.announcer.announced == AT_ONCE_MAX


def test_exchange_with_more_boxes_than_that_announces_as_many_at_once_as_it_takes() -> None:
    newsroom = Newsroom()
    wanted = round((AT_ONCE_MAX + 2) * REANNOUNCE_S / LOOKUP_S)
    for i in range(wanted):
        newsroom.announcer.want(info_hash(i), newsroom.now_s)
    newsroom.advance()
    assert len(newsroom.begun) == AT_ONCE_MAX + 2


def test_latest_of_the_others_who_announced_the_same_are_remembered_and_no_more() -> None:
    newsroom = Newsroom()
    newsroom.announcer.want(info_hash(1), newsroom.now_s, others=True)
    newsroom.announcer.want(info_hash(2), newsroom.now_s)
    newsroom.announcer.advance(newsroom.now_s)
    shared, own = sorted(newsroom.announcer._by_handle)
    others = tuple(place(i) for i in range(OTHERS_MAX + 1))
    newsroom.announcer.hear(PeersSeen(own, (place(999),)), newsroom.now_s)
    newsroom.announcer.hear(PeersSeen(shared, others[:OTHERS_MAX]), newsroom.now_s)
    assert tuple(newsroom.announcer.others) == others[:OTHERS_MAX]
    newsroom.announcer.hear(PeersSeen(shared, others), newsroom.now_s)
    assert tuple(newsroom.announcer.others) == others[1:]


def test_box_that_registers_under_the_hash_of_the_exchange_and_goes_takes_it_out_of_no_swarm() -> (
    None
):
    office = Office()
    own_hash = shard_hash(shard_of(office.exchange.public_key))
    office.exchange.publish(office.now_s)
    person = office.person(1)
    for hashes in ((HASH, own_hash), (own_hash,)):
        assert office.register(person, hashes) is Outcome.REGISTERED
        office.send(Keep(person.registration_id, 0, is_last=True), person.endpoint)
        assert set(office.exchange._announcer._wanted) == {own_hash}


def test_hash_that_is_given_up_is_no_longer_one_that_others_share() -> None:
    newsroom = Newsroom()
    for i in range(100):
        newsroom.announcer.want(info_hash(i), newsroom.now_s, others=True)
        newsroom.announcer.leave(info_hash(i), others=True)
    newsroom.announcer.want(info_hash(1), newsroom.now_s)
    newsroom.announcer.advance(newsroom.now_s)
    (handle,) = newsroom.announcer._by_handle
    newsroom.announcer.hear(PeersSeen(handle, (place(1),)), newsroom.now_s)
    assert not newsroom.announcer.others
