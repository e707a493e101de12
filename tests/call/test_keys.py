from __future__ import annotations

import random

import pytest
from noise.connection import Keypair, NoiseConnection

from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CalleeHandshake, CallerHandshake, Channel
from firmware.errors import MalformedError
from firmware.identity import Identity

ANNA = Identity.generate(bytes(range(64)))
BERT = Identity.generate(bytes(range(64, 128)))
SESSION = b"session."
EPHEMERALS = b"a" * 32, b"b" * 32


def caller() -> CallerHandshake:
    return CallerHandshake(ANNA, BERT.noise_key, SESSION, EPHEMERALS[0], b"invite")


def channels() -> tuple[Channel, Channel]:
    """Of the caller and of the callee."""
    first = caller()
    callee = CalleeHandshake(BERT, SESSION, first.first_message)
    second, callee_channel = callee.finish(EPHEMERALS[1], b"ringing")
    payload, caller_channel = first.finish(second)
    assert (callee.payload, payload) == (b"invite", b"ringing")
    assert callee.caller_noise_key == ANNA.noise_key
    return caller_channel, callee_channel


def test_both_ends_derive_the_same_keys_and_digits() -> None:
    anna, bert = channels()
    assert anna.media_keys() == bert.media_keys()
    digits = anna.authentication_digits(b"n" * 64)
    assert digits == bert.authentication_digits(b"n" * 64)
    assert len(digits) == 4
    assert digits.isdigit()


def test_media_keys_differ_by_direction_and_have_the_length_of_srtp() -> None:
    keys = channels()[0].media_keys()
    assert len(keys.caller_to_callee) == len(keys.callee_to_caller) == 28
    assert keys.caller_to_callee != keys.callee_to_caller


def test_another_ephemeral_key_gives_other_keys() -> None:
    first = caller()
    keys = {
        CalleeHandshake(BERT, SESSION, first.first_message)
        .finish(bytes([i]) * 32, b"")[1]
        .media_keys()
        .caller_to_callee
        for i in range(1, 4)
    }
    assert len(keys) == 3


def test_same_ephemeral_keys_give_the_same_bytes() -> None:
    assert caller().first_message == caller().first_message


def test_handshake_is_that_of_the_noise_specification() -> None:
    """The library's own ways, without our injected ephemeral key, understand our first message."""
    noise = NoiseConnection.from_name(b"Noise_IK_25519_ChaChaPoly_BLAKE2s")
    noise.set_as_responder()
    noise.set_prologue(b"fernruf call\x01" + SESSION)
    noise.set_keypair_from_private_bytes(Keypair.STATIC, BERT.x25519_private)
    noise.start_handshake()
    first = caller()
    assert noise.read_message(first.first_message) == b"invite"
    payload, channel = first.finish(bytes(noise.write_message(b"hello")))
    assert payload == b"hello"
    sealed = Envelope.decode(channel.seal(b"first")).sealed
    assert noise.decrypt(sealed) == b"first"


def test_channel_opens_what_arrives_in_another_order() -> None:
    anna, bert = channels()
    sealed = [Envelope.decode(anna.seal(bytes([i]))) for i in range(5)]
    assert [bert.open(sealed[i]) for i in (3, 0, 4, 1, 2)] == [b"\3", b"\0", b"\4", b"\1", b"\2"]


def test_channel_refuses_a_replay() -> None:
    anna, bert = channels()
    envelope = Envelope.decode(anna.seal(b"bye"))
    bert.open(envelope)
    with pytest.raises(MalformedError):
        bert.open(envelope)


def test_channel_refuses_its_own_messages() -> None:
    anna, _ = channels()
    with pytest.raises(MalformedError):
        anna.open(Envelope.decode(anna.seal(b"bye")))


def test_forged_counter_does_not_move_the_window() -> None:
    anna, bert = channels()
    genuine = Envelope.decode(anna.seal(b"bye"))
    with pytest.raises(MalformedError):
        bert.open(Envelope(Kind.TRANSPORT, SESSION, genuine.sealed, counter=10**9))
    assert bert.open(genuine) == b"bye"


@pytest.mark.parametrize("position", [0, 31, 32, 79, 80, -1])
def test_changed_first_message_is_malformed(position: int) -> None:
    message = bytearray(caller().first_message)
    message[position] ^= 1
    with pytest.raises(MalformedError):
        CalleeHandshake(BERT, SESSION, bytes(message))


def test_first_message_under_another_session_is_malformed() -> None:
    with pytest.raises(MalformedError):
        CalleeHandshake(BERT, b"another.", caller().first_message)


def test_first_message_for_somebody_else_is_malformed() -> None:
    with pytest.raises(MalformedError):
        CalleeHandshake(ANNA, SESSION, caller().first_message)


def test_each_truncation_of_the_handshake_is_malformed() -> None:
    first = caller()
    second, _ = CalleeHandshake(BERT, SESSION, first.first_message).finish(EPHEMERALS[1], b"r")
    for length in range(len(first.first_message)):
        with pytest.raises(MalformedError):
            CalleeHandshake(BERT, SESSION, first.first_message[:length])
    for length in range(len(second)):
        with pytest.raises(MalformedError):
            first.finish(second[:length])
    assert first.finish(second)[0] == b"r"  # no forgery has spoilt it


def test_random_handshakes_are_malformed() -> None:
    seed = 14
    dice = random.Random(seed)
    first = caller()
    for _ in range(200):
        with pytest.raises(MalformedError):
            CalleeHandshake(BERT, SESSION, dice.randbytes(dice.randrange(300)))
        with pytest.raises(MalformedError):
            first.finish(dice.randbytes(dice.randrange(300)))


def test_point_of_low_order_is_malformed() -> None:
    with pytest.raises(MalformedError):
        CallerHandshake(ANNA, bytes(32), SESSION, EPHEMERALS[0], b"")
    with pytest.raises(MalformedError):
        CalleeHandshake(BERT, SESSION, bytes(32) + caller().first_message[32:])
