"""The sound card in a browser: the page's pace, silence in its place, bursts, another page."""

from __future__ import annotations

from firmware.drivers.chips import PERIOD_BYTES
from firmware.drivers.sim.browser import (
    OVERDUE_S,
    PAGE_DELAY_MAX_S,
    PAGE_DELAY_S,
    WAITING_MAX,
    BrowserCard,
)
from firmware.model import FRAME_S, FRAME_SAMPLES
from tests.drivers.sim.test_pcm import ALMOST_S, XRUN, HandClock, period

SILENCE = bytes(PERIOD_BYTES)


def nobody(_data: bytes) -> None:
    """A page that does not listen."""


def test_capture_without_a_page_is_silence_at_the_pace_of_sound() -> None:
    hand = HandClock()
    capture = BrowserCard(hand.clock).open_capture()
    begun_s = hand.now_s
    for count in range(1, 4):
        assert capture.read() == (FRAME_SAMPLES, SILENCE)
        assert abs(hand.now_s - begun_s - count * FRAME_S) < ALMOST_S


def test_frame_of_the_page_is_read_at_once() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    capture = card.open_capture()
    begun_s = hand.now_s
    card.hear(period(7))
    assert capture.read() == (FRAME_SAMPLES, period(7))
    assert hand.now_s == begun_s


def test_frame_that_is_long_overdue_is_silence_and_is_dropped_when_it_comes_in_a_burst() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    capture = card.open_capture()
    begun_s = hand.now_s
    assert capture.read() == (FRAME_SAMPLES, SILENCE)
    assert hand.now_s - begun_s >= FRAME_S + OVERDUE_S - ALMOST_S
    assert capture.read() == (FRAME_SAMPLES, SILENCE), "and then at the pace of sound"
    for value in (1, 2, 3):
        card.hear(period(value))
    assert capture.read() == (FRAME_SAMPLES, period(3)), "two stood for the two silences"


def test_late_frames_at_the_pace_of_sound_are_all_heard() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    capture = card.open_capture()
    for _ in range(50):  # the page is asked for its microphone
        capture.read()
    for value in range(20):
        hand.now_s += FRAME_S
        card.hear(period(value))
        assert capture.read() == (FRAME_SAMPLES, period(value))


def test_frames_that_nobody_reads_are_few_and_their_loss_is_told() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    capture = card.open_capture()
    for value in range(WAITING_MAX + 2):
        card.hear(period(value))
    assert capture.read() == (XRUN, period(2))
    assert capture.read() == (FRAME_SAMPLES, period(3))


def test_frames_of_the_call_before_are_not_heard_in_the_next() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    card.hear(period(1))
    assert card.open_capture().read() == (FRAME_SAMPLES, SILENCE)


def test_playback_hands_each_period_over_at_once_at_the_pace_of_sound() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    spoken: list[tuple[float, bytes]] = []
    card.attach(lambda data: spoken.append((hand.now_s, data)))
    playback = card.open_playback()
    begun_s = hand.now_s
    for value in range(3):
        assert playback.write(period(value)) == FRAME_SAMPLES
    assert [data for _, data in spoken] == [period(0), period(1), period(2)]
    for (spoken_s, _), frames in zip(spoken, (0, 0, 1), strict=True):  # one is early
        assert abs(spoken_s - begun_s - frames * FRAME_S) < ALMOST_S
    assert abs(playback.queued_s() - 2 * FRAME_S) < ALMOST_S


def test_playback_that_was_held_up_says_so_and_goes_on_at_the_pace_of_sound() -> None:
    hand = HandClock()
    playback = BrowserCard(hand.clock).open_playback()
    playback.write(SILENCE)
    hand.now_s += 1.0
    assert playback.write(SILENCE) == XRUN
    before_s = hand.now_s
    for _ in range(2):
        assert playback.write(SILENCE) == FRAME_SAMPLES
    assert abs(hand.now_s - before_s - FRAME_S) < ALMOST_S


def test_playback_in_pieces_is_handed_over_in_whole_periods() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    spoken: list[bytes] = []
    card.attach(spoken.append)
    playback = card.open_playback()
    assert playback.write(period(1)[:160]) == 80
    assert spoken == []
    playback.write(period(1)[160:] + period(2)[:32])
    assert spoken == [period(1)]


def test_capture_says_how_long_there_is_to_wait_and_never_waits_then() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    card.attach(nobody)
    capture = card.open_capture()
    assert abs(capture.wait_s() - FRAME_S) < ALMOST_S
    card.hear(period(1))
    assert capture.wait_s() == 0.0
    begun_s = hand.now_s
    assert capture.read() == (FRAME_SAMPLES, period(1))
    while wait_s := capture.wait_s():
        hand.now_s += wait_s
    assert hand.now_s - begun_s >= FRAME_S + OVERDUE_S - ALMOST_S
    before_s = hand.now_s
    assert capture.read() == (FRAME_SAMPLES, SILENCE)
    card.hear(period(2))  # in whose place it was
    assert capture.wait_s() > 0
    assert hand.now_s == before_s


def test_next_page_takes_over_and_the_last_one_takes_nothing_with_it() -> None:
    hand = HandClock()
    card = BrowserCard(hand.clock)
    first: list[bytes] = []
    second: list[bytes] = []
    speak_first, speak_second = first.append, second.append
    card.attach(speak_first)
    card.attach(speak_second)
    card.detach(speak_first)
    card.open_playback().write(period(1))
    assert (first, second) == ([], [period(1)])
    card.detach(speak_second)
    assert not card.has_page


def test_delay_is_what_the_page_measured_within_reason() -> None:
    card = BrowserCard()
    playback = card.open_playback()
    assert playback.delay_s == PAGE_DELAY_S
    card.measured(0.150)
    assert playback.delay_s == 0.150
    card.measured(1e9)
    assert playback.delay_s == PAGE_DELAY_MAX_S
