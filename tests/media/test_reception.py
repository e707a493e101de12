"""What came of the packets of one sender."""

from __future__ import annotations

import pytest

from firmware.media.reception import FATES_MAX, UNSETTLED, Reception
from firmware.model import FRAME_S


def _received(delays_s: list[float]) -> Reception:
    reception = Reception(0)
    for number, delay_s in enumerate(delays_s):
        reception.take(number, number * FRAME_S, number * FRAME_S + delay_s)
    return reception


def test_jitter_is_that_of_rfc_3550() -> None:
    # appendix A.8: J += (|D| - J) / 16 with D = 10 ms from packet to packet tends to 10 ms
    assert _received([0.0, 0.010] * 200).jitter_s == pytest.approx(0.010, rel=1e-3)
    assert _received([0.0, 0.016]).jitter_s == pytest.approx(0.001)


def test_lost_packets_are_those_that_were_never_seen() -> None:
    reception = Reception(10)
    for number in (10, 11, 14, 13, 14, 20):
        reception.take(number, 0.0, 0.0)
    assert (reception.received, reception.expected, reception.lost) == (5, 11, 6)


def test_packet_for_the_second_time_is_not_taken() -> None:
    reception = _received([0.0] * 10)
    assert not reception.take(5, 0.0, 0.0)
    assert reception.take(10, 0.0, 0.0)


def test_packet_from_before_the_first_is_taken_and_moves_the_beginning() -> None:
    reception = Reception(10)
    assert reception.take(10, 0.0, 0.0) and reception.take(8, 0.0, 0.0)
    assert (reception.expected, reception.lost) == (3, 1)


def test_packet_older_than_the_memory_is_not_taken() -> None:
    reception = _received([0.0] * (FATES_MAX + 10))
    assert not reception.take(3, 0.0, 0.0)


def test_fraction_lost_is_of_the_packets_since_the_last_question() -> None:
    reception = Reception(0)
    for number in (0, 1, 2, 4):
        reception.take(number, 0.0, 0.0)
    assert reception.fraction_lost() == pytest.approx(0.2)
    assert reception.fraction_lost() == 0.0
    for number in (6, 8):
        reception.take(number, 0.0, 0.0)
    assert reception.fraction_lost() == pytest.approx(0.5)


def test_fates_leave_out_the_newest_which_may_only_be_late() -> None:
    reception = Reception(0)
    for number in range(20):
        if number not in (3, 17):
            reception.take(number, 0.0, 0.0)
    begin, fates = reception.fates(100)
    assert (begin, len(fates)) == (0, 20 - UNSETTLED)
    assert [number for number, came in enumerate(fates) if not came] == [3]
