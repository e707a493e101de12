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
    assert 0 < len(frame) <= 3 * FRAME_SAMPLES, circumstance


def test_opus_empty_payload_is_malformed_and_not_concealed() -> None:
    with pytest.raises(MalformedError):
        OpusDecoder().decode(b"")


def test_opus_payload_above_the_limit_is_malformed() -> None:
    with pytest.raises(MalformedError):
        OpusDecoder().decode(bytes(PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("configuration", "milliseconds"), [(8 << 3, 10), (10 << 3, 40), (11 << 3, 60)]
)
def test_opus_payload_of_another_duration_is_decoded(configuration: int, milliseconds: int) -> None:
    # RFC 6716 table 2: configurations 8 to 11 are wideband SILK of 10, 20, 40 and 60 ms
    assert len(OpusDecoder().decode(bytes([configuration]) + bytes(40))) == 16 * milliseconds


def test_opus_payload_above_sixty_milliseconds_is_malformed() -> None:
    with pytest.raises(MalformedError, match="cannot be decoded"):
        OpusDecoder().decode(bytes([11 << 3 | 1]) + bytes(80))  # two frames of 60 ms


@pytest.mark.parametrize("rate_hz", [8_000, 12_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("milliseconds", [10, 20, 60])
def test_opus_works_at_every_rate_and_length(rate_hz: int, milliseconds: int) -> None:
    encoder, decoder = OpusEncoder(rate_hz), OpusDecoder(rate_hz)
    n = np.arange(rate_hz * 6 // 10)
    hum = (8_000 * np.sin(2 * np.pi * 440 * n / rate_hz)).astype(np.int16)
    frames = hum.reshape(-1, rate_hz * milliseconds // 1000)
    heard = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames])
    assert len(heard) == len(hum)
    assert 0.7 < _energy(heard[len(hum) // 2 :]) / _energy(hum[len(hum) // 2 :]) < 1.3


@pytest.mark.parametrize("bitrate", [12_000, 16_000, 32_000])
def test_opus_bit_rate_can_change_between_two_frames(bitrate: int) -> None:
    frames = frames_of(load_speech(NAMES[0]))
    encoder = OpusEncoder()
    assert len(encoder.encode(frames[0])) == 60
    encoder.set_bitrate(bitrate)
    assert {len(encoder.encode(frame)) for frame in frames[1:20]} == {bitrate // 400}


def test_opus_in_band_fec_brings_back_the_frame_before() -> None:
    frames = frames_of(load_speech(NAMES[0]))[:400]
    scores = {}
    for is_recovered in (False, True):
        encoder, decoder = OpusEncoder(), OpusDecoder()
        encoder.expect_loss(20)
        payloads, heard = [encoder.encode(frame) for frame in frames], []
        for number, payload in enumerate(payloads):
            if number % 10 != 5:
                heard.append(decoder.decode(payload))
            elif is_recovered:
                heard.append(decoder.recover(payloads[number + 1], FRAME_SAMPLES))
            else:
                heard.append(decoder.conceal(FRAME_SAMPLES))
        scores[is_recovered] = quality(Codec.OPUS, np.concatenate(frames), np.concatenate(heard))
    assert scores[True] > scores[False] + 0.3


def test_opus_lost_frame_sounds_like_the_one_before() -> None:
    frames = frames_of(load_speech(NAMES[0]))
    loudest = max(range(20, 400), key=lambda i: int(np.abs(frames[i].astype(np.int32)).sum()))
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames[: loudest + 1]:
        before = decoder.decode(encoder.encode(frame))
    concealed = decoder.conceal(FRAME_SAMPLES)
    assert concealed.shape == (FRAME_SAMPLES,)
    assert _energy(concealed) > 0.2 * _energy(before)


def test_opus_long_loss_fades_to_the_background_noise() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames_of(load_speech(NAMES[0]))[:100]:
        decoder.decode(encoder.encode(frame))
    for _ in range(50):
        concealed = decoder.conceal(FRAME_SAMPLES)
    assert int(np.abs(concealed).max()) < 1_000  # the speech before had 12,000


def test_opus_decoder_that_heard_nothing_conceals_by_silence() -> None:
    assert int(np.abs(OpusDecoder().conceal(FRAME_SAMPLES)).max()) <= 1


def _energy(frame: Frame) -> float:
    return float(np.square(frame.astype(np.float64)).sum())
