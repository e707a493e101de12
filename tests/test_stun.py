"""STUN: the published vectors, the round trip, and what hostile bytes may not do."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from firmware import stun
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.stun import Attribute, Kind, StunMessage

VECTORS = json.loads((Path(__file__).parent / "vectors" / "stun.json").read_text("utf-8"))
KEY = bytes(range(32))
TRANSACTION = bytes(range(12))
ENDPOINTS = (Endpoint("192.0.2.1", 32853), Endpoint("2001:db8::1", 1))
EVERYTHING = StunMessage(
    Kind.REQUEST,
    TRANSACTION,
    (
        (Attribute.USERNAME, b"anna"),
        (Attribute.PRIORITY, b"\x00\x00\x00\x07"),
        stun.mapped_attribute(ENDPOINTS[1], TRANSACTION),
        (Attribute.USE_CANDIDATE, b""),
        (Attribute.SOFTWARE, b"odd"),
    ),
)


@pytest.mark.parametrize("vector", VECTORS["short_term"], ids=lambda vector: vector["name"])
def test_published_short_term_vector_is_authentic(vector: dict[str, Any]) -> None:
    data, password = bytes.fromhex(vector["data"]), VECTORS["password"].encode()
    message = stun.decode(data)
    assert stun.is_authentic(data, password)
    assert not stun.is_authentic(data, password + b"x")
    assert message.mapped == (Endpoint.parse(vector["mapped"]) if vector["mapped"] else None)
    assert message.value(Attribute.SOFTWARE) == vector["software"].encode()
    assert message.transaction_id.hex() == "b7e7a701bc34d686fa87dfae"


@pytest.mark.parametrize("vector", VECTORS["long_term"], ids=lambda vector: vector["name"])
def test_published_long_term_vector_is_authentic(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["data"])
    key = hashlib.new(vector["hash"], VECTORS["secret"].encode(), usedforsecurity=False).digest()
    assert stun.decode(data).value(Attribute.REALM) == b"example.org"
    assert stun.is_authentic(data, key)
    changed = data[:30] + bytes([data[30] ^ 1]) + data[31:]
    assert not stun.is_authentic(changed, key)


@pytest.mark.parametrize("proof_bytes", [16, 20, 32])
def test_message_survives_the_round_trip(proof_bytes: int) -> None:
    data = stun.encode(EVERYTHING, key=KEY, proof_bytes=proof_bytes)
    assert stun.decode(data) == EVERYTHING
    assert stun.decode(data).mapped == ENDPOINTS[1]
    assert stun.is_authentic(data, KEY)


def test_message_without_a_proof_is_not_authentic() -> None:
    assert not stun.is_authentic(stun.encode(EVERYTHING), KEY)


def test_proof_shorter_than_16_bytes_is_not_authentic() -> None:
    assert not stun.is_authentic(stun.encode(EVERYTHING, key=KEY, proof_bytes=12), KEY)


def test_attribute_behind_the_proof_is_not_believed() -> None:
    honest = stun.encode(StunMessage(Kind.REQUEST, TRANSACTION), key=KEY)[:-8]  # no fingerprint
    forged = honest + bytes.fromhex("00250000")  # USE-CANDIDATE
    forged = forged[:2] + (len(forged) - 20).to_bytes(2, "big") + forged[4:]
    assert stun.is_authentic(forged, KEY)
    assert stun.decode(forged).attributes == ()


@pytest.mark.parametrize("source", ENDPOINTS)
def test_plain_request_is_answered_with_its_source(source: Endpoint) -> None:
    request = StunMessage(Kind.REQUEST, TRANSACTION)
    answer = stun.decode(stun.binding_response(request, source))
    assert answer.kind is Kind.SUCCESS
    assert answer.transaction_id == TRANSACTION
    assert answer.mapped == source


def test_unknown_required_attribute_is_refused_with_420() -> None:
    request = StunMessage(Kind.REQUEST, TRANSACTION, ((0x7FFF, b"what"), (0xFFFF, b"optional")))
    answer = stun.decode(stun.binding_response(request, ENDPOINTS[0]))
    assert answer.kind is Kind.ERROR
    assert answer.value(Attribute.ERROR_CODE) == b"\x00\x00\x04\x14Unknown Attribute"
    assert answer.value(Attribute.UNKNOWN_ATTRIBUTES) == b"\x7f\xff"


def test_every_truncation_is_malformed() -> None:
    data = stun.encode(EVERYTHING, key=KEY)
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            stun.decode(data[:length])


def test_every_changed_byte_before_the_proof_is_noticed() -> None:
    data = stun.encode(EVERYTHING, key=KEY)
    for i in range(len(data) - 8):
        changed = data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :]
        try:
            stun.decode(changed)
            assert not stun.is_authentic(changed, KEY), i
        except MalformedError:
            continue


def test_random_bytes_raise_nothing_but_malformed() -> None:
    seed = 8489
    dice = random.Random(seed)
    good = stun.encode(EVERYTHING, key=KEY)[:-8]
    accepted = 0
    for attempt in range(20_000):
        size = 4 * dice.randrange(40)
        body = bytearray(good[20:] if attempt % 2 else dice.randbytes(size))
        for _ in range(dice.randrange(4)):
            if body:
                body[dice.randrange(len(body))] = dice.choice((0, 1, 4, 8, 0x20, 255))
        data = good[:2] + len(body).to_bytes(2, "big") + good[4:20] + bytes(body)
        try:
            message = stun.decode(data)
            stun.is_authentic(data, KEY)
            accepted += message.mapped is not None
        except MalformedError:
            continue
    assert accepted, f"seed {seed}"


def test_more_attributes_than_the_limit_are_malformed() -> None:
    for count in (stun.ATTRIBUTES_MAX - 1, stun.ATTRIBUTES_MAX):  # and FINGERPRINT
        attributes = ((int(Attribute.SOFTWARE), b""),) * count
        data = stun.encode(StunMessage(Kind.REQUEST, TRANSACTION, attributes))
        if count < stun.ATTRIBUTES_MAX:
            assert len(stun.decode(data).attributes) == count
        else:
            with pytest.raises(MalformedError):
                stun.decode(data)


def test_knock_names_the_port_and_is_longer_than_its_answer() -> None:
    request = stun.knock_request(TRANSACTION, 7001)
    assert stun.knock_port(stun.decode(request)) == 7001
    answer = stun.binding_response(stun.decode(request), Endpoint("198.51.100.7", 7001))
    assert len(answer) <= len(request)
    assert stun.decode(answer).kind is Kind.SUCCESS


@pytest.mark.parametrize(
    "attributes",
    [
        ((Attribute.RESPONSE_PORT, b"\x1b\x59"),),
        ((Attribute.CHANGE_REQUEST, bytes((0, 0, 0, 2))),),
        ((Attribute.CHANGE_REQUEST, bytes((0, 0, 0, 6))), (Attribute.RESPONSE_PORT, b"\x1b\x59")),
        ((Attribute.CHANGE_REQUEST, bytes((0, 0, 0, 2))), (Attribute.RESPONSE_PORT, bytes(2))),
        ((Attribute.CHANGE_REQUEST, b"\x02"), (Attribute.RESPONSE_PORT, b"\x1b\x59")),
    ],
)
def test_request_that_wants_something_else_is_no_knock(
    attributes: tuple[tuple[int, bytes], ...],
) -> None:
    assert stun.knock_port(StunMessage(Kind.REQUEST, TRANSACTION, attributes)) is None
