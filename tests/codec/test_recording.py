from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.codec.recording import (
    SECONDS_MAX,
    VERSION,
    Player,
    Recorder,
    duration_s,
    encode,
    payloads,
)
from firmware.errors import MalformedError
from firmware.model import FRAME_S, Frame
from tests.world import loudest_hz, sine


def all_of(player: Player) -> list[Frame]:
    frames = []
    while (frame := player.frame()) is not None:
        frames.append(frame)
    return frames


def test_what_was_recorded_is_played() -> None:
    recording = encode(sine(700.0, 320 * i) for i in range(50))
    assert len(recording) == 2 + 50 * 40  # 2 kB a second
    player = Player()
    assert player.add([recording]) == pytest.approx(1.0) == duration_s(recording)
    frames = all_of(player)
    assert len(frames) == 50
    assert abs(loudest_hz(frames[5:]) - 700.0) < 15


def test_two_recordings_follow_without_a_gap() -> None:
    first = encode(sine(700.0, 320 * i) for i in range(10))
    player = Player()
    player.add([first, first])
    assert len(all_of(player)) == 20


def test_recorder_that_is_full_keeps_no_more() -> None:
    recorder = Recorder(0.1)
    for i in range(9):
        recorder.push(sine(700.0, 320 * i))
    assert recorder.is_full
    assert recorder.duration_s == pytest.approx(5 * FRAME_S)
    assert duration_s(recorder.recording()) == pytest.approx(0.1)


def test_nothing_recorded_is_an_empty_recording() -> None:
    assert payloads(Recorder(1.0).recording()) == []


def test_each_truncation_is_refused_or_shorter() -> None:
    recording = encode(sine(700.0, 320 * i) for i in range(3))
    for length in range(len(recording)):
        try:
            assert len(payloads(recording[:length])) < 3
        except MalformedError:
            continue


def test_hostile_recordings_are_malformed_or_are_played_as_something() -> None:
    seed = 11
    dice = random.Random(seed)
    for _ in range(200):
        body = bytes([VERSION, dice.randrange(1, 60)]) + dice.randbytes(dice.randrange(300))
        player = Player()
        try:
            player.add([body])
        except MalformedError:
            assert player.frame() is None
            continue
        assert all(frame.shape == (320,) for frame in all_of(player)), f"seed {seed}"


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02\x28", b"\x01\x00x", b"\x01\x03xxxx"])
def test_what_is_no_recording_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        payloads(data)


def test_recording_longer_than_the_limit_is_malformed() -> None:
    frames = round(SECONDS_MAX / FRAME_S)
    assert len(payloads(bytes([VERSION, 1]) + bytes(frames))) == frames
    with pytest.raises(MalformedError):
        payloads(bytes([VERSION, 1]) + bytes(frames + 1))


def test_cleared_player_gives_nothing() -> None:
    player = Player()
    player.add([encode([np.zeros(320, dtype=np.int16)])])
    player.clear()
    assert player.frame() is None
