"""What both ends of a call tell each other, and what they make of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from firmware.events import ChangeCodec, DatagramReceived, MediaReported, SendDatagram
from firmware.media.rtp import is_rtcp
from firmware.media.session import MediaSession
from firmware.model import FRAME_S, FRAME_SAMPLES, Codec, Endpoint, Frame, RtpCounters
from tests.media.line import ANNA, BERT, Way, started_pair

ELSEWHERE = Endpoint("203.0.113.9", 40_000)


def _hum(first: int) -> Frame:
    n = np.arange(first * FRAME_SAMPLES, (first + 1) * FRAME_SAMPLES)
    return np.asarray(6_000 * np.sin(2 * np.pi * 300 * n / 16_000)).astype(np.int16)


class _Call:
    """Both ends hum; every datagram goes its way, reports as well."""

    def __init__(self, codec: Codec, way: Way) -> None:
        self.anna, self.bert = started_pair(codec)
        self.heard: list[Frame] = []
        self.reports: dict[Endpoint, RtpCounters] = {}
        self.sent_bytes: list[int] = []  # of Anna's speech, packet by packet
        self.rtcp_s: list[float] = []  # when Bert reported
        self._way, self._tick, self._number = way, 0, 0
        self._coming: list[tuple[float, int, MediaSession, bytes, Endpoint]] = []

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            now_s = self._tick * FRAME_S
            for session, name in ((self.anna, ANNA), (self.bert, BERT)):
                messages = session.capture(_hum(self._tick), now_s) + session.on_time(now_s)
                for message in messages:
                    if isinstance(message, SendDatagram):
                        self._send(session, name, message.data, now_s)
                    elif isinstance(message, MediaReported):
                        self.reports[name] = message.counters
            self._tick += 1
            play_s = now_s + 0.012
            self._coming.sort(key=lambda one: one[:2])
            while self._coming and self._coming[0][0] <= play_s:
                at_s, _, session, data, source = self._coming.pop(0)
                session.handle(DatagramReceived(data, source), at_s)
            self.anna.playout(play_s)
            frame = self.bert.playout(play_s)
            if frame is not None:
                self.heard.append(frame)

    def _send(self, session: MediaSession, name: Endpoint, data: bytes, now_s: float) -> None:
        self._number += 1
        if session is self.anna and not is_rtcp(data):
            self.sent_bytes.append(len(data))
        if session is self.bert and is_rtcp(data):
            self.rtcp_s.append(now_s)
        other = self.bert if session is self.anna else self.anna
        for transit_s in self._way(self._number, now_s):
            self._coming.append((now_s + transit_s, self._number, other, data, name))


@pytest.mark.parametrize("transit_s", [0.005, 0.080, 0.300])
def test_round_trip_is_told_without_a_common_clock(transit_s: float) -> None:
    call = _Call(Codec.PCMA, lambda _number, _now_s: [transit_s])
    call.run(4.0)
    for counters in call.reports.values():
        assert counters.rtt_s == pytest.approx(2 * transit_s, abs=FRAME_S)


def test_clean_line_is_called_good_and_carries_no_copies() -> None:
    call = _Call(Codec.OPUS, lambda _number, _now_s: [0.010])
    call.run(6.0)
    counters = call.reports[BERT]
    assert counters.opinion is not None and counters.opinion > 4.2
    assert counters.remote_loss == 0.0 and counters.frames_concealed == 0
    assert call.sent_bytes[-1] == 12 + 60 + 16 < call.sent_bytes[5]


def test_lost_packets_come_back_as_copies_and_each_end_knows_of_them() -> None:
    seed = 51
    dice = random.Random(seed)
    call = _Call(Codec.OPUS, lambda _number, _now_s: [0.010] if dice.random() > 0.1 else [])
    call.run(12.0)
    counters = call.reports[BERT]
    assert 0.05 < call.reports[ANNA].remote_loss < 0.16, f"seed {seed}"
    assert counters.packets_lost > 30, f"seed {seed}"
    assert counters.frames_recovered > 0.9 * counters.packets_lost, f"seed {seed}"
    assert counters.frames_concealed < 0.25 * counters.packets_lost, f"seed {seed}"


def test_reports_are_one_a_second_and_never_closer_than_a_quarter() -> None:
    seed = 52
    dice = random.Random(seed)
    call = _Call(Codec.PCMA, lambda _number, _now_s: [0.010] if dice.random() > 0.2 else [])
    call.run(20.0)
    apart = np.diff(call.rtcp_s)
    assert apart.min() >= 0.24 and apart.max() <= 1.05, f"seed {seed}"
    assert len(call.rtcp_s) <= 20 * 2 + 4, f"seed {seed}"


def test_packets_on_two_paths_are_heard_once() -> None:
    call = _Call(Codec.PCMA, lambda _number, _now_s: [0.010, 0.035])
    call.run(4.0)
    counters = call.reports[BERT]
    assert counters.packets_duplicate == pytest.approx(counters.packets_received, abs=3)
    assert counters.frames_concealed == 0


def test_second_path_that_loses_half_is_not_heard_when_the_first_loses_other_packets() -> None:
    def way(number: int, _now_s: float) -> list[float]:
        return [0.010] if number % 4 < 2 else [0.030]

    call = _Call(Codec.PCMA, way)
    call.run(6.0)
    assert call.reports[BERT].packets_lost == 0
    assert call.reports[BERT].frames_concealed <= 2


@pytest.mark.parametrize(("before", "after"), [(Codec.OPUS, Codec.PCMA), (Codec.PCMU, Codec.OPUS)])
def test_codec_changes_in_the_middle_of_a_call_without_a_gap(before: Codec, after: Codec) -> None:
    call = _Call(before, lambda _number, _now_s: [0.010])
    call.run(3.0)
    call.anna.handle(ChangeCodec(after), 3.0)
    call.run(3.0)
    assert call.reports[BERT].frames_concealed <= 1
    assert call.reports[BERT].packets_malformed == 0
    levels = [float(np.sqrt(np.mean(np.square(f.astype(float))))) for f in call.heard[20:]]
    assert min(levels) > 3_000, levels
    assert call.reports[ANNA].remote_loss == 0.0


def test_line_that_gets_full_makes_the_sender_thrifty() -> None:
    free_s = 0.0

    def way(_number: int, now_s: float) -> list[float]:
        nonlocal free_s
        # 40 kbit/s for both directions together, after three seconds without a limit
        free_s = max(free_s, now_s) + (0.020 if now_s > 3.0 else 0.0)
        return [0.010 + free_s - now_s] if free_s - now_s < 0.5 else []

    call = _Call(Codec.OPUS, way)
    call.run(3.0)
    call.run(15.0)
    before = len(call.sent_bytes)
    call.run(3.0)
    assert len(call.sent_bytes) - before <= 60  # of 150 frames: three share a packet
    assert call.sent_bytes[-1] <= 12 + 90 + 16  # at 12 kbit/s
