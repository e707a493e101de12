"""What we send, fitted to the line."""

from __future__ import annotations

import random

import pytest

from firmware.media.adapt import (
    FATES_MIN,
    LEVELS,
    QUEUE_MAX_S,
    REDUNDANCY_MAX_BPS,
    REMEMBERED,
    Adapter,
    best_distances,
    residual_loss,
)

OPUS, G711 = 24_000, 64_000


def _random_fates(seed: int, count: int, loss: float) -> list[bool]:
    dice = random.Random(seed)
    return [dice.random() >= loss for _ in range(count)]


def _reported(adapter: Adapter, begin: int, fates: list[bool], rtt_s: float = 0.05) -> int:
    """In pieces of a second, as reports come; the number after the last one."""
    for start in range(0, len(fates), 50):
        piece = fates[start : start + 50]
        adapter.packets_fared(begin, piece)
        adapter.reported(rtt_s)
        begin += len(piece)
    return begin


def test_call_begins_with_copies_and_drops_them_on_a_clean_line() -> None:
    adapter = Adapter(OPUS)
    assert adapter.plan.distances
    adapter.packets_fared(0, [True] * (FATES_MIN - 1))
    assert adapter.reported(0.05).distances
    adapter.packets_fared(FATES_MIN - 1, [True] * 50)
    assert adapter.reported(0.05).distances == ()


@pytest.mark.parametrize(("bitrate", "copies"), [(OPUS, 2), (G711, 1)])
@pytest.mark.parametrize("loss", [0.05, 0.10, 0.20])
def test_random_loss_brings_copies_near_by(bitrate: int, copies: int, loss: float) -> None:
    seed = 41
    adapter = Adapter(bitrate)
    _reported(adapter, 0, _random_fates(seed, 500, loss))
    distances = adapter.plan.distances
    assert 1 <= len(distances) <= copies and max(distances) <= 3, f"seed {seed}: {distances}"


def test_copies_of_long_packets_are_no_later_than_those_of_short_ones() -> None:
    adapter = Adapter(OPUS, packet_s=0.060)
    _reported(adapter, 0, ([True] * 30 + [False] * 4) * 15)
    assert adapter.plan.distances and max(adapter.plan.distances) <= 2  # 120 ms


def test_long_bursts_bring_copies_from_farther_away() -> None:
    adapter = Adapter(OPUS)
    _reported(adapter, 0, ([True] * 30 + [False] * 4) * 15)
    assert max(adapter.plan.distances) >= 4


def test_copies_go_again_when_the_loss_is_over_and_stay_until_then() -> None:
    adapter = Adapter(OPUS)
    after = _reported(adapter, 0, _random_fates(42, 500, 0.1))
    after = _reported(adapter, after, [True] * 200)
    assert adapter.plan.distances
    _reported(adapter, after, [True] * (REMEMBERED + 50))
    assert adapter.plan.distances == ()


def test_single_lost_packet_in_ten_seconds_brings_no_copy() -> None:
    adapter = Adapter(G711)
    _reported(adapter, 0, [True] * 250 + [False] + [True] * 250)
    assert adapter.plan.distances == ()


def test_copies_never_take_more_than_their_bits() -> None:
    for bitrate in (12_000, 24_000, 32_000, 64_000):
        for loss in (0.01, 0.1, 0.5, 0.9):
            assert len(best_distances(loss, 3.0, bitrate)) * bitrate <= REDUNDANCY_MAX_BPS


def test_round_trip_that_rises_lowers_the_bit_rate_before_anything_is_lost() -> None:
    adapter = Adapter(OPUS)
    after = _reported(adapter, 0, [True] * 300, rtt_s=0.050)
    assert adapter.plan.level == 0
    after = _reported(adapter, after, [True] * 200, rtt_s=0.050 + 1.5 * QUEUE_MAX_S)
    assert adapter.plan.level > 0 and adapter.plan.distances == ()
    _reported(adapter, after, [True] * 2_500, rtt_s=0.055)
    assert adapter.plan.level == 0


def test_loss_on_a_full_line_brings_in_band_fec_and_no_copies() -> None:
    adapter = Adapter(OPUS)
    after = _reported(adapter, 0, [True] * 300, rtt_s=0.050)
    _reported(adapter, after, _random_fates(43, 300, 0.2), rtt_s=0.5)
    assert adapter.plan.level == len(LEVELS) - 1
    assert adapter.plan.distances == () and adapter.plan.loss_percent >= 10
    assert adapter.plan.frames == 3


def test_line_that_was_full_from_the_beginning_is_noticed_by_loss_and_a_long_round_trip() -> None:
    adapter = Adapter(OPUS)
    _reported(adapter, 0, _random_fates(46, 300, 0.4), rtt_s=0.6)
    assert adapter.plan.level == len(LEVELS) - 1


def test_long_line_that_loses_is_not_taken_for_full_for_ever() -> None:
    adapter = Adapter(OPUS)
    _reported(adapter, 0, _random_fates(47, 3_000, 0.1), rtt_s=0.6)
    assert adapter.plan.level < len(LEVELS) - 1 or adapter.plan.distances == ()
    _reported(adapter, 3_000, _random_fates(48, 6_000, 0.1), rtt_s=0.6)
    assert adapter.plan.level == 0 and adapter.plan.distances


def test_jitter_of_the_round_trip_alone_lowers_nothing() -> None:
    seed = 44
    dice = random.Random(seed)
    adapter = Adapter(OPUS)
    for number in range(100):
        adapter.packets_fared(50 * number, [True] * 50)
        adapter.reported(0.020 + dice.uniform(0, 0.06) + dice.uniform(0, 0.06))
        assert adapter.plan.level == 0, f"seed {seed}, report {number}"


def test_fates_told_twice_count_once() -> None:
    adapter = Adapter(OPUS)
    for _ in range(5):
        adapter.packets_fared(0, [True] * 45 + [False] * 5)
    assert adapter.loss == pytest.approx(0.1)


def test_residual_loss_is_that_of_independent_packets_when_they_are() -> None:
    assert residual_loss((1, 2), 0.1, 1 / 0.9) == pytest.approx(0.001)


@pytest.mark.parametrize("distances", [(1,), (3,), (2, 5)])
def test_residual_loss_is_that_of_a_line_of_two_states(distances: tuple[int, ...]) -> None:
    seed, loss, burst = 45, 0.1, 3.0
    dice = random.Random(seed)
    is_lost, fates = False, []
    for _ in range(300_000):
        leave, enter = 1 / burst, loss / (1 - loss) / burst
        is_lost = dice.random() >= leave if is_lost else dice.random() < enter
        fates.append(is_lost)
    all_lost = sum(
        fates[i] and all(fates[i + distance] for distance in distances)
        for i in range(len(fates) - 10)
    )
    expected = residual_loss(distances, loss, burst)
    assert all_lost / len(fates) == pytest.approx(expected, rel=0.08), f"seed {seed}"
