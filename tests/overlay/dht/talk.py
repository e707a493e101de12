"""Talking to one node, datagram by datagram."""

from __future__ import annotations

from firmware.events import DatagramReceived, SendDatagram
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.krpc import (
    Answer,
    Contact,
    Error,
    Ping,
    Query,
    Question,
    Response,
)
from firmware.overlay.dht.node import Node
from tests.overlay.network import random_source

PEER = Endpoint("81.2.69.142", 6881)
PEER_ID = b"\x42" * 20


def new_node(*entries: str, read_only: bool = False) -> Node:
    return Node(entries, random_source(8), read_only=read_only)


def sent(messages: list[object]) -> list[tuple[krpc.Packet, Endpoint]]:
    return [(krpc.decode(m.data), m.to) for m in messages if isinstance(m, SendDatagram)]


def ask(
    node: Node,
    question: Question,
    source: Endpoint = PEER,
    *,
    read_only: bool = True,
    now_s: float = 5.0,
) -> Response | Error | None:
    """What `node` answers; the asker is read-only so that it is not pinged back."""
    query = Query(b"tt", PEER_ID, question, read_only)
    for packet, to in sent([*node.handle(DatagramReceived(krpc.encode(query), source), now_s)]):
        if isinstance(packet, Response | Error):
            assert (packet.transaction_id, to) == (b"tt", source)
            return packet
    return None


def acquaint(node: Node, contact: Contact, now_s: float = 0.0) -> None:
    """Let `contact` ask and answer the ping that follows."""
    query = krpc.encode(Query(b"tt", contact.node_id, Ping()))
    for packet, to in sent([*node.handle(DatagramReceived(query, contact.endpoint), now_s)]):
        if isinstance(packet, Query) and to == contact.endpoint:
            reply(node, packet, contact, Answer(), now_s)


def reply(
    node: Node,
    query: Query,
    who: Contact,
    answer: Answer,
    now_s: float,
    observed: Endpoint | None = None,
) -> list[object]:
    data = krpc.encode(Response(query.transaction_id, who.node_id, answer, observed))
    return [*node.handle(DatagramReceived(data, who.endpoint), now_s)]
