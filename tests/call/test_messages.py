from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from firmware.call.commitment import COMMITMENT_BYTES, NONCE_BYTES
from firmware.call.encoding import CODECS_MAX, MESSAGE_BYTES_MAX, decode_signal, encode_signal
from firmware.call.messages import (
    Ack,
    AnonymityDisallowed,
    Answered,
    Busy,
    Bye,
    Cancel,
    Completion,
    Decline,
    DoNotDisturb,
    Ended,
    Invite,
    Moved,
    NotAcceptable,
    Noted,
    NotFound,
    Prack,
    Refer,
    ReferRefused,
    Ringing,
    Signal,
    Trying,
    TryLater,
    Update,
    Updated,
    WithCandidates,
)
from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX
from firmware.model import Candidate, CandidateKind, Codec, Endpoint

CANDIDATES = (Candidate(Endpoint("192.0.2.1", 6881), CandidateKind.OBSERVED, 2),)
NONCE = b"n" * NONCE_BYTES
COMMITMENT = b"h" * COMMITMENT_BYTES
INVITE = Invite(
    *("471108151234", b"c" * CERTIFICATE_BYTES_MAX, tuple(Codec), 1_800_000_000),
    commitment=COMMITMENT,
)
SMALL = replace(INVITE, certificate=b"c", codecs=(), utc_s=None)
SIGNALS: tuple[Signal, ...] = (
    INVITE,
    SMALL,
    *(Prack(), Ack(), Cancel(), Bye(), Trying(), Ended()),
    *(Ringing(codec) for codec in Codec),
    *(Answered(codec) for codec in Codec),
    *(NotFound(), TryLater(), Busy(), NotAcceptable(), Decline()),
    replace(SMALL, candidates=CANDIDATES, relayed_only=True),
    replace(SMALL, packet_ms=60),
    *(Ringing(Codec.OPUS, packet_ms=10), Answered(Codec.OPUS, packet_ms=40)),
    *(Ack(CANDIDATES), Ringing(Codec.OPUS, CANDIDATES), Answered(Codec.OPUS, CANDIDATES)),
    *(Moved("471108151234"), AnonymityDisallowed(), DoNotDisturb()),
    replace(SMALL, is_anonymous=True, via="471108151234"),
    replace(SMALL, utc_s=1_800_000_100, missed_utc_s=1_800_000_000),
    replace(SMALL, completion=Completion.ASK),
    replace(SMALL, utc_s=1_800_000_100, completion=Completion.FREE),
    replace(SMALL, referral=b"r" * 149),
    replace(SMALL, via="471108151234", is_returned=True),
    *(Refer("471108151234", b"r" * 149), ReferRefused()),
    Noted(),
    *(
        Update(0, CANDIDATES),
        Update(255),
        Updated(7, CANDIDATES),
        Updated(7),
        Update(9, is_held=True),
        Update(9, nonce=NONCE),
        Updated(9, nonce=NONCE),
        Ack(nonce=NONCE),
        Answered(Codec.OPUS, nonce=NONCE),
    ),
)


def field(tag: int, value: bytes) -> bytes:
    return struct.pack("!BH", tag, len(value)) + value


INVITED, COMMITTED = b"\x01\x00\x01", field(24, COMMITMENT)
MINIMAL = INVITED + field(1, b"471108151234") + field(2, b"c")


@pytest.mark.parametrize("signal", SIGNALS)
def test_signal_survives_the_round_trip(signal: Signal) -> None:
    assert decode_signal(encode_signal(signal)) == signal


@pytest.mark.parametrize(
    ("signal", "status"),
    [
        (Trying(), 100),
        (Ringing(Codec.OPUS), 180),
        (Answered(Codec.OPUS), 200),
        (Ended(), 200),
        (Moved("471108151234"), 302),
        (NotFound(), 404),
        (AnonymityDisallowed(), 433),
        (TryLater(), 480),
        (Busy(), 486),
        (NotAcceptable(), 488),
        (DoNotDisturb(), 600),
        (Noted(), 202),
        (Decline(), 603),
    ],
)
def test_response_has_the_status_code_of_sip(signal: Signal, status: int) -> None:
    assert encode_signal(signal)[1:3] == status.to_bytes(2, "big")


@pytest.mark.parametrize("signal", SIGNALS)
def test_truncated_signal_is_malformed_or_another_whole_one(signal: Signal) -> None:
    encoded = encode_signal(signal)
    for length in range(len(encoded)):
        try:
            shorter = decode_signal(encoded[:length])
        except MalformedError:
            continue
        assert isinstance(shorter, WithCandidates)  # whose last fields may be absent
        assert shorter != signal or encoded.endswith(bytes(2))  # an empty field says nothing


def test_unknown_field_of_a_later_version_is_skipped() -> None:
    assert decode_signal(encode_signal(INVITE) + field(200, b"later")) == INVITE
    assert decode_signal(encode_signal(Bye()) + field(200, b"")) == Bye()


def test_unknown_codec_of_a_later_version_is_skipped() -> None:
    encoded = encode_signal(INVITE).replace(field(3, bytes([96, 8, 0])), field(3, bytes([7, 8])))
    decoded = decode_signal(encoded)
    assert isinstance(decoded, Invite)
    assert decoded.codecs == (Codec.PCMA,)


def test_time_of_a_packet_that_we_cannot_fill_is_answered_with_the_usual_one() -> None:
    signal = decode_signal(MINIMAL + COMMITTED + field(26, b"\x1e"))
    assert isinstance(signal, Invite) and signal.packet_ms == 20


def test_smallest_invite_has_number_certificate_and_commitment() -> None:
    assert decode_signal(MINIMAL + COMMITTED) == SMALL


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\x00\x03",  # version
        b"\x01\x00\x63",  # type
        b"\x01\x00\x03" + field(9, b"") + field(9, b""),  # a field twice
        b"\x01\x00\x03" + field(9, b"") + field(8, b""),  # out of order
        b"\x01\x00\x03" + field(0, b""),
        b"\x01\x00\x03\x09\xff\xff",  # longer than the message
        b"\x01\x00\x03" + field(9, bytes(MESSAGE_BYTES_MAX)),
        b"\x01\x00\xb4",  # 180 without a codec
        b"\x01\x00\xb4" + field(5, b"\x07"),  # 180 with an unknown codec
        b"\x01\x01\x2e",  # 302 to nowhere
        b"\x01\x01\x2e" + field(1, b"4711"),
        MINIMAL + field(11, b"4711") + COMMITTED,
        MINIMAL + field(21, b"") + COMMITTED,
        MINIMAL + field(21, b"\x03") + COMMITTED,
        MINIMAL + field(20, bytes(8)) + field(21, b"\x01") + COMMITTED,  # missed, and a wish
        b"\x01\x00\xc8" + field(5, b"\x00"),  # 200 to nothing
        b"\x01\x00\xc8" + field(6, b"\x09"),  # 200 to an unknown request
        INVITED + field(1, b"471108151234") + COMMITTED,
        INVITED + field(1, b"47110815123") + field(2, b"c") + COMMITTED,
        INVITED + field(1, "47110815123²".encode()[:12]) + field(2, b"c") + COMMITTED,
        INVITED + field(1, b"471108151234") + field(2, b"c" * 1 + bytes(200)) + COMMITTED,
        MINIMAL + field(3, b"\x00\x00") + COMMITTED,
        MINIMAL + field(4, b"\x00") + COMMITTED,
        MINIMAL + field(4, b"\xff" * 8) + COMMITTED,
        MINIMAL + field(3, bytes(range(CODECS_MAX + 1))) + COMMITTED,
        MINIMAL,  # commits itself to nothing
        MINIMAL + field(24, COMMITMENT[1:]),
        MINIMAL + field(24, COMMITMENT + b"h"),
        b"\x01\x00\x02" + field(25, b""),  # ACK with half a nonce
        b"\x01\x00\x02" + field(25, NONCE[1:]),
        b"\x01\x00\xc8" + field(5, b"\x00") + field(6, b"\x01") + field(25, NONCE + b"n"),
        b"\x01\x00\xc8" + field(6, b"\x06") + field(8, b"\x00") + field(25, b"n"),
        b"\x01\x00\x06" + field(8, b"\x00") + field(25, NONCE * 2),
    ],
)
def test_broken_signal_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_signal(data)


def test_random_and_mutated_bytes_raise_malformed_error_only() -> None:
    seed = 11
    dice = random.Random(seed)
    for _ in range(3000):
        data = bytearray(encode_signal(dice.choice(SIGNALS)))
        for _ in range(dice.randrange(4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        data += dice.randbytes(dice.randrange(3))
        for candidate in (bytes(data), dice.randbytes(dice.randrange(60))):
            try:
                signal = decode_signal(candidate)
            except MalformedError:
                continue
            assert decode_signal(encode_signal(signal)) == signal, f"seed {seed}: {candidate!r}"
