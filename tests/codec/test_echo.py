"""Echo canceller: what it takes out, what it leaves alone, and when it stops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pesq import pesq

from firmware.codec.echo import PROOF_FRAMES, EchoCanceller
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame
from tests.codec.speech import load_speech

Sound = npt.NDArray[np.float64]
SEED = 2
DELAY_SAMPLES, TAIL_SAMPLES = 960, 1920  # 60 and 120 ms


def room(seed: int, gain: float = 0.5) -> Sound:
    """How a room answers: nothing for 60 ms, then a tail that fades by 60 dB in 120 ms."""
    n = np.arange(TAIL_SAMPLES)
    tail = np.random.default_rng(seed).normal(size=TAIL_SAMPLES) * np.exp(-6.9 * n / TAIL_SAMPLES)
    return np.concatenate([np.zeros(DELAY_SAMPLES), gain * tail / np.sqrt(np.sum(tail**2))])


def far_voice() -> Frame:
    """Half a minute of two people."""
    return np.concatenate([load_speech(name) for name in ("wallack", "kennedy", "wallack")])


def echo_of(far: Frame, answer: Sound) -> Sound:
    noise = np.random.default_rng(SEED).normal(0, 3, len(far))
    return np.convolve(far.astype(np.float64), answer)[: len(far)] + noise


def cancelled(far: Frame, microphone: Sound, canceller: EchoCanceller) -> Frame:
    near = np.clip(np.rint(microphone), -32768, 32767).astype(np.int16)
    clean = []
    for one, other in zip(
        far.reshape(-1, FRAME_SAMPLES), near.reshape(-1, FRAME_SAMPLES), strict=True
    ):
        canceller.heard(one, 0.0)
        clean.append(canceller.spoken(other))
    return np.concatenate(clean)


def reduction_db(before: Sound, after: Frame) -> float:
    power = [np.mean(np.square(sound.astype(np.float64))) for sound in (before, after)]
    return float(10 * np.log10(power[0] / power[1]))


@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_echo_of_60_ms_and_a_tail_of_120_ms_is_30_db_lower_once_learnt(gain: float) -> None:
    far = far_voice()
    microphone = echo_of(far, room(SEED, gain))
    clean = cancelled(far, microphone, EchoCanceller())
    learnt = slice(10 * SAMPLE_RATE_HZ, None)
    assert reduction_db(microphone[learnt], clean[learnt]) > 30.0


def test_voice_in_the_room_stays_as_good_while_the_far_end_talks() -> None:
    far, own = far_voice(), load_speech("kennedy")
    microphone = echo_of(far, room(SEED))
    begins = len(far) - len(own) - FRAME_SAMPLES
    microphone[begins : begins + len(own)] += own
    clean = cancelled(far, microphone, EchoCanceller())[begins : begins + len(own)]
    assert pesq(SAMPLE_RATE_HZ, own, clean, "wb") > 4.0


def test_echo_later_by_the_depth_of_the_card_is_cancelled_when_the_depth_is_told() -> None:
    far = far_voice()
    deep = np.concatenate([np.zeros(round(0.2 * SAMPLE_RATE_HZ)), room(SEED)])
    microphone = echo_of(far, deep)
    canceller = EchoCanceller()
    clean = []
    for one, other in zip(
        far.reshape(-1, FRAME_SAMPLES),
        np.rint(microphone).astype(np.int16).reshape(-1, FRAME_SAMPLES),
        strict=True,
    ):
        canceller.heard(one, 0.2)
        clean.append(canceller.spoken(other))
    learnt = slice(10 * SAMPLE_RATE_HZ, None)
    assert reduction_db(microphone[learnt], np.concatenate(clean)[learnt]) > 25.0


def test_where_no_echo_comes_back_it_stops_and_changes_nothing() -> None:
    far, own = far_voice(), load_speech("kennedy")
    canceller = EchoCanceller()
    own = np.resize(np.roll(own, 80_000), len(far))
    clean = cancelled(far, own.astype(np.float64), canceller)
    assert not canceller.is_working
    half = len(far) // 2
    np.testing.assert_array_equal(clean[half:], own[half:])


def test_with_always_it_goes_on() -> None:
    far = far_voice()
    canceller = EchoCanceller(always=True)
    cancelled(far, np.zeros(len(far)), canceller)
    assert canceller.is_working


def test_silence_of_the_far_end_proves_nothing() -> None:
    canceller = EchoCanceller()
    frames = 2 * PROOF_FRAMES * FRAME_SAMPLES
    cancelled(np.zeros(frames, dtype=np.int16), np.zeros(frames), canceller)
    assert canceller.is_working


def test_microphone_without_an_ear_and_an_ear_without_a_microphone_do_no_harm() -> None:
    canceller = EchoCanceller()
    frame = load_speech("kennedy")[:FRAME_SAMPLES]
    for _ in range(50):
        canceller.heard(frame, 5.0)
    for _ in range(50):
        assert canceller.spoken(frame).shape == (FRAME_SAMPLES,)
