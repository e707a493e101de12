"""Concealment of G.711: what a lost frame sounds like."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.conceal import Concealer
from firmware.codec.g711 import ALAW_DECODING, ALAW_ENCODING, G711Decoder, G711Encoder
from firmware.model import Codec, Frame
from tests.codec.speech import NAMES, frames_of, load_speech, quality

NARROW_HZ = 8_000


def _hum(frequency_hz: float, frames: int) -> list[Frame]:
    n = np.arange(frames * 160)
    sound = sum(
        3000 / order * np.sin(2 * np.pi * order * frequency_hz * n / NARROW_HZ)
        for order in (1, 2, 3)
    )
    return list(np.asarray(sound).astype(np.int16).reshape(-1, 160))


@pytest.mark.parametrize("frequency_hz", [80, 125, 160])
def test_concealed_hum_goes_on_in_its_pitch(frequency_hz: int) -> None:
    frames, concealer = _hum(frequency_hz, 7), Concealer()
    for frame in frames[:6]:
        concealer.received(frame)
    made_up = concealer.lost(160)
    error = made_up[:80].astype(float) - frames[6][:80]  # before the fade
    power = float(np.square(frames[6].astype(float)).mean())
    assert float(np.square(error).mean()) < 0.02 * power


def test_concealment_continues_the_wave_without_a_click() -> None:
    frames, concealer = _hum(137, 6), Concealer()
    for frame in frames:
        concealer.received(frame)
    steepest = int(np.abs(np.diff(np.concatenate(frames).astype(int))).max())
    joint = np.concatenate([frames[-1][-2:], concealer.lost(160)]).astype(int)
    assert int(np.abs(np.diff(joint)).max()) < 1.5 * steepest


def test_concealment_of_sixty_milliseconds_ends_in_silence() -> None:
    concealer = Concealer()
    for frame in _hum(125, 6):
        concealer.received(frame)
    energies = [float(np.square(concealer.lost(160).astype(float)).sum()) for _ in range(4)]
    assert energies[0] > energies[1] > energies[2] > 0
    assert energies[3] == 0


def test_concealment_before_any_speech_is_silence() -> None:
    assert not Concealer().lost(160).any()


def test_received_frame_after_a_loss_is_itself_but_for_its_beginning() -> None:
    frames, concealer = _hum(125, 8), Concealer()
    for frame in frames[:6]:
        concealer.received(frame)
    concealer.lost(160)
    heard = concealer.received(frames[7])
    assert np.array_equal(heard[32:], frames[7][32:])


def test_received_frames_without_loss_are_untouched() -> None:
    concealer = Concealer()
    for frame in _hum(125, 6):
        assert np.array_equal(concealer.received(frame), frame)


def test_concealment_at_five_percent_loss_is_far_better_than_silence() -> None:
    seed = 11
    sound = load_speech(NAMES[0])
    dice = np.random.default_rng(seed)
    encoder, decoder, gaps = G711Encoder(ALAW_ENCODING), G711Decoder(ALAW_DECODING), []
    concealed = []
    for frame in frames_of(sound):
        payload, is_lost = encoder.encode(frame), dice.random() < 0.05
        concealed.append(decoder.conceal(320) if is_lost else decoder.decode(payload))
        gaps.append(np.zeros_like(frame) if is_lost else frame)
    with_concealment = quality(Codec.PCMA, sound, np.concatenate(concealed))
    with_silence = quality(Codec.PCMA, sound, np.concatenate(gaps))
    assert with_concealment > with_silence + 0.5, f"seed {seed}"
