"""Opus by the system's library: good payloads, hostile payloads, missing payloads."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.codec.opus import PAYLOAD_BYTES_MAX, OpusDecoder, OpusEncoder
from firmware.errors import MalformedError
from firmware.model import FRAME_SAMPLES, Codec, Frame, silence
from tests.codec.speech import NAMES, delay_samples, frames_of, load_speech, quality


def _heard(sound: Frame) -> Frame:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames_of(sound)])


@pytest.mark.parametrize("name", NAMES)
def test_opus_clean_speech_is_excellent(name: str) -> None:
    sound = load_speech(name)
    assert quality(Codec.OPUS, sound, _heard(sound)) >= 4.2


def test_opus_delays_speech_by_six_and_a_half_milliseconds() -> None:
    sound = load_speech(NAMES[0])
    assert abs(delay_samples(sound, _heard(sound)) - 104) <= 1


def test_opus_payloads_have_all_the_same_size() -> None:
    encoder = OpusEncoder()
    frames = [silence(), *frames_of(load_speech(NAMES[0]))[:200]]
    assert {len(encoder.encode(frame)) for frame in frames} == {60}


def test_opus_encoders_that_are_new_are_alike_byte_for_byte() -> None:
    frames = frames_of(load_speech(NAMES[0]))[:100]
    first, second = OpusEncoder(), OpusEncoder()
    assert [first.encode(frame) for frame in frames] == [second.encode(frame) for frame in frames]


def test_opus_truncated_payload_decodes_or_is_malformed() -> None:
    frame = frames_of(load_speech(NAMES[0]))[60]
    payload = OpusEncoder().encode(frame)
    decoder = OpusDecoder()
    for length in range(len(payload)):
        _decode_hostile(decoder, payload[:length], f"truncated to {length}")


def test_opus_random_payload_decodes_or_is_malformed() -> None:
    seed = 20_260_101
    dice = random.Random(seed)
    decoder = OpusDecoder()
    for turn in range(1_000):
        payload = dice.randbytes(dice.randrange(0, 200))
        _decode_hostile(decoder, payload, f"seed {seed}, turn {turn}")


def _decode_hostile(decoder: OpusDecoder, payload: bytes, circumstance: str) -> None:
    try:
        frame = decoder.decode(payload)
    except MalformedError:
        return
    assert frame.shape == (FRAME_SAMPLES,), circumstance


def test_opus_empty_payload_is_malformed_and_not_concealed() -> None:
    with pytest.raises(MalformedError):
        OpusDecoder().decode(b"")


def test_opus_payload_above_the_limit_is_malformed() -> None:
    with pytest.raises(MalformedError):
        OpusDecoder().decode(bytes(PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "configuration", [8 << 3, 10 << 3, 11 << 3], ids=["10 ms", "40 ms", "60 ms"]
)
def test_opus_payload_of_another_duration_is_malformed(configuration: int) -> None:
    # RFC 6716 table 2: configurations 8 to 11 are wideband SILK of 10, 20, 40 and 60 ms
    with pytest.raises(MalformedError, match="samples"):
        OpusDecoder().decode(bytes([configuration]) + bytes(40))


def test_opus_lost_frame_sounds_like_the_one_before() -> None:
    frames = frames_of(load_speech(NAMES[0]))
    loudest = max(range(20, 400), key=lambda i: int(np.abs(frames[i].astype(np.int32)).sum()))
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames[: loudest + 1]:
        before = decoder.decode(encoder.encode(frame))
    concealed = decoder.conceal()
    assert concealed.shape == (FRAME_SAMPLES,)
    assert _energy(concealed) > 0.2 * _energy(before)


def test_opus_long_loss_fades_to_the_background_noise() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames_of(load_speech(NAMES[0]))[:100]:
        decoder.decode(encoder.encode(frame))
    for _ in range(50):
        concealed = decoder.conceal()
    assert int(np.abs(concealed).max()) < 1_000  # the speech before had 12,000


def test_opus_decoder_that_heard_nothing_conceals_by_silence() -> None:
    assert int(np.abs(OpusDecoder().conceal()).max()) <= 1


def _energy(frame: Frame) -> float:
    return float(np.square(frame.astype(np.float64)).sum())
