"""Which id a node has: one that fits its address, as others see it (BEP 42)."""

from __future__ import annotations

import random

from firmware.events import Started
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.acquaintances import KnownNodes
from firmware.overlay.dht.external import VOTES_NEEDED
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.krpc import Answer, Contact, FindNode, Ping, Query
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.node_id import fits_address
from tests.overlay.dht.talk import PEER_ID, new_node, reply, sent
from tests.overlay.network import random_source

OUTSIDE = Endpoint("90.1.2.3", 7777)  # where others see us
PAST = KnownNodes(b"\x01" * 20, b"\x01" * 20, ())  # an earlier run

Packets = list[tuple[krpc.Packet, Endpoint]]


def told_by(
    node: Node, asked: Packets, index: int, observed: Endpoint, nodes: tuple[Contact, ...] = ()
) -> Packets:
    """The node at 81.INDEX.0.1 answers what it was asked: `nodes`, and that we are `observed`."""
    who = Contact(random.Random(index).randbytes(20), Endpoint(f"81.{index}.0.1", 1))
    said: list[object] = []
    for packet in [packet for packet, to in asked if to == who.endpoint]:
        assert isinstance(packet, Query)
        said += reply(node, packet, who, Answer(nodes), 0.1, observed)
    return sent(said)


def test_node_takes_an_id_that_fits_its_address_when_enough_others_agree() -> None:
    node = new_node()
    before = node.node_id
    assert not fits_address(before, OUTSIDE.host)
    for index in range(VOTES_NEEDED):
        assert node.node_id == before
        who = Contact(random.Random(index).randbytes(20), Endpoint(f"81.{index}.0.1", 1))
        handle = node.ask(Ping(), who.endpoint, 0.0)
        packets = [p for p, to in sent([*node.drain()]) if to == who.endpoint]
        for packet in packets:
            if isinstance(packet, Query) and packet.question == Ping():
                said = reply(node, packet, who, Answer(), 0.1, OUTSIDE)
                assert Answered(handle, who.endpoint, Answer(), None, OUTSIDE) in said
    assert fits_address(node.node_id, OUTSIDE.host)
    assert node.port == 7777
    assert node.nodes > 0


def test_newcomer_begins_with_an_id_for_the_first_address_it_is_told() -> None:
    node = new_node("81.1.0.1:1", "81.2.0.1:1")
    asked = sent([*node.handle(Started(), 0.0)])
    told = [told_by(node, asked, index, OUTSIDE) for index in (1, 2)]
    assert fits_address(node.node_id, OUTSIDE.host)
    # The search begins anew, of the other entry point too: the first may be good for nothing.
    targets = {(to.host, packet.question) for packet, to in told[0] if isinstance(packet, Query)}
    assert targets == {(f"81.{index}.0.1", FindNode(node.node_id)) for index in (1, 2)}


def test_newcomer_that_is_lied_to_follows_when_enough_others_agree() -> None:
    entries = [f"81.{index}.0.1:1" for index in range(1, 2 + VOTES_NEEDED)]
    node = new_node(*entries)
    asked = sent([*node.handle(Started(), 0.0)])
    told_by(node, asked, 1, Endpoint("66.6.6.6", 7777))
    assert fits_address(node.node_id, "66.6.6.6")
    for index in range(2, 2 + VOTES_NEEDED):
        assert not fits_address(node.node_id, OUTSIDE.host)
        asked += told_by(node, asked, index, OUTSIDE)
    assert fits_address(node.node_id, OUTSIDE.host)


def test_node_with_an_id_of_an_earlier_run_is_not_moved_by_one_vote() -> None:
    node = Node(("81.1.0.1:1",), random_source(8), known=PAST)
    told_by(node, sent([*node.handle(Started(), 0.0)]), 1, OUTSIDE)
    assert node.node_id == PAST.own_id


def test_node_believes_no_vote_of_one_address_or_of_a_local_one() -> None:
    node = Node((), random_source(8), known=PAST)
    before = node.node_id
    for index in range(20):
        host = "81.2.69.142" if index % 2 else f"192.168.0.{index}"
        who = Contact(PEER_ID, Endpoint(host, 1000 + index))
        node.ask(Ping(), who.endpoint, 0.0)
        for packet, to in sent([*node.drain()]):
            if isinstance(packet, Query) and to == who.endpoint:
                reply(node, packet, who, Answer(), 0.1, Endpoint("90.1.2.3", 7))
    assert node.node_id == before


def test_who_was_named_and_asked_in_vain_is_not_asked_again_under_the_new_id() -> None:
    entries = [f"81.{index}.0.1:1" for index in range(1, 1 + VOTES_NEEDED)]
    node = Node(tuple(entries), random_source(8), known=PAST)
    victim = Contact(PEER_ID, Endpoint("93.184.1.7", 80))
    asked = sent([*node.handle(Started(), 0.0)])
    said: Packets = []
    for index in range(1, 1 + VOTES_NEEDED):
        said += told_by(node, asked, index, OUTSIDE, (victim,))
    assert fits_address(node.node_id, OUTSIDE.host)
    looks = FindNode(node.node_id)
    again = [
        (packet, to)
        for packet, to in said
        if isinstance(packet, Query) and packet.question == looks
    ]
    assert len(again) == VOTES_NEEDED  # the entry points
    for index in range(1, 1 + VOTES_NEEDED):
        said += told_by(node, [*again], index, OUTSIDE, (victim,))
    assert [to for _, to in said].count(victim.endpoint) == 1
