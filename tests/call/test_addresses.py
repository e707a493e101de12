from __future__ import annotations

import random

import pytest

from firmware.call.addresses import CANDIDATES_MAX, decode_candidates, encode_candidates
from firmware.errors import MalformedError
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

V4, V6 = Endpoint("192.0.2.1", 6881), Endpoint("2001:db8::1", 1)
CANDIDATES = (
    Candidate(V4, CandidateKind.HOST),
    Candidate(V6, CandidateKind.MAPPED),
    Candidate(V4, CandidateKind.OBSERVED, 2),
    Candidate(V6, CandidateKind.OBSERVED, PORT_STEP_RANDOM),
)


def test_candidates_survive_the_round_trip() -> None:
    assert decode_candidates(encode_candidates(CANDIDATES)) == CANDIDATES
    assert decode_candidates(b"") == ()


def test_what_is_above_the_limit_is_left_out_and_not_believed() -> None:
    many = CANDIDATES[:1] * (CANDIDATES_MAX + 1)
    encoded = encode_candidates(many)
    assert decode_candidates(encoded) == many[:CANDIDATES_MAX]
    with pytest.raises(MalformedError):
        decode_candidates(encoded + encode_candidates(CANDIDATES[:1]))


def test_unknown_kind_is_skipped() -> None:
    unknown = b"\x0f" + encode_candidates(CANDIDATES[:1])[1:]
    assert decode_candidates(unknown + encode_candidates(CANDIDATES)) == CANDIDATES


def test_port_zero_is_malformed() -> None:
    with pytest.raises(MalformedError):
        decode_candidates(b"\x00\x00\x00\x00\xc0\x00\x02\x01")


def test_truncated_or_random_bytes_raise_nothing_but_malformed() -> None:
    encoded = encode_candidates(CANDIDATES)
    whole = {0, 8, 28, 36, 56}
    for length in range(len(encoded)):
        if length in whole:
            assert len(decode_candidates(encoded[:length])) < len(CANDIDATES)
        else:
            with pytest.raises(MalformedError):
                decode_candidates(encoded[:length])
    dice = random.Random(7)
    for _ in range(5000):
        try:
            decode_candidates(dice.randbytes(dice.randrange(60)))
        except MalformedError:
            continue
