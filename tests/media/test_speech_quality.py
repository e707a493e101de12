"""Real speech from session to session: how it sounds, and how long it takes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.model import Codec, Frame
from tests.codec.speech import NAMES, delay_samples, frames_of, load_speech, quality
from tests.media.line import Heard, Way, talk

QUALITY_MIN = {Codec.OPUS: 4.0, Codec.PCMA: 3.9, Codec.PCMU: 3.9}
PLAY_AFTER_S = 0.012
FRAMING_S = 0.020  # the first sample of a frame is as old when the frame is captured


def _clean(_number: int, _now_s: float) -> list[float]:
    return [0.001]


def _jittery(seed: int, jitter_s: float, loss: float = 0.0) -> Way:
    dice = random.Random(seed)

    def way(_number: int, _now_s: float) -> list[float]:
        return [] if dice.random() < loss else [dice.uniform(0.001, jitter_s)]

    return way


def _say(codec: Codec, name: str, way: Way) -> tuple[Frame, Heard]:
    sound = load_speech(name)
    return sound, talk(codec, frames_of(sound), way, play_after_s=PLAY_AFTER_S)


def _mouth_to_ear_s(spoken: Frame, heard: Heard) -> float:
    return delay_samples(spoken, heard.sound) / 16_000 + FRAMING_S + PLAY_AFTER_S


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("codec", list(Codec))
def test_clean_line_sounds_as_the_codec_alone_and_is_fast(codec: Codec, name: str) -> None:
    spoken, heard = _say(codec, name, _clean)
    assert quality(codec, spoken, heard.sound) >= QUALITY_MIN[codec]
    assert _mouth_to_ear_s(spoken, heard) < 0.040
    counters = heard.reports[-1].counters
    assert counters.packets_lost == counters.packets_late == counters.frames_concealed == 0


@pytest.mark.parametrize("jitter_s", [0.020, 0.060])
def test_jitter_without_loss_is_hardly_heard(jitter_s: float) -> None:
    seed = 21
    qualities, delays_s = [], []
    for name in NAMES:
        spoken, heard = _say(Codec.OPUS, name, _jittery(seed, jitter_s))
        qualities.append(quality(Codec.OPUS, spoken, heard.sound))
        delays_s.append(_mouth_to_ear_s(spoken, heard))
    assert np.mean(qualities) >= 4.0, f"seed {seed}: {qualities}"
    assert max(delays_s) <= jitter_s + 0.070, f"seed {seed}: {delays_s}"


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
def test_loss_of_five_percent_is_concealed(codec: Codec) -> None:
    seed = 22
    qualities = []
    for name in NAMES:
        spoken, heard = _say(codec, name, _jittery(seed, 0.002, loss=0.05))
        qualities.append(quality(codec, spoken, heard.sound))
    assert np.mean(qualities) >= 2.5, f"seed {seed}: {qualities}"
