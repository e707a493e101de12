"""The sound of a room in which nobody speaks."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.codec.noise import BACKGROUND_MAX, LISTENED_MIN, Background, ComfortNoise
from firmware.errors import MalformedError
from firmware.model import Frame


def _room(rms: float, frames: int) -> list[Frame]:
    noise = np.random.Generator(np.random.PCG64(4)).normal(0, rms, 160 * frames)
    return list(noise.astype(np.int16).reshape(-1, 160))


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound.astype(np.float64)))))


def test_background_is_as_loud_as_the_room_between_the_words() -> None:
    background = Background()
    for number, frame in enumerate(_room(50, 300)):
        background.listen(frame if number % 50 < 10 else (frame.astype(int) * 60).astype(np.int16))
    assert 40 < _rms(background.noise(8_000)) < 60


def test_background_is_silence_until_enough_was_heard() -> None:
    background = Background()
    for frame in _room(50, LISTENED_MIN - 1):
        background.listen(frame)
    assert not background.noise(160).any()


def test_background_is_never_loud() -> None:
    background = Background()
    for frame in _room(5_000, 200):
        background.listen(frame)
    assert _rms(background.noise(8_000)) < 1.1 * BACKGROUND_MAX


def test_comfort_noise_survives_the_way() -> None:
    told = ComfortNoise(70, (0.5, -0.25, 0.125))
    read = ComfortNoise.decode(told.encode())
    assert (read.level, read.reflections) == (told.level, told.reflections)
    assert 0.8 < _rms(read.take(8_000)) / (32768 * 10 ** (-70 / 20)) < 1.2


@pytest.mark.parametrize("payload", [b"", bytes([128]), bytes(40), bytes([60, 255])])
def test_comfort_noise_that_is_none_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        ComfortNoise.decode(payload)


def test_random_comfort_noise_is_quiet_or_malformed() -> None:
    seed = 33
    dice = random.Random(seed)
    for turn in range(500):
        try:
            noise = ComfortNoise.decode(dice.randbytes(dice.randrange(40)))
        except MalformedError:
            continue
        assert _rms(noise.take(1_600)) < 4 * BACKGROUND_MAX, f"seed {seed}, turn {turn}"
