"""Two sound cards that do not agree for a long time, and an ear that takes frames of any length."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest

from firmware.codec.g711 import ALAW_ENCODING
from firmware.media.player import Player
from firmware.media.red import Block
from firmware.media.rtp import RtpPacket, wrap
from firmware.model import FRAME_S, SAMPLE_RATE_HZ, Codec
from tests.codec.speech import NAMES, load_speech

PCMA, CLOCK_HZ = 8, 8_000
LINE_JITTER_S = 0.004
SETTLED_S = 10.0


class Talk:
    """A line with a little jitter; the listener's seconds are longer by `ppm` millionths."""

    def __init__(self, ppm: float, seed: int = 1) -> None:
        self.player = Player(Codec.PCMA)
        self.delays_s: list[float] = []  # from capture to the ear, of each frame
        self.lengths: set[int] = set()
        self._clock = 1 + ppm * 1e-6
        self._dice = random.Random(seed)
        narrow = load_speech(NAMES[0])[::2].reshape(-1, 160).copy()
        self._payloads = [ALAW_ENCODING[frame.view(np.uint16)].tobytes() for frame in narrow]
        self._way: deque[tuple[float, int]] = deque()
        self._said = self._samples = 0

    def run(self, duration_s: float) -> None:
        end = self._samples + duration_s * SAMPLE_RATE_HZ
        while self._samples < end:
            now_s = self._samples / SAMPLE_RATE_HZ * self._clock
            while self._said * FRAME_S <= now_s:
                arrival_s = self._said * FRAME_S + self._dice.uniform(0, LINE_JITTER_S)
                self._way.append((arrival_s, self._said))
                self._said += 1
            while self._way and self._way[0][0] <= now_s:
                self._push(*self._way.popleft())
            frame, _ = self.player.pull(now_s, is_free=True)
            self._samples += 320 if frame is None else len(frame)
            if frame is not None:
                self.lengths.add(len(frame))
                self.delays_s.append(self.player.buffer.delay_s)

    def _push(self, arrival_s: float, number: int) -> None:
        payload = self._payloads[number % len(self._payloads)]
        packet = RtpPacket(PCMA, wrap(number, 16), wrap(number * 160, 32), 7, payload)
        self.player.push(packet, [Block(PCMA, payload)], CLOCK_HZ, arrival_s)


def watch(ppm: float, duration_s: float) -> None:
    talk = Talk(ppm)
    talk.run(SETTLED_S)
    talk.delays_s.clear()
    talk.run(duration_s)
    counters = talk.player.buffer.counters
    assert talk.player.concealed == counters.late == counters.skipped == 0
    assert max(talk.delays_s) - min(talk.delays_s) < 0.020  # 10 ms to either side
    assert max(talk.delays_s) < 0.025
    moved = abs(talk.player.stretched - talk.player.shortened) / SAMPLE_RATE_HZ
    assert moved == pytest.approx(duration_s * abs(ppm) * 1e-6, abs=0.020)


@pytest.mark.parametrize("ppm", [200, -200])
def test_ten_minutes_of_drift_leave_no_gap_and_move_the_delay_by_less_than_ten_ms(
    ppm: float,
) -> None:
    watch(ppm, 600.0)


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [200, -200])
def test_an_hour_of_drift_leaves_no_gap_and_moves_the_delay_by_less_than_ten_ms(
    ppm: float,
) -> None:
    watch(ppm, 3600.0)


def test_first_frame_loses_what_would_make_all_others_late() -> None:
    talk = Talk(0.0)
    talk.player.pull(0.0, is_free=True)
    talk._push(0.001, 0)
    frame, is_decoded = talk.player.pull(0.019, is_free=True)
    assert frame is not None and is_decoded
    # it came 18 ms before, of which the target of 3 ms stays
    assert len(frame) == 320 - 15 * 16
    assert talk.player.buffer.slack_s == pytest.approx(0.015)


def test_frames_of_any_length_make_up_for_a_delay_that_grew() -> None:
    talk = Talk(0.0)
    talk.run(20.0)
    before_s = np.mean(talk.delays_s[-50:])
    talk._samples += 500  # the listener's machine did nothing for 31 ms
    talk.run(60.0)
    assert np.mean(talk.delays_s[-50:]) == pytest.approx(before_s, abs=0.005)
    assert min(talk.lengths) < 320 and talk.player.concealed == 0


def test_ear_that_takes_whole_frames_gets_none_of_another_length() -> None:
    talk = Talk(0.0)
    talk._push(0.001, 0)
    for number in range(1, 50):
        talk._push(number * FRAME_S, number)
        frame, _ = talk.player.pull(number * FRAME_S + 0.010)
        assert frame is not None and len(frame) == 320


def test_next_sound_is_ready_when_its_packet_is_here() -> None:
    talk = Talk(0.0)
    assert talk.player.is_ready  # nothing was to come
    talk._push(0.0, 0)
    talk.player.pull(0.010, is_free=True)
    assert not talk.player.is_ready
    talk._push(0.041, 2)
    assert not talk.player.is_ready  # the one before is missing
    talk._push(0.042, 1)
    assert talk.player.is_ready


def test_long_frames_come_in_pieces() -> None:
    player = Player(Codec.PCMA)
    payload = bytes([0xD5]) * 480
    packet = RtpPacket(PCMA, 1, 0, 7, payload)
    player.push(packet, [Block(PCMA, payload)], CLOCK_HZ, 0.0)
    frames = [player.pull(at_s, is_free=True)[0] for at_s in (0.010, 0.030)]
    # of 960 samples 7 ms are left out: so much later than needed it would all have been
    assert [0 if one is None else len(one) for one in frames] == [320, 960 - 112 - 320]
