"""The jitter buffer, in sentences. Packets here carry their own number as payload."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

import pytest

from firmware.media.delay import OBSERVED_MAX, TARGET_MIN_S
from firmware.media.jitter import (
    DELAY_JUMP_S,
    FRAMES_MAX,
    SEQUENCE_JUMP_MAX,
    Gap,
    JitterBuffer,
    Ready,
)
from firmware.media.reception import FATES_MAX
from firmware.media.red import Block
from firmware.media.rtp import RtpPacket, wrap
from firmware.model import FRAME_S

CLOCK_HZ = 8_000
TICKS = 160
PLAY_AFTER_S = 0.015  # after the tick at which a packet of no delay arrives

PIECE_S = 0.008

Played = list[int | Gap]


def _packet(number: int, *, first: int = 0, timestamp: int = 0, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(
        8,
        wrap(first + number, 16),
        wrap(timestamp + number * TICKS, 32),
        ssrc,
        str(number).encode(),
    )


def _push(buffer: JitterBuffer, packet: RtpPacket, now_s: float) -> bool:
    return buffer.push(packet, [Block(packet.payload_type, packet.payload)], CLOCK_HZ, now_s)


class _Ear:
    """Takes a frame at a time, and lengthens or shortens what it has by pieces of 8 ms."""

    def __init__(self, buffer: JitterBuffer) -> None:
        self.played: Played = []
        self._buffer, self._ahead_s = buffer, 0.0

    def pull(self, now_s: float) -> None:
        while self._ahead_s < FRAME_S - 1e-9:
            popped = self._buffer.pop(now_s)
            if popped is Gap.EMPTY:
                self.played.append(popped)
                return
            fit_s = 0.0
            if isinstance(popped, Ready):
                excess_s = self._buffer.played(FRAME_S, self._ahead_s, FRAME_S)
                fit_s = min(max(excess_s, -PIECE_S), PIECE_S) if abs(excess_s) > 0.0025 else 0.0
                self.played.append(int(popped.payload or b"0"))
            else:
                self.played.append(popped)
            self._ahead_s += FRAME_S - fit_s
        self._ahead_s -= FRAME_S


def _play(
    buffer: JitterBuffer,
    arrivals: Iterable[tuple[float, RtpPacket]],
    pops: range,
    clock_rate: float = 1.0,
) -> Played:
    """Push what arrives (time, packet), pull once per frame; what was heard, by number."""
    coming = deque(sorted(arrivals, key=lambda one: one[0]))
    ear = _Ear(buffer)
    for tick in pops:
        now_s = tick * FRAME_S * clock_rate + PLAY_AFTER_S
        while coming and coming[0][0] <= now_s:
            arrival_s, packet = coming.popleft()
            _push(buffer, packet, arrival_s)
        ear.pull(now_s)
    return ear.played


def _steady(numbers: Iterable[int], delay_s: float = 0.0) -> list[tuple[float, RtpPacket]]:
    return [(number * FRAME_S + delay_s, _packet(number)) for number in numbers]


def _numbers(played: Played) -> list[int]:
    return [one for one in played if not isinstance(one, Gap)]


def test_buffer_before_the_first_packet_is_empty() -> None:
    assert JitterBuffer().pop(0.0) is Gap.EMPTY


def test_clean_line_plays_each_packet_in_the_frame_in_which_it_comes() -> None:
    buffer = JitterBuffer()
    assert _play(buffer, _steady(range(500)), range(500)) == list(range(500))
    assert buffer.delay_s == pytest.approx(PLAY_AFTER_S)
    assert buffer.counters.lost == buffer.counters.late == buffer.counters.skipped == 0


def test_first_packet_just_before_its_frame_waits_one_frame() -> None:
    # without that reserve the least unrest of the clocks would be heard
    buffer = JitterBuffer()
    arrivals = _steady(range(10), delay_s=PLAY_AFTER_S - TARGET_MIN_S / 2)
    assert _play(buffer, arrivals, range(11)) == [Gap.EMPTY, *range(10)]


def test_lost_packet_is_concealed_for_exactly_its_own_time() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(number for number in range(100) if number != 50)
    assert _play(buffer, arrivals, range(100)) == [*range(50), Gap.LOST, *range(51, 100)]
    assert buffer.counters.lost == 1


def test_burst_of_five_lost_packets_is_concealed_for_exactly_its_time() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(number for number in range(100) if not 50 <= number < 55)
    assert _play(buffer, arrivals, range(100)) == [*range(50), *[Gap.LOST] * 5, *range(55, 100)]
    assert buffer.counters.lost == 5


def test_half_of_the_packets_lost_leaves_the_delay_alone() -> None:
    seed = 2
    dice = random.Random(seed)
    buffer = JitterBuffer()
    arrivals = _steady(number for number in range(1_000) if number < 5 or dice.random() < 0.5)
    played = _play(buffer, arrivals, range(1_000))
    for number, one in enumerate(played):
        assert one in (number, Gap.LOST), f"seed {seed}, frame {number}: {one}"
    assert len(_numbers(played)) == len(arrivals)


def test_swapped_packets_are_played_in_order() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(range(100))
    for number in range(10, 90, 10):
        arrivals[number] = (arrivals[number][0] + 0.021, arrivals[number][1])
    played = _play(buffer, arrivals, range(110))
    assert _numbers(played) == list(range(100))
    assert buffer.counters.lost == 0


def test_duplicate_packet_is_played_once_and_counted() -> None:
    buffer = JitterBuffer()
    arrivals = [*_steady(range(50)), *_steady(range(50), delay_s=0.05)]
    assert _numbers(_play(buffer, arrivals, range(60))) == list(range(50))
    assert buffer.counters.duplicate == 50
    assert buffer.counters.late == buffer.counters.lost == 0


def test_packet_that_comes_after_it_was_given_up_is_late_and_no_longer_lost() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(range(100))
    arrivals[50] = (arrivals[50][0] + 0.3, arrivals[50][1])
    played = _play(buffer, arrivals, range(100))
    assert played == [*range(50), Gap.LOST, *range(51, 100)]
    assert (buffer.counters.late, buffer.counters.lost) == (1, 0)


def test_jitter_of_sixty_milliseconds_costs_one_frame_a_hundred_at_most() -> None:
    seed = 4
    dice = random.Random(seed)
    buffer = JitterBuffer()
    arrivals = [(at_s + dice.uniform(0, 0.060), packet) for at_s, packet in _steady(range(1_500))]
    played = _play(buffer, arrivals, range(1_500))
    assert len(_numbers(played)) >= 1_480, f"seed {seed}"
    assert _numbers(played) == sorted(_numbers(played))
    assert buffer.delay_s < 0.060 + 2 * FRAME_S + PLAY_AFTER_S


def test_delay_shrinks_again_when_the_jitter_is_over() -> None:
    seed = 6
    dice = random.Random(seed)
    buffer = JitterBuffer()
    arrivals = [
        (at_s + (dice.uniform(0, 0.100) if at_s < 10 else 0.0), packet)
        for at_s, packet in _steady(range(1_500))
    ]
    _play(buffer, arrivals, range(500))
    late_s = buffer.delay_s
    _play(buffer, [one for one in arrivals if one[0] > 10], range(500, 500 + OBSERVED_MAX + 500))
    assert late_s > 0.080, f"seed {seed}"
    assert buffer.delay_s < TARGET_MIN_S + 1.5 * FRAME_S, f"seed {seed}"


def test_single_stall_does_not_lengthen_the_delay_for_long() -> None:
    buffer = JitterBuffer()
    arrivals = [
        (max(at_s, 4.4) if 4.0 <= at_s < 4.4 else at_s, packet)
        for at_s, packet in _steady(range(500))
    ]
    played = _play(buffer, arrivals, range(500))
    assert _numbers(played) == sorted(_numbers(played))
    assert played[300:] == list(range(300, 500))


def test_path_that_becomes_longer_by_half_a_second_is_heard_again_without_gaps() -> None:
    buffer = JitterBuffer()
    arrivals = [(at_s + (0.5 if at_s >= 4 else 0), packet) for at_s, packet in _steady(range(600))]
    played = _play(buffer, arrivals, range(600))
    heard = _numbers(played[350:])
    assert heard == list(range(heard[0], heard[0] + 250))


def test_path_that_becomes_shorter_loses_its_delay_step_by_step() -> None:
    buffer = JitterBuffer()
    arrivals = [(at_s + (0.1 if at_s < 4 else 0), packet) for at_s, packet in _steady(range(2_000))]
    played = _play(buffer, arrivals, range(2_000))
    assert played[-1] in (1_998, 1_999)
    assert buffer.counters.skipped == buffer.counters.lost == 0


@pytest.mark.parametrize("clock_rate", [0.9995, 1.0005])
def test_clocks_that_drift_by_five_hundred_millionths_cost_a_frame_in_forty_seconds(
    clock_rate: float,
) -> None:
    buffer = JitterBuffer()
    played = _play(buffer, _steady(range(6_000)), range(5_900), clock_rate)
    heard = _numbers(played)
    assert heard == sorted(heard)
    assert played.count(Gap.LOST) + buffer.counters.skipped <= 5
    assert buffer.delay_s < 3 * FRAME_S


def test_unrest_of_our_own_clock_costs_one_frame_and_not_one_each_time() -> None:
    buffer = JitterBuffer()
    ear = _Ear(buffer)
    for tick in range(3_000):
        is_early = tick % 90 == 89  # before the packet of this tick has come
        if not is_early:
            _push(buffer, _packet(tick), tick * FRAME_S)
        ear.pull(tick * FRAME_S + (-0.003 if is_early else PLAY_AFTER_S))
        if is_early:
            _push(buffer, _packet(tick), tick * FRAME_S)
    assert (ear.played.count(Gap.LOST), buffer.counters.skipped) == (1, 0)


def test_sequence_number_and_timestamp_wrap_unheard() -> None:
    buffer = JitterBuffer()
    arrivals = [
        (n * FRAME_S, _packet(n, first=65_500, timestamp=2**32 - 50 * TICKS)) for n in range(200)
    ]
    assert _play(buffer, arrivals, range(200)) == list(range(200))
    assert buffer.counters.resyncs == 0


def test_packets_reordered_across_the_wrap_are_played_in_order() -> None:
    buffer = JitterBuffer()
    arrivals = [(n * FRAME_S, _packet(n, first=65_526, timestamp=5)) for n in range(40)]
    arrivals[9], arrivals[10] = (
        (arrivals[9][0], arrivals[10][1]),
        (arrivals[10][0], arrivals[9][1]),
    )
    assert _numbers(_play(buffer, arrivals, range(45))) == list(range(40))


def test_new_ssrc_begins_anew_at_once() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(range(50))
    arrivals += [
        (n * FRAME_S, _packet(n, first=40_000, timestamp=9**9, ssrc=2)) for n in range(50, 100)
    ]
    assert _play(buffer, arrivals, range(100)) == list(range(100))
    assert buffer.counters.resyncs == 1


@pytest.mark.parametrize(
    ("first", "timestamp"),
    [(SEQUENCE_JUMP_MAX + 50, 0), (-SEQUENCE_JUMP_MAX - 50, 0), (0, 9 * CLOCK_HZ), (0, -(2**30))],
)
def test_peer_whose_numbers_jump_is_heard_on_at_once(first: int, timestamp: int) -> None:
    buffer = JitterBuffer()
    arrivals = _steady(range(50))
    arrivals += [
        (n * FRAME_S, _packet(n, first=first, timestamp=timestamp)) for n in range(50, 100)
    ]
    assert _play(buffer, arrivals, range(100)) == list(range(100))
    assert buffer.counters.resyncs == 1


def test_silence_of_the_sender_costs_no_packet() -> None:
    # numbers go on, the timestamp jumps by the pause: RFC 3550 section 5.1
    buffer = JitterBuffer()
    arrivals = _steady(range(50))
    pause = 75
    arrivals += [
        ((n + pause) * FRAME_S, _packet(n, timestamp=pause * TICKS)) for n in range(50, 99)
    ]
    played = _play(buffer, arrivals, range(99 + pause))
    assert _numbers(played) == list(range(99))
    assert buffer.counters.lost == buffer.counters.resyncs == 0


def test_buffer_that_nobody_empties_keeps_the_newest_packets() -> None:
    buffer = JitterBuffer()
    for at_s, packet in _steady(range(3 * FRAMES_MAX)):
        _push(buffer, packet, at_s)
    assert buffer.counters.skipped == 2 * FRAMES_MAX
    played = _play(buffer, [], range(3 * FRAMES_MAX, 3 * FRAMES_MAX + 1))
    assert played[0] in (3 * FRAMES_MAX - 2, 3 * FRAMES_MAX - 1)
    assert buffer.counters.lost == 0


def test_outage_of_many_seconds_ends_with_the_usual_delay() -> None:
    buffer = JitterBuffer()
    played = _play(buffer, _steady(n for n in range(800) if not 200 <= n < 600), range(800))
    assert played[603:] == list(range(603, 800))
    assert buffer.counters.lost == 400


def test_packet_from_beyond_the_history_counts_as_duplicate() -> None:
    buffer = JitterBuffer()
    for at_s, packet in _steady(range(1, FATES_MAX + 1)):
        _push(buffer, packet, at_s)
    assert not _push(buffer, _packet(0), FATES_MAX * FRAME_S)
    assert buffer.counters.duplicate == 1


def test_straggler_of_three_seconds_is_late_and_disturbs_nothing() -> None:
    buffer = JitterBuffer()
    arrivals = _steady(range(300))
    arrivals[50] = (arrivals[50][0] + DELAY_JUMP_S + 1, arrivals[50][1])
    played = _play(buffer, arrivals, range(300))
    assert played == [*range(50), Gap.LOST, *range(51, 300)]
    assert (buffer.counters.late, buffer.counters.resyncs) == (1, 0)


def test_only_the_newest_packet_is_called_newest() -> None:
    buffer = JitterBuffer()
    pushed = [_push(buffer, _packet(n), n * FRAME_S) for n in (0, 2, 1, 2, 3)]
    assert pushed == [True, True, False, False, True]


def test_hostile_numbers_and_times_never_break_the_buffer() -> None:
    seed = 8
    dice = random.Random(seed)
    buffer = JitterBuffer()
    ear = _Ear(buffer)
    now_s, number, timestamp = 100.0, 0, 0
    for turn in range(20_000):
        now_s += dice.choice([0.0, 0.0, 0.001, FRAME_S, 3.0])
        number += dice.choice([1, 1, 1, -1, 2, 700, -300, 5_000])
        timestamp += dice.choice([TICKS, TICKS, 0, -TICKS, 15_000, -15_000, 10**8])
        packet = RtpPacket(8, wrap(number, 16), wrap(timestamp, 32), dice.randrange(2), b"")
        copies = [Block(8, b"", dice.choice([1, TICKS, 16_383])) for _ in range(dice.randrange(3))]
        buffer.push(packet, [*copies, Block(8, b"")], dice.choice([8_000, 48_000]), now_s)
        if dice.random() < 0.5:
            ear.pull(now_s)
        counters = buffer.counters
        assert len(ear.played) <= 2 * turn + 2, f"seed {seed}, turn {turn}"
        assert buffer.jitter_s >= 0 and counters.lost >= 0, f"seed {seed}, turn {turn}"
    assert counters.received == 20_000
