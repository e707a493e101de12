"""Answers of routers: the layouts of the RFCs, cut, made longer and made up."""

from __future__ import annotations

import random
import struct

import pytest

from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.overlay.mapping import pcp

NONCE = bytes(range(12))
OWN = Endpoint("192.168.1.20", 6881)
MAPPED = bytes(10) + b"\xff\xff" + bytes((198, 51, 100, 7))
PCP_ANSWER = struct.pack("!BBxBII12x", 2, 0x81, 0, 7200, 99)
PCP_ANSWER += struct.pack("!12sB3xHH16s", NONCE, 17, 6881, 7001, MAPPED)
PMP_ANSWER = struct.pack("!BBHIHHI", 0, 0x81, 0, 99, 6881, 7001, 3600)
PMP_ADDRESS = struct.pack("!BBHI4s", 0, 0x80, 0, 99, bytes((198, 51, 100, 7)))
ANSWERS = (PCP_ANSWER, PMP_ANSWER, PMP_ADDRESS)
RANDOM_ANSWERS = 20_000


def test_pcp_request_has_the_layout_of_the_rfc() -> None:
    request = pcp.pcp_request(OWN, NONCE, 3600, Endpoint("198.51.100.7", 7001))
    own = bytes(10) + b"\xff\xff" + bytes((192, 168, 1, 20))
    expected = struct.pack("!BBHI16s", 2, 1, 0, 3600, own)
    expected += struct.pack("!12sB3xHH16s", NONCE, 17, 6881, 7001, MAPPED)
    assert request == expected
    assert len(request) == 60


def test_nat_pmp_request_has_the_layout_of_the_rfc() -> None:
    assert pcp.pmp_request(6881, 7001, 3600) == struct.pack("!BBHHHI", 0, 1, 0, 6881, 7001, 3600)
    assert bytes(2) == pcp.PMP_ADDRESS_REQUEST


def test_answers_are_read() -> None:
    external = Endpoint("198.51.100.7", 7001)
    assert pcp.decode(PCP_ANSWER) == pcp.PcpAnswer(0, 7200, 99, NONCE, 6881, external)
    assert pcp.decode(PMP_ANSWER) == pcp.PmpAnswer(0, 99, 6881, 7001, 3600)
    assert pcp.decode(PMP_ADDRESS) == pcp.PmpAddress(0, 99, "198.51.100.7")


def test_refusals_are_read_without_a_mapping_in_them() -> None:
    assert pcp.decode(PCP_ANSWER[:3] + b"\x02" + PCP_ANSWER[4:24]) == pcp.PcpAnswer(2, 7200, 99)
    assert pcp.decode(struct.pack("!BBHI", 0, 0x81, 2, 99)) == pcp.PmpAnswer(2, 99)
    assert pcp.decode(struct.pack("!BBHI", 0, 0x80, 1, 99)) == pcp.PmpAddress(1, 99)


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_truncation_is_malformed(answer: bytes) -> None:
    for length in range(len(answer)):
        with pytest.raises(MalformedError):
            pcp.decode(answer[:length])


@pytest.mark.parametrize("request_bytes", [pcp.PMP_ADDRESS_REQUEST, pcp.pmp_request(1, 1, 1)])
def test_request_is_no_answer(request_bytes: bytes) -> None:
    with pytest.raises(MalformedError):
        pcp.decode(request_bytes)


def test_mapping_of_port_0_or_of_tcp_is_malformed() -> None:
    no_port = PCP_ANSWER[:42] + bytes(2) + PCP_ANSWER[44:]
    tcp = PCP_ANSWER[:36] + b"\x06" + PCP_ANSWER[37:]
    for answer in (no_port, tcp, PMP_ANSWER[:10] + bytes(2) + PMP_ANSWER[12:]):
        with pytest.raises(MalformedError):
            pcp.decode(answer)


def test_answer_longer_than_the_rfc_allows_is_malformed() -> None:
    assert isinstance(pcp.decode(PCP_ANSWER + bytes(pcp.ANSWER_BYTES_MAX - 60)), pcp.PcpAnswer)
    with pytest.raises(MalformedError):
        pcp.decode(PCP_ANSWER + bytes(pcp.ANSWER_BYTES_MAX - 56))


def test_random_answers_are_read_or_malformed_and_nothing_else() -> None:
    seed = 4
    dice = random.Random(seed)
    read = 0
    for _ in range(RANDOM_ANSWERS):
        answer = bytearray(dice.choice(ANSWERS))
        for _ in range(dice.randrange(4)):
            answer[dice.randrange(len(answer))] = dice.randrange(256)
        try:
            pcp.decode(bytes(answer))
        except MalformedError:
            continue
        read += 1
    assert 0 < read < RANDOM_ANSWERS, f"seed {seed}"
