"""The display core: what makes a new picture, and when it wants to be called."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware import events
from firmware.events import Message, ShowPicture
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason, Part, RtpCounters
from firmware.ui.display import MISSED_MAX, Display
from tests.ui.cases import OWN, PEER

UTC_S = 1_700_000_000.0  # 22:13:20 in Greenwich
REACHABLE = events.ReachabilityChanged(nodes=40, published=True)
MISSED = events.CallEnded(PEER, incoming=True, reason=EndReason.MISSED, duration_s=0.0)
CONNECTED = CallView(state=CallState.CONNECTED, peer_number=PEER, connected_s=100.25)


def started(number: str | None = OWN, now_s: float = 0.0) -> Display:
    display = Display(number)
    display.handle(events.Started(), now_s)
    display.handle(REACHABLE, now_s)
    return display


def lines(messages: list[Message]) -> tuple[str, ...]:
    """The lines of the only picture in `messages`."""
    (message,) = messages
    assert isinstance(message, ShowPicture)
    return message.picture.lines


def report(loss: float) -> events.MediaReported:
    return events.MediaReported(Codec.OPUS, Endpoint("192.0.2.1", 6881), RtpCounters(), loss)


def test_display_shows_a_picture_when_the_box_starts() -> None:
    display = Display(OWN)
    assert lines(display.handle(events.Started(), 0.0)) == ("Starting", "4711 0815 1234")
    assert display.picture.lines == ("Starting", "4711 0815 1234")


def test_picture_of_the_status_is_the_one_last_shown() -> None:
    display = started()
    (message,) = display.handle(MISSED, 1.0)
    assert message == ShowPicture(display.picture)


@pytest.mark.parametrize(
    "fact",
    [
        REACHABLE,
        events.CallChanged(CallView()),
        events.HardwareRecovered(Part.RINGER),
        events.HookLifted(),
        events.KeyPressed("5"),
        report(0.0),
    ],
)
def test_fact_that_changes_nothing_to_be_seen_shows_nothing(fact: Message) -> None:
    assert started().handle(fact, 1.0) == []


def test_more_nodes_are_no_new_picture() -> None:
    assert started().handle(events.ReachabilityChanged(nodes=41, published=True), 1.0) == []


def test_search_for_the_number_shows_each_percent_once() -> None:
    display = started(number=None)
    shown = [display.handle(events.ClaimProgressed(n, 1000), 0.1 * n) for n in range(100)]
    pictures = [lines(messages) for messages in shown if messages]
    assert pictures[-1] == ("Making your", "number 9 %")
    assert len(shown) > len(pictures) >= 9


def test_claimed_number_is_shown_at_once() -> None:
    display = started(number=None)
    claimed = events.NumberClaimed(OWN, b"")
    assert lines(display.handle(claimed, 1.0)) == ("Ready", "4711 0815 1234")


def test_clock_starts_when_the_time_is_known_and_moves_each_minute() -> None:
    display = started()
    assert display.deadline_s() is None
    shown = display.handle(events.WallClockRead(UTC_S), 50.0)
    assert lines(shown)[0] == "Ready 22:13"
    assert display.deadline_s() == pytest.approx(90.0)
    assert lines(display.on_time(90.0))[0] == "Ready 22:14"
    assert display.deadline_s() == pytest.approx(150.0)


def test_clock_is_local_and_passes_midnight() -> None:
    display = started()
    shown = display.handle(events.WallClockRead(UTC_S, local_offset_s=3600.0 + 2760.0), 0.0)
    assert lines(shown)[0] == "Ready 23:59"
    assert lines(display.on_time(40.0))[0] == "Ready 00:00"


def test_clock_read_again_within_the_minute_shows_nothing() -> None:
    display = started()
    display.handle(events.WallClockRead(UTC_S), 0.0)
    assert display.handle(events.WallClockRead(UTC_S + 30.0), 30.0) == []


def test_timer_of_the_call_counts_each_second_from_the_answer() -> None:
    display = started()
    assert "00:00" in lines(display.handle(events.CallChanged(CONNECTED), 100.25))
    assert display.deadline_s() == pytest.approx(101.25)
    assert display.on_time(101.0) == []
    assert "00:01" in lines(display.on_time(101.25))
    assert "00:12" in lines(display.on_time(112.9))
    assert display.deadline_s() == pytest.approx(113.25)


@pytest.mark.parametrize("state", sorted({*CallState} - {CallState.IDLE, CallState.CONNECTED}))
def test_nothing_moves_in_the_other_states(state: CallState) -> None:
    display = started()
    display.handle(events.WallClockRead(UTC_S), 0.0)
    display.handle(events.CallChanged(CallView(state=state, digits=PEER)), 1.0)
    assert display.deadline_s() is None


@pytest.mark.parametrize("view", [CallView(), CONNECTED])
def test_deadline_is_always_later_than_now(view: CallView) -> None:
    seed = 34
    source = random.Random(seed)
    display = started(now_s=90.0)
    now_s = 90.0
    display.handle(events.WallClockRead(UTC_S + source.random()), now_s)
    display.handle(events.CallChanged(view), now_s)
    for _ in range(500):
        deadline_s = display.deadline_s()
        assert deadline_s is not None
        assert deadline_s > now_s, seed
        now_s = max(now_s, deadline_s + source.choice([0.0, -0.0005, 0.0005, 0.7, -0.7, 75.0]))
        display.on_time(now_s)


def test_called_at_its_deadlines_the_timer_shows_one_picture_each() -> None:
    display = started()
    display.handle(events.CallChanged(replace(CONNECTED, connected_s=12_345.678901)), 12_345.7)
    for _ in range(300):
        deadline_s = display.deadline_s()
        assert deadline_s is not None
        assert len(display.on_time(deadline_s)) == 1


def test_missed_calls_are_counted_until_the_handset_is_lifted() -> None:
    display = started()
    assert lines(display.handle(MISSED, 1.0))[-1] == "1 missed call"
    assert lines(display.handle(MISSED, 2.0))[-1] == "2 missed calls"
    display.handle(events.CallChanged(CallView(state=CallState.RINGING)), 3.0)
    back = display.handle(events.CallChanged(CallView()), 4.0)
    assert lines(back)[-1] == "2 missed calls"
    display.handle(events.CallChanged(CallView(state=CallState.OFF_HOOK)), 5.0)
    assert lines(display.handle(events.CallChanged(CallView()), 6.0))[-1] == "4711 0815 1234"


def test_missed_calls_beyond_the_limit_stay_at_the_limit() -> None:
    display = started()
    for _ in range(MISSED_MAX + 5):
        display.handle(MISSED, 1.0)
    assert display.picture.lines[-1] == f"{MISSED_MAX} missed calls"


def test_call_ended_for_another_reason_is_no_missed_call() -> None:
    ended = events.CallEnded(PEER, incoming=True, reason=EndReason.HUNG_UP, duration_s=9.0)
    assert started().handle(ended, 1.0) == []


def test_hardware_failure_is_shown_until_it_recovers() -> None:
    display = started()
    failed = events.HardwareFailed(Part.MICROPHONE, "no such device")
    assert lines(display.handle(failed, 1.0))[-1] == "no microphone"
    assert display.handle(failed, 2.0) == []
    recovered = display.handle(events.HardwareRecovered(Part.MICROPHONE), 3.0)
    assert lines(recovered)[-1] == "4711 0815 1234"


def test_display_that_came_back_gets_its_picture_again() -> None:
    display = started()
    display.handle(events.CallChanged(CallView(state=CallState.OFF_HOOK)), 1.0)
    assert display.handle(events.HardwareFailed(Part.OLED, "no answer"), 2.0) == []
    assert lines(display.handle(events.HardwareRecovered(Part.OLED), 3.0)) == ("Please dial",)


def test_quality_follows_the_reports_and_is_forgotten_after_the_call() -> None:
    display = started()
    display.handle(events.CallChanged(CONNECTED), 101.0)
    without = display.picture
    assert len(display.handle(report(0.0), 101.0)) == 1
    assert display.handle(report(0.005), 101.0) == []
    assert len(display.handle(report(0.5), 101.0)) == 1
    display.handle(events.CallChanged(CallView()), 101.0)
    display.handle(events.CallChanged(CONNECTED), 101.0)
    assert display.picture == without


def test_small_panel_gets_small_pictures() -> None:
    display = Display(OWN, height=32)
    (message,) = display.handle(events.Started(), 0.0)
    assert isinstance(message, ShowPicture)
    assert (message.picture.height, len(message.picture.pixels)) == (32, 512)


def test_code_of_the_page_is_shown_for_a_minute_and_not_during_a_call() -> None:
    display = Display("471108151234")
    display.handle(events.Started(), 0.0)
    display.handle(events.PageCodeWanted("482913"), 10.0)
    assert "482913" in display.picture.lines
    assert display.deadline_s() == 70.0
    display.handle(events.CallChanged(CallView(state=CallState.OFF_HOOK)), 20.0)
    assert "482913" not in display.picture.lines
    display.handle(events.CallChanged(CallView()), 30.0)
    assert "482913" in display.picture.lines
    display.on_time(70.0)
    assert "482913" not in display.picture.lines
