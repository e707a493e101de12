import json
from pathlib import Path

import pytest

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.dht import bencode
from firmware.overlay.dht.compact import pack_nodes
from firmware.overlay.dht.krpc import (
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    ERROR_SALT_TOO_BIG,
    ERROR_VALUE_TOO_BIG,
    AnnouncePeer,
    Answer,
    BadQuery,
    Contact,
    Error,
    FindNode,
    GetCertificate,
    GetItem,
    GetPeers,
    Item,
    PackedNodes,
    Ping,
    PutItem,
    Query,
    Response,
    SampleInfohashes,
    Samples,
    decode,
    decode_endpoint,
    encode,
    encode_endpoint,
)
from tests.overlay.fuzz import survives

BEP5 = json.loads((Path(__file__).parents[2] / "vectors" / "bep5.json").read_text())["messages"]
ASKER = b"abcdefghij0123456789"
TARGET = b"mnopqrstuvwxyz123456"
TOKEN = b"aoeusnth"

EXAMPLES: dict[str, Query | Response | Error] = {
    "error": Error(b"aa", 201, "A Generic Error Ocurred"),
    "ping_q": Query(b"aa", ASKER, Ping()),
    "ping_r": Response(b"aa", TARGET, Answer()),
    "find_node_q": Query(b"aa", ASKER, FindNode(TARGET)),
    "get_peers_q": Query(b"aa", ASKER, GetPeers(TARGET)),
    "get_peers_r_peers": Response(
        b"aa",
        ASKER,
        Answer(
            peers=(Endpoint("97.120.106.101", 0x2E75), Endpoint("105.100.104.116", 0x6E6D)),
            token=TOKEN,
        ),
    ),
    "announce_peer_q": Query(b"aa", ASKER, AnnouncePeer(TARGET, 6881, TOKEN, implied_port=True)),
    "announce_peer_r": Response(b"aa", TARGET, Answer()),
}
NODES = (
    Contact(b"\x01" * 20, Endpoint("192.0.2.1", 6881)),
    Contact(b"\x02" * 20, Endpoint("2001:db8::2", 6882)),
)
BLOB = Item(b"d1:ai1e1:blee")
SIGNED = Item(b"5:hello", b"k" * 32, 7, b"", b"s" * 64)
SALTED = Item(b"5:hello", b"k" * 32, 2**63 - 1, b"salt", b"s" * 64)
OURS: list[Query | Response | Error] = [
    Query(b"\x00\x01", ASKER, GetCertificate(TARGET), version=b"FR\x00\x01"),
    Query(b"1", ASKER, FindNode(TARGET, (b"n4", b"n6")), read_only=True),
    Query(b"1", ASKER, GetPeers(TARGET, (b"n6",))),
    Query(b"1", ASKER, AnnouncePeer(TARGET, 1, b"t")),
    Response(b"\xff" * 4, TARGET, Answer(nodes=NODES, token=TOKEN), Endpoint("192.0.2.7", 5000)),
    Response(b"3", TARGET, Answer(registration=bytes(59), tls_port=443, utc_s=1_800_000_000)),
    Response(b"2", TARGET, Answer(nodes=()), Endpoint("2001:db8::7", 5000), b"FR\x00\x01"),
    Response(b"2", TARGET, Answer(peers=(NODES[0].endpoint, NODES[1].endpoint))),
    Response(b"2", TARGET, Answer(certificate=b"c" * 194)),
    Error(b"2", 203, "Bad Token"),
    Query(b"1", ASKER, GetItem(TARGET)),
    Query(b"1", ASKER, GetItem(TARGET, 0, (b"n4", b"n6"))),
    Query(b"1", ASKER, PutItem(BLOB, TOKEN)),
    Query(b"1", ASKER, PutItem(SIGNED, TOKEN)),
    Query(b"1", ASKER, PutItem(SALTED, TOKEN)),
    Query(b"1", ASKER, PutItem(SALTED, TOKEN, cas=6)),
    Query(b"1", ASKER, SampleInfohashes(TARGET, (b"n6",))),
    Response(b"2", TARGET, Answer(nodes=(), token=TOKEN, item=BLOB)),
    Response(b"2", TARGET, Answer(nodes=NODES, token=TOKEN, item=SIGNED)),
    Response(b"2", TARGET, Answer(nodes=(), token=TOKEN, seq=7)),
    Response(b"2", TARGET, Answer(nodes=(), samples=Samples((ASKER, TARGET), 2000, 300))),
    Error(b"2", 302, "Sequence Number Less Than Current"),
]
WRITTEN: list[Query | Response | Error] = [  # whose nodes come from a table
    Response(b"2", TARGET, Answer(packed=PackedNodes(b"n" * 26, None), token=TOKEN, item=SIGNED)),
    Response(b"2", TARGET, Answer(packed=PackedNodes(b"n" * 26, b"m" * 38), token=TOKEN, seq=7)),
    Response(
        b"2",
        TARGET,
        Answer(packed=PackedNodes(b"", b""), token=TOKEN, peers=(NODES[0].endpoint,), item=BLOB),
    ),
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_krpc_example_of_bep5_is_decoded_and_encoded_to_the_same_bytes(name: str) -> None:
    wire = BEP5[name].encode()
    assert decode(wire) == EXAMPLES[name]
    assert encode(EXAMPLES[name]) == wire


@pytest.mark.parametrize("name", ["find_node_r", "get_peers_r_nodes"])
def test_krpc_example_of_bep5_with_illustrative_nodes_is_an_answer_without_nodes(name: str) -> None:
    response = decode(BEP5[name].encode())
    assert isinstance(response, Response)
    assert response.answer.nodes == ()


@pytest.mark.parametrize("packet", OURS)
def test_krpc_packet_round_trips(packet: Query | Response | Error) -> None:
    assert decode(encode(packet)) == packet


@pytest.mark.parametrize("packet", OURS + WRITTEN)
def test_krpc_packet_is_written_in_canonical_form(packet: Query | Response | Error) -> None:
    wire = encode(packet)
    assert bencode.encode(bencode.decode(wire)) == wire


def test_krpc_certificate_query_has_the_documented_bytes() -> None:
    assert encode(OURS[0]) == (
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e"
        b"1:q16:x_fr_certificate1:t2:\x00\x011:v4:FR\x00\x011:y1:qe"
    )


def test_krpc_hostile_input_raises_nothing_but_malformed() -> None:
    samples = [encode(packet) for packet in OURS] + [text.encode() for text in BEP5.values()]
    survives(decode, samples, seed=20)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:aa1:y1:qe", ERROR_METHOD_UNKNOWN),
        (b"d1:ad2:id19:abcdefghij012345678e1:q4:ping1:t2:aa1:y1:qe", ERROR_PROTOCOL),
        (b"d1:ade1:q4:ping1:t2:aa1:y1:qe", ERROR_PROTOCOL),
        (b"d1:q4:ping1:t2:aa1:y1:qe", ERROR_PROTOCOL),
        (b"d1:ad2:id20:abcdefghij0123456789e1:q9:get_peers1:t2:aa1:y1:qe", ERROR_PROTOCOL),
        (
            b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti0e"
            b"5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe",
            ERROR_PROTOCOL,
        ),
        (
            b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti65536e"
            b"5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe",
            ERROR_PROTOCOL,
        ),
    ],
)
def test_krpc_query_that_cannot_be_served_names_the_error_it_deserves(
    wire: bytes, code: int
) -> None:
    assert decode(wire) == BadQuery(b"aa", code)


@pytest.mark.parametrize(
    "wire",
    [
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:y1:re",  # no transaction
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t0:1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t33:" + b"t" * 33 + b"1:y1:re",
        b"d1:rde1:t2:aa1:y1:re",
        b"d1:r4:aaaa1:t2:aa1:y1:re",
        b"d1:t2:aa1:y1:xe",
    ],
)
def test_krpc_message_that_cannot_be_answered_is_malformed(wire: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(wire)


def test_krpc_answer_with_odd_parts_keeps_the_parts_that_are_right() -> None:
    wire = (
        b"d2:ip3:xyz1:rd11:certificatei1e2:id20:mnopqrstuvwxyz123456"
        b"5:nodes27:" + b"n" * 20 + b"\x01\x02\x03\x04\x00\x05z5:token65:" + b"t" * 65 + b""
        b"6:valuesli7e6:axje.u3:abcee1:t2:aa1:y1:re"
    )
    response = decode(wire)
    assert isinstance(response, Response)
    assert response.observed is None
    assert response.answer == Answer(
        nodes=(Contact(b"n" * 20, Endpoint("1.2.3.4", 5)),),
        peers=(Endpoint("97.120.106.101", 0x2E75),),
    )


def test_krpc_error_of_any_shape_is_an_error() -> None:
    assert decode(b"d1:e4:oops1:t2:aa1:y1:ee") == Error(b"aa", 201)
    assert decode(b"d1:t2:aa1:y1:ee") == Error(b"aa", 201)
    assert decode(b"d1:el1:\xffi204ee1:t2:aa1:y1:ee") == Error(b"aa", 204, "\ufffd")


def test_krpc_endpoint_has_six_or_eighteen_bytes() -> None:
    for endpoint in (Endpoint("192.0.2.1", 1), Endpoint("2001:db8::1", 65535)):
        assert decode_endpoint(encode_endpoint(endpoint)) == endpoint
    assert decode_endpoint(b"12345") is None
    assert decode_endpoint(7) is None


PUT = {
    b"id": ASKER,
    b"token": TOKEN,
    b"v": b"hello",
    b"k": b"k" * 32,
    b"seq": 7,
    b"sig": b"s" * 64,
    b"salt": b"salt",
    b"cas": 6,
}


def put_query(changes: dict[bytes, object], without: tuple[bytes, ...] = ()) -> bytes:
    arguments = {key: value for key, value in (PUT | changes).items() if key not in without}
    return bencode.encode({b"t": b"aa", b"y": b"q", b"q": b"put", b"a": arguments})


@pytest.mark.parametrize(
    ("changes", "without", "code"),
    [
        ({b"v": bytes(997)}, (), ERROR_VALUE_TOO_BIG),
        ({b"v": bytes(997)}, (b"k", b"seq", b"sig", b"salt"), ERROR_VALUE_TOO_BIG),
        ({b"salt": b"s" * 65}, (), ERROR_SALT_TOO_BIG),
        ({}, (b"v",), ERROR_PROTOCOL),
        ({}, (b"token",), ERROR_PROTOCOL),
        ({b"token": b""}, (), ERROR_PROTOCOL),
        ({}, (b"sig",), ERROR_PROTOCOL),  # unsigned under somebody's key
        ({}, (b"k",), ERROR_PROTOCOL),
        ({}, (b"seq",), ERROR_PROTOCOL),
        ({b"sig": b"s" * 63}, (), ERROR_PROTOCOL),
        ({b"k": b"k" * 33}, (), ERROR_PROTOCOL),
        ({b"seq": -1}, (), ERROR_PROTOCOL),
        ({b"seq": 2**63}, (), ERROR_PROTOCOL),
        ({b"seq": b"7"}, (), ERROR_PROTOCOL),
        ({b"salt": 5}, (), ERROR_PROTOCOL),
        ({b"cas": -1}, (), ERROR_PROTOCOL),
        ({b"cas": b"6"}, (), ERROR_PROTOCOL),
        ({b"id": b"short"}, (), ERROR_PROTOCOL),
    ],
)
def test_krpc_put_that_cannot_be_kept_names_the_error_it_deserves(
    changes: dict[bytes, object], without: tuple[bytes, ...], code: int
) -> None:
    assert decode(put_query(changes, without)) == BadQuery(b"aa", code)


def test_krpc_put_up_to_the_limits_is_understood() -> None:
    longest = decode(put_query({b"v": bytes(996), b"salt": b"s" * 64, b"seq": 2**63 - 1}))
    assert isinstance(longest, Query)
    assert isinstance(longest.question, PutItem)
    assert len(longest.question.item.value) == 1000
    empty = decode(put_query({b"v": b"", b"salt": b"", b"seq": 0, b"cas": 0}))
    assert empty == Query(
        b"aa", ASKER, PutItem(Item(b"0:", b"k" * 32, 0, b"", b"s" * 64), TOKEN, cas=0)
    )


@pytest.mark.parametrize(
    "odd",
    [
        {b"v": bytes(997)},
        {b"v": b"x", b"k": b"k" * 32},
        {b"v": b"x", b"k": b"k" * 32, b"sig": b"s" * 64},
        {b"v": b"x", b"k": b"k", b"sig": b"s" * 64, b"seq": 1},
        {b"v": b"x", b"k": b"k" * 32, b"sig": b"s" * 64, b"seq": -1},
        {b"samples": TARGET},
        {b"samples": TARGET, b"num": -1, b"interval": 1},
        {b"samples": TARGET, b"num": 1, b"interval": 21601},
        {b"seq": b"1"},
    ],
)
def test_krpc_answer_with_an_item_or_samples_that_cannot_be_right_is_read_without(
    odd: dict[bytes, object],
) -> None:
    body = {b"id": TARGET, b"token": TOKEN} | odd
    response = decode(bencode.encode({b"t": b"aa", b"y": b"r", b"r": body}))
    assert response == Response(b"aa", TARGET, Answer(token=TOKEN))


def test_krpc_unknown_method_on_its_way_to_a_target_is_helped_on_like_find_node() -> None:
    for key in (b"target", b"info_hash"):
        wire = bencode.encode(
            {b"t": b"aa", b"y": b"q", b"q": b"x_new", b"a": {b"id": ASKER, key: TARGET}}
        )
        assert decode(wire) == Query(b"aa", ASKER, FindNode(TARGET))
        short = wire.replace(b"20:" + TARGET, b"3:abc")
        assert decode(short) == BadQuery(b"aa", ERROR_PROTOCOL)


def test_krpc_observed_address_without_a_port_is_understood() -> None:
    for packed, host in ((b"\x5a\x01\x02\x03", "90.1.2.3"), (b"\x2a" + bytes(15), "2a00::")):
        wire = bencode.encode({b"t": b"aa", b"y": b"r", b"r": {b"id": TARGET}, b"ip": packed})
        assert decode(wire) == Response(b"aa", TARGET, Answer(), Endpoint(host, 0))


def test_krpc_message_with_unsorted_keys_is_understood() -> None:
    wire = b"d1:t2:aa1:y1:q1:q9:find_node1:ad6:target20:mnopqrstuvwxyz1234562:id20:" + ASKER + b"ee"
    assert decode(wire) == Query(b"aa", ASKER, FindNode(TARGET))


def test_krpc_packed_nodes_are_written_for_the_families_that_are_asked_for() -> None:
    v4, v6 = (pack_nodes((node,)) for node in NODES)
    assert (v4.v6, v6.v4) == (None, None)
    for packed, nodes in (
        (PackedNodes(v4.v4, v6.v6), NODES),
        (PackedNodes(v4.v4, None), NODES[:1]),
        (PackedNodes(None, v6.v6), NODES[1:]),
        (PackedNodes(b"", b""), ()),
        (PackedNodes(None, None), None),
    ):
        response = decode(encode(Response(b"aa", TARGET, Answer(packed=packed))))
        assert response == Response(b"aa", TARGET, Answer(nodes=nodes))
