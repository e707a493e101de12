import json
from pathlib import Path

import pytest

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.krpc import (
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    AnnouncePeer,
    Answer,
    BadQuery,
    Contact,
    Error,
    FindNode,
    GetCertificate,
    GetPeers,
    Ping,
    Query,
    Response,
    decode,
    decode_endpoint,
    encode,
    encode_endpoint,
)
from tests.overlay.fuzz import survives

BEP5 = json.loads((Path(__file__).parent.parent / "vectors" / "bep5.json").read_text())["messages"]
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
OURS: list[Query | Response | Error] = [
    Query(b"\x00\x01", ASKER, GetCertificate(TARGET), version=b"FR\x00\x01"),
    Query(b"1", ASKER, FindNode(TARGET, (b"n4", b"n6")), read_only=True),
    Query(b"1", ASKER, GetPeers(TARGET, (b"n6",))),
    Query(b"1", ASKER, AnnouncePeer(TARGET, 1, b"t")),
    Response(b"\xff" * 4, TARGET, Answer(nodes=NODES, token=TOKEN), Endpoint("192.0.2.7", 5000)),
    Response(b"2", TARGET, Answer(nodes=()), Endpoint("2001:db8::7", 5000), b"FR\x00\x01"),
    Response(b"2", TARGET, Answer(peers=(NODES[0].endpoint, NODES[1].endpoint))),
    Response(b"2", TARGET, Answer(certificate=b"c" * 194)),
    Error(b"2", 203, "Bad Token"),
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
