"""Slips: what the box they are for reads in them, and what nobody can make it believe."""

from __future__ import annotations

import random

import pytest

from firmware.channel import SLIP_BYTES
from firmware.errors import MalformedError
from firmware.handshake import EPHEMERAL_BYTES
from firmware.identity import NAME_BYTES_MAX
from firmware.overlay.slip import OpenSlip, open_slip, seal_slip
from tests.call.link import person

ANNA, BERT, CLARA = person("Anna"), person("Bert"), person("Clara")
UTC_S = 1_800_000_000
EPHEMERAL = bytes(range(EPHEMERAL_BYTES))


def sealed(name: str = "Anna", utc_s: int = UTC_S) -> bytes:
    certificate = ANNA.identity.certify(ANNA.certificate.modifier, name)
    return seal_slip(BERT.certificate, certificate.encode(), ANNA.identity.sign, utc_s, EPHEMERAL)


def test_slip_is_read_by_the_box_it_is_for() -> None:
    slip = open_slip(sealed(), BERT.identity)
    assert slip == OpenSlip(ANNA.identity.certify(ANNA.certificate.modifier, "Anna"), UTC_S)


def test_slips_of_all_senders_are_as_long_and_name_nobody() -> None:
    short, long = sealed(""), sealed("A" * NAME_BYTES_MAX)
    assert len(short) == len(long) == SLIP_BYTES
    assert ANNA.identity.public_key not in long
    assert b"AAAA" not in long


def test_slip_for_another_box_is_nothing() -> None:
    with pytest.raises(MalformedError):
        open_slip(sealed(), CLARA.identity)


def test_slip_that_its_reader_seals_again_for_somebody_else_is_forged() -> None:
    heard: list[bytes] = []

    def replayed(message: bytes) -> bytes:  # Bert has seen Anna's signature, and uses it
        heard.append(message)
        return ANNA.identity.sign(
            message.replace(CLARA.identity.public_key, BERT.identity.public_key)
        )

    certificate = ANNA.certificate.encode()
    slip = seal_slip(CLARA.certificate, certificate, replayed, UTC_S, EPHEMERAL)
    assert heard
    with pytest.raises(MalformedError):
        open_slip(slip, CLARA.identity)


def test_damaged_truncated_and_random_slips_are_malformed_and_nothing_else() -> None:
    dice, slip = random.Random(3), sealed()
    for _ in range(200):
        damaged = bytearray(slip)
        damaged[dice.randrange(SLIP_BYTES)] ^= 1 << dice.randrange(8)
        for data in (
            bytes(damaged),
            slip[: dice.randrange(SLIP_BYTES)],
            dice.randbytes(SLIP_BYTES),
        ):
            with pytest.raises(MalformedError):
                open_slip(data, BERT.identity)


@pytest.mark.parametrize("utc_s", [0, 2**40 + 1])
def test_time_that_cannot_be_is_malformed(utc_s: int) -> None:
    if utc_s:
        with pytest.raises(MalformedError):
            open_slip(sealed(utc_s=utc_s), BERT.identity)
    else:
        assert open_slip(sealed(utc_s=utc_s), BERT.identity).utc_s == 0
