import random
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from firmware.model import Endpoint
from firmware.overlay.dht import krpc, server
from firmware.overlay.dht.compact import decode_nodes
from firmware.overlay.dht.items import VALUE_BYTES_MAX, Item, immutable, signed
from firmware.overlay.dht.krpc import (
    AnnouncePeer,
    Answer,
    Contact,
    FindNode,
    GetCertificate,
    GetItem,
    GetPeers,
    Ping,
    PutItem,
    Question,
    Refusal,
    Response,
    SampleInfohashes,
)
from firmware.overlay.dht.rate import UNPROVED_BURST_BYTES
from firmware.overlay.dht.routing import RoutingTable
from firmware.overlay.dht.server import Server

OWN_ID = bytes(20)
ASKER = Endpoint("81.2.69.142", 6881)
ASKER_V6 = Endpoint("2a00:1450::1", 6881)
KEY = SigningKey(bytes(range(32)))
OWNER = bytes(KEY.verify_key)
HASH = b"\x07" * 20


def sign(message: bytes) -> bytes:
    return KEY.sign(message).signature


def card(seq: int, content: object = b"card", salt: bytes = b"day") -> Item:
    return signed(content, OWNER, seq, sign, salt)


class Desk:
    """A server with tables of both families, each with 20 nodes."""

    def __init__(self) -> None:
        self.server = Server(OWN_ID, random.Random(5).randbytes)
        dice = random.Random(6)
        self.tables = (RoutingTable(OWN_ID), RoutingTable(OWN_ID, is_v6=True))
        for index in range(20):
            for table, host in zip(
                self.tables, (f"90.{index}.0.1", f"2a00:{index}::1"), strict=True
            ):
                contact = Contact(dice.randbytes(20), Endpoint(host, 6881))
                assert table.answered(contact, 0.1, 0.0)

    def ask(
        self, question: Question, source: Endpoint = ASKER, now_s: float = 0.0
    ) -> Answer | Refusal:
        return self.server.answer(question, source, self.tables, now_s)

    def answer(self, question: Question, source: Endpoint = ASKER, now_s: float = 0.0) -> Answer:
        """As the asker reads it."""
        outcome = self.ask(question, source, now_s)
        assert isinstance(outcome, Answer)
        datagram = krpc.encode(Response(b"t" * 32, OWN_ID, outcome, source, krpc.VERSION))
        assert len(datagram) <= server.ANSWER_BYTES_MAX < UNPROVED_BURST_BYTES
        response = krpc.decode(datagram)
        assert isinstance(response, Response)
        return response.answer

    def code(self, question: Question, source: Endpoint = ASKER, now_s: float = 0.0) -> int:
        outcome = self.ask(question, source, now_s)
        return outcome.code if isinstance(outcome, Refusal) else 0

    def token(self, target: bytes, source: Endpoint = ASKER, now_s: float = 0.0) -> bytes:
        token = self.answer(GetItem(target), source, now_s).token
        assert token is not None
        return token

    def put(self, item: Item, cas: int | None = None, now_s: float = 0.0) -> int:
        """Code of the refusal, 0 if it was kept."""
        token = self.token(item.target, now_s=now_s)
        return self.code(PutItem(item, token, cas), now_s=now_s)


def families(answer: Answer) -> tuple[int, int]:
    hosts = [node.endpoint.host for node in answer.nodes or ()]
    return sum(":" not in host for host in hosts), sum(":" in host for host in hosts)


@pytest.mark.parametrize(
    "search", [FindNode(HASH), GetPeers(HASH), GetItem(HASH), SampleInfohashes(HASH)]
)
def test_server_tells_nodes_of_the_families_that_are_wanted_or_that_asked(
    search: FindNode | GetPeers | GetItem | SampleInfohashes,
) -> None:
    desk = Desk()
    assert families(desk.answer(search)) == (8, 0)
    assert families(desk.answer(search, ASKER_V6)) == (0, 8)
    for source in (ASKER, ASKER_V6):
        assert families(desk.answer(replace(search, want=(b"n4", b"n6")), source)) == (8, 8)
        assert families(desk.answer(replace(search, want=(b"n6",)), source)) == (0, 8)
        assert families(desk.answer(replace(search, want=(b"n4",)), source)) == (8, 0)


def test_server_says_that_it_knows_nobody_of_a_wanted_family() -> None:
    desk = Desk()
    desk.tables = (RoutingTable(OWN_ID), RoutingTable(OWN_ID, is_v6=True))
    outcome = desk.ask(FindNode(HASH, (b"n4", b"n6")))
    assert isinstance(outcome, Answer)
    body = krpc.encode(Response(b"t", OWN_ID, outcome))
    assert b"5:nodes0:6:nodes60:" in body
    assert decode_nodes(b"", b"") == ()


def test_server_unknown_target_is_answered_with_nodes_and_a_token() -> None:
    answer = Desk().answer(GetItem(HASH))
    assert answer.item is None
    assert answer.seq is None
    assert answer.token is not None
    assert families(answer) == (8, 0)


def test_server_keeps_an_immutable_item_and_hands_it_out() -> None:
    desk = Desk()
    item = immutable({b"b": [1, b"x"], b"a": -3})
    assert desk.put(item) == 0
    answer = desk.answer(GetItem(item.target))
    assert answer.item == item
    assert desk.answer(GetItem(item.target, seq=5)).item == item  # it has no number to compare


def test_server_keeps_a_mutable_item_and_hands_it_out_without_its_salt() -> None:
    desk = Desk()
    assert desk.put(card(3)) == 0
    answer = desk.answer(GetItem(card(3).target, seq=0))
    assert answer.item == replace(card(3), salt=b"")


def test_server_item_that_is_not_newer_than_asked_for_is_left_out() -> None:
    desk = Desk()
    desk.put(card(3))
    target = card(3).target
    assert desk.answer(GetItem(target, seq=2)).item is not None
    for seq in (3, 4):
        answer = desk.answer(GetItem(target, seq=seq))
        assert (answer.item, answer.seq) == (None, 3)
        assert answer.token is not None
        assert answer.nodes


def test_server_refuses_what_bep44_forbids_with_its_codes() -> None:
    desk = Desk()
    assert desk.put(card(3)) == 0
    assert desk.put(card(2)) == krpc.ERROR_SEQ_TOO_LOW
    assert desk.put(card(3, b"another")) == krpc.ERROR_SEQ_TOO_LOW
    assert desk.put(card(3)) == 0
    assert desk.put(card(4), cas=2) == krpc.ERROR_CAS_MISMATCH
    assert desk.put(replace(card(4), signature=bytes(64))) == krpc.ERROR_SIGNATURE
    assert desk.put(replace(card(4), seq=5)) == krpc.ERROR_SIGNATURE
    assert desk.put(card(4), cas=3) == 0


def test_server_put_needs_the_token_of_its_own_target_address_and_time() -> None:
    desk = Desk()
    item = card(1)
    other = desk.token(HASH)
    foreign = desk.token(item.target, Endpoint("81.2.69.1", 6881))
    for token in (other, foreign, b"x", b"t" * 64):
        assert desk.code(PutItem(item, token)) == krpc.ERROR_PROTOCOL
    token = desk.token(item.target)
    assert desk.code(PutItem(item, token), Endpoint(ASKER.host, 1), now_s=599.0) == 0
    assert desk.code(PutItem(item, token), now_s=600.0) == krpc.ERROR_PROTOCOL


def test_server_put_with_a_bad_token_costs_no_signature_check() -> None:
    desk = Desk()
    broken = replace(card(1), signature=bytes(64))
    assert desk.code(PutItem(broken, b"x")) == krpc.ERROR_PROTOCOL


def test_server_largest_item_still_fits_one_datagram_beside_the_nodes() -> None:
    desk = Desk()
    item = card(2**63 - 1, bytes(VALUE_BYTES_MAX - 4), salt=b"s" * 64)
    assert desk.put(item) == 0
    for source, shown in ((ASKER, (4, 0)), (ASKER_V6, (0, 4))):
        answer = desk.answer(GetItem(item.target, seq=0, want=(b"n4", b"n6")), source)
        assert answer.item is not None
        assert families(answer) == shown


def test_server_full_store_is_a_server_error() -> None:
    desk = Desk()
    codes = [desk.put(immutable(index)) for index in range(40)]
    assert codes == [0] * 32 + [krpc.ERROR_SERVER] * 8
    assert desk.put(immutable(99), now_s=7200.0) == 0


def test_server_samples_are_a_changing_part_of_the_hashes_it_keeps() -> None:
    desk = Desk()
    assert desk.answer(SampleInfohashes(HASH)).samples == krpc.Samples((), 0, 300)
    kept = [bytes([index]) * 20 for index in range(50)]
    for info_hash in kept:
        token = desk.token(info_hash)
        assert desk.code(AnnouncePeer(info_hash, 1, token)) == 0
    shown = [desk.answer(SampleInfohashes(HASH), now_s=now_s).samples for now_s in (300, 400, 600)]
    first, same, other = shown
    assert first is not None
    assert same is not None
    assert other is not None
    assert (first.count, len(first.info_hashes), first.interval_s) == (50, 20, 300)
    assert (same.info_hashes, same.interval_s) == (first.info_hashes, 200)
    assert set(first.info_hashes) <= set(kept)
    assert other.info_hashes != first.info_hashes
    late = desk.answer(SampleInfohashes(HASH), now_s=1801.0).samples
    assert late == krpc.Samples((), 0, server.SAMPLES_INTERVAL_S)


def test_server_answers_a_ping_and_knows_nothing_of_certificates() -> None:
    desk = Desk()
    assert desk.ask(Ping()) == Answer()
    assert desk.code(GetCertificate(HASH)) == krpc.ERROR_METHOD_UNKNOWN


def test_server_tells_private_nodes_and_peers_to_their_own_scope_only() -> None:
    desk = Desk()
    inside = Endpoint("192.168.0.9", 6881)
    table = RoutingTable(OWN_ID)
    table.answered(Contact(b"\x10" * 20, inside), 0.1, 0.0)
    desk.tables = (table, desk.tables[1])
    token = desk.token(HASH, inside)
    assert desk.code(AnnouncePeer(HASH, 5, token), inside) == 0
    outside = desk.answer(GetPeers(HASH))
    assert (outside.nodes, outside.peers) == ((), ())
    told = desk.answer(GetPeers(HASH), Endpoint("192.168.0.2", 1))
    assert told.peers == (Endpoint("192.168.0.9", 5),)
    assert told.nodes == (Contact(b"\x10" * 20, inside),)


def test_server_whose_last_item_has_expired_is_as_small_as_a_new_one() -> None:
    server, item = Server(bytes(20), random.Random(1).randbytes), immutable(b"text")
    owner = Endpoint("198.51.100.1", 6881)
    token = server.answer(GetPeers(item.target), owner, (), 0.0)
    assert isinstance(token, Answer) and token.token is not None
    assert server.answer(PutItem(item, token.token), owner, (), 1.0) == Answer()
    assert server.item(item.target, 2.0) == item
    server.expire(10_000.0)
    assert server.item(item.target, 10_000.0) is None
    assert server._items is None and server._store is None
