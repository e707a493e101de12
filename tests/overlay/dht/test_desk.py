import random
from collections import Counter

import pytest

from firmware.model import Endpoint
from firmware.overlay.dht import bencode, krpc, rate
from firmware.overlay.dht.desk import PING_BYTES_MAX, Desk
from firmware.overlay.dht.items import immutable
from firmware.overlay.dht.krpc import (
    AnnouncePeer,
    Answer,
    BadQuery,
    Contact,
    Error,
    FindNode,
    GetCertificate,
    GetItem,
    GetPeers,
    Ping,
    PutItem,
    Query,
    Question,
    Refusal,
    Response,
    SampleInfohashes,
)
from firmware.overlay.dht.routing import RoutingTable

OWN_ID = bytes(20)
STRANGER_ID = b"\x42" * 20
STRANGER = Endpoint("81.2.69.142", 6881)
HASH = b"\x07" * 20


class Office:
    """A desk with a table of 20 nodes, and what it says."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.counters: Counter[str] = Counter()
        self.desk = Desk(OWN_ID, random.Random(3).randbytes, self.counters, read_only=read_only)
        self.table = RoutingTable(OWN_ID)
        dice = random.Random(4)
        for index in range(20):
            contact = Contact(dice.randbytes(20), Endpoint(f"90.{index}.0.1", 6881))
            assert self.table.answered(contact, 0.1, 0.0)

    def ask(
        self, question: Question, source: Endpoint = STRANGER, now_s: float = 0.0
    ) -> krpc.Packet | None:
        data = self.raw(Query(b"tt", STRANGER_ID, question, read_only=True), source, now_s)
        return None if data is None else krpc.decode(data)

    def raw(
        self, query: Query | BadQuery, source: Endpoint = STRANGER, now_s: float = 0.0
    ) -> bytes | None:
        return self.desk.reply(query, source, OWN_ID, (self.table,), now_s)

    def token(self, target: bytes, source: Endpoint = STRANGER, now_s: float = 0.0) -> bytes:
        response = self.ask(GetItem(target), source, now_s)
        assert isinstance(response, Response)
        assert response.answer.token is not None
        return response.answer.token


def test_desk_answers_with_our_id_our_version_and_the_address_of_the_asker() -> None:
    response = Office().ask(Ping())
    assert response == Response(b"tt", OWN_ID, Answer(), STRANGER, krpc.VERSION)


def test_desk_read_only_answers_handlers_only_and_the_rest_again_when_it_is_no_longer() -> None:
    office = Office(read_only=True)
    office.desk.serve(
        GetCertificate, lambda question, source, now_s: Answer(certificate=b"c" * 150)
    )
    assert isinstance(office.ask(GetCertificate(HASH)), Response)
    assert office.ask(Ping()) is None
    assert office.raw(BadQuery(b"tt", 203)) is None
    office.desk.read_only = False
    assert isinstance(office.ask(Ping()), Response)


def test_desk_query_under_our_own_id_is_dropped_and_counted() -> None:
    office = Office()
    assert office.raw(Query(b"tt", OWN_ID, Ping())) is None
    assert office.counters == {"own_id": 1}


@pytest.mark.parametrize("code", sorted(krpc.ERROR_TEXTS))
def test_desk_bad_query_is_refused_with_its_code_and_counted(code: int) -> None:
    office = Office()
    data = office.raw(BadQuery(b"tt", code))
    assert data is not None
    assert krpc.decode(data) == Error(b"tt", code, krpc.ERROR_TEXTS[code], krpc.VERSION)
    assert office.counters == {f"refused_{code}": 1}


def test_desk_refusal_of_a_handler_is_an_error() -> None:
    office = Office()
    office.desk.serve(GetCertificate, lambda question, source, now_s: Refusal(201, "Not My Number"))
    assert office.ask(GetCertificate(HASH)) == Error(b"tt", 201, "Not My Number", krpc.VERSION)


def largest(office: Office) -> list[Question]:
    """Questions with the longest answers, each with something to find."""
    item = immutable(bytes(996))
    token = office.token(item.target, Endpoint("85.0.0.1", 1))
    put = office.ask(PutItem(item, token), Endpoint("85.0.0.1", 1))
    assert isinstance(put, Response)
    for index in range(100):
        source = Endpoint(f"86.{index}.0.1", 1)
        token = office.token(HASH, source, now_s=index / 10)
        office.ask(AnnouncePeer(HASH, 5, token), source, now_s=index / 10)
    want = (b"n4", b"n6")
    return [
        GetItem(item.target, want=want),
        GetPeers(HASH, want),
        FindNode(HASH, want),
        SampleInfohashes(HASH, want),
    ]


@pytest.mark.parametrize("kind", range(4))
def test_desk_address_without_proof_gets_at_most_two_kilobytes_a_second_whatever_it_asks(
    kind: int,
) -> None:
    office = Office()
    question = largest(office)[kind]
    sent_s: list[tuple[float, int]] = []
    for step in range(1000):
        now_s = 100.0 + step / 100
        data = office.raw(Query(b"tt", STRANGER_ID, question), STRANGER, now_s)
        sent_s.append((now_s, 0 if data is None else len(data)))
        if office.desk.may_ping(STRANGER, now_s):
            sent_s.append((now_s, 2 * PING_BYTES_MAX))
    for start_s in range(100, 110):
        assert sum(size for at_s, size in sent_s if start_s <= at_s < start_s + 1) <= 2000
    assert sum(size for _, size in sent_s) <= 2000 + 10 * rate.UNPROVED_BYTES_PER_S
    assert office.counters["unproved_limited"] > 0


@pytest.mark.parametrize("way", ["answer", "announce", "put"])
def test_desk_address_that_has_proved_itself_is_answered_up_to_the_rate_of_answers(
    way: str,
) -> None:
    office = Office()
    item = immutable(bytes(996))
    if way == "answer":
        office.desk.proved(STRANGER, 0.0)
    elif way == "announce":
        office.ask(AnnouncePeer(HASH, 5, office.token(HASH)))
    else:
        office.ask(PutItem(item, office.token(item.target)))
    answers = [office.ask(GetPeers(HASH), now_s=60.0) for _ in range(100)]
    assert sum(answer is not None for answer in answers) == rate.ANSWERS_BURST
    assert office.counters == {"rate_limited": 100 - rate.ANSWERS_BURST}


def test_desk_wrong_token_proves_nothing() -> None:
    office = Office()
    for _ in range(5):
        office.ask(AnnouncePeer(HASH, 5, b"guessed!"))
    answers = [office.ask(GetPeers(HASH)) for _ in range(20)]
    assert sum(answer is not None for answer in answers) < 6
    assert office.counters["refused_203"] == 5


def test_desk_flood_from_forged_addresses_is_bounded_as_a_whole() -> None:
    office = Office()
    sent = 0
    for index in range(20_000):
        source = Endpoint(f"{20 + index // 5000}.{index % 250}.{index // 250 % 250}.1", 5)
        now_s = 10.0 + index / 10_000
        sent += len(office.raw(Query(b"tt", STRANGER_ID, GetPeers(HASH)), source, now_s) or b"")
    assert sent <= rate.ALL_UNPROVED_BURST_BYTES + 2 * rate.ALL_UNPROVED_BYTES_PER_S
    friend = Endpoint("99.9.9.9", 9)
    office.desk.proved(friend, 0.0)
    assert office.ask(Ping(), friend, now_s=12.1) is not None


def test_desk_ping_of_ours_is_not_longer_than_it_is_counted_for() -> None:
    ping = Query(b"t" * 4, OWN_ID, Ping(), read_only=True, version=krpc.VERSION)
    assert len(krpc.encode(ping)) <= PING_BYTES_MAX


def test_desk_hostile_arguments_are_answered_or_dropped_never_raised() -> None:
    dice = random.Random(9)
    values: tuple[object, ...] = (
        b"",
        b"x" * 20,
        b"x" * 2000,
        -1,
        0,
        2**70,
        [],
        [[b"n4"]],
        {},
        {b"a": 1},
    )
    keys = b"id target info_hash token port implied_port v k seq sig salt cas want".split()
    methods = (b"ping", b"find_node", b"get_peers", b"announce_peer", b"get", b"put", b"", b"vote")
    office = Office()
    for round_ in range(3000):
        arguments = {key: dice.choice(values) for key in keys if dice.random() < 0.7}
        if dice.random() < 0.8:
            arguments[b"id"] = STRANGER_ID
        message: dict[bytes, object] = {b"t": b"aa", b"y": b"q", b"q": dice.choice(methods)}
        data = bencode.encode(message | {b"a": arguments})
        if len(data) > 2048:
            continue
        packet = krpc.decode(data)
        assert isinstance(packet, Query | BadQuery), f"seed 9, round {round_}"
        office.raw(packet, Endpoint(f"81.0.{round_ // 200}.{round_ % 200}", 1), round_ / 10)
    assert office.counters["refused_203"] > 100
