"""A month of the line: counted by the hour, kept by the day, bounded, there after a power cut."""

from __future__ import annotations

from firmware import events
from firmware.events import Message
from firmware.events.store import (
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    Kind,
    Record,
    RecordsLoaded,
    SaveRecord,
)
from firmware.model import Codec, Endpoint, EndReason, RtpCounters, Unreachable
from firmware.ui.line_history import CALLS_MAX, DAYS_KEPT, HOUR_S, LineHistory

UTC_S = 500_000 * HOUR_S  # the first minute of an hour
DAY_S = 24 * HOUR_S
PEER = Endpoint("192.0.2.1", 6881)


def history(records: tuple[Record, ...] = (), utc_s: float = UTC_S) -> LineHistory:
    made = LineHistory()
    made.handle(RecordsLoaded(records), 0.0)
    made.handle(events.WallClockRead(utc_s), 0.0)
    return made


def run(line: LineHistory, until_s: float) -> list[SaveRecord]:
    """Let the time pass; what it saves."""
    saved: list[Message] = []
    while (due_s := line.deadline_s()) is not None and due_s <= until_s:
        saved += line.on_time(due_s)
    return [each for each in saved if isinstance(each, SaveRecord)]


def reachable(*, yes: bool) -> events.ReachabilityChanged:
    return events.ReachabilityChanged(8, yes, None if yes else Unreachable.NOT_PUBLISHED)


def report(received: int, lost: int, call: int = 1) -> events.MediaReported:
    counters = RtpCounters(
        packets_received=received, packets_lost=lost, jitter_s=0.01, buffer_s=0.06, rtt_s=0.03
    )
    return events.MediaReported(Codec.OPUS, PEER, counters, 0.0, call)


def test_reachability_is_a_share_of_each_hour() -> None:
    line = history()
    line.handle(reachable(yes=True), 0.0)
    run(line, 0.75 * HOUR_S)
    line.handle(reachable(yes=False), 0.75 * HOUR_S)
    run(line, 1.5 * HOUR_S)
    first, second = line.told()
    assert first["utc_s"] == UTC_S
    assert abs(first["reachable"] - 0.75) < 0.02, "a minute may lie in either hour"
    assert second["reachable"] == 0.0
    assert first["loss"] is None


def test_packets_of_a_call_count_once_and_two_calls_each() -> None:
    line = history()
    line.handle(report(90, 10), 10.0)
    line.handle(report(180, 20), 11.0)
    line.handle(report(100, 0, call=2), 11.0)
    (hour,) = line.told()
    assert hour["loss"] == round(20 / 300, 4)
    assert (hour["jitter_ms"], hour["buffer_ms"], hour["rtt_ms"]) == (10.0, 60.0, 30.0)


def test_so_many_calls_report_at_once_and_of_one_more_the_first_is_forgotten() -> None:
    line = history()
    for call in range(CALLS_MAX + 1):
        line.handle(report(10, 0, call), 10.0)
    for call in range(1, CALLS_MAX + 1):
        line.handle(report(20, 0, call), 11.0)
    assert len(line._before) == CALLS_MAX
    (hour,) = line.hours.values()
    assert hour.received == 10 * (CALLS_MAX + 1) + 10 * CALLS_MAX  # each packet once


def test_month_stays_within_its_bounds_and_outlives_a_power_cut() -> None:
    line = history()
    line.handle(reachable(yes=True), 0.0)
    kept: dict[str, bytes] = {}
    writes = 0
    for day in range(DAYS_KEPT + 5):
        for hour in range(24):
            now_s = day * DAY_S + hour * HOUR_S + 60.0
            line.handle(report(3000 * (24 * day + hour + 1), 10), now_s)
        for save in run(line, (day + 1) * DAY_S + 60.0):
            writes += 1
            if save.data is None:
                kept.pop(save.key, None)
            else:
                kept[save.key] = save.data
    assert len(kept) <= DAYS_KEPT + 1 <= RECORDS_MAX[Kind.LINE]
    assert max(map(len, kept.values())) < RECORD_BYTES_MAX[Kind.LINE]
    assert writes < 30 * (DAYS_KEPT + 5), "the card"
    assert len(line.told()) <= 24 * (DAYS_KEPT + 1) + 1
    records = tuple(Record(Kind.LINE, key, data) for key, data in kept.items())
    again = history(records, UTC_S + (DAYS_KEPT + 5) * DAY_S)
    assert again.told()[-30:-2] == line.told()[-30:-2]


def test_end_of_a_call_and_of_the_box_are_saved_at_once() -> None:
    line = history()
    line.handle(report(90, 10), 10.0)
    ended = events.CallEnded("1", incoming=True, reason=EndReason.HUNG_UP, duration_s=9, call=1)
    (saved,) = line.handle(ended, 11.0)
    assert isinstance(saved, SaveRecord)
    assert line.handle(ended, 12.0) == [], "it had said nothing"
    (again,) = line.handle(events.Stopping(), 13.0)
    assert again == saved


def test_box_without_a_clock_keeps_nothing() -> None:
    line = LineHistory()
    line.handle(reachable(yes=True), 0.0)
    line.handle(report(90, 10), 10.0)
    assert line.deadline_s() is None
    assert line.handle(events.Stopping(), 11.0) == []


def test_clock_that_was_wrong_leaves_no_days_behind() -> None:
    line = history(utc_s=UTC_S + 400 * DAY_S)
    line.handle(report(90, 10), 10.0)
    gone = line.handle(events.WallClockRead(UTC_S), 20.0)
    assert [(type(each), each.data) for each in gone if isinstance(each, SaveRecord)] == [
        (SaveRecord, None)
    ]
    assert line.told() == []


def test_record_of_another_version_is_no_harm() -> None:
    for data in (b"", b"[]", b'{"x": 1}', b'{"1": ["a"]}', b'{"1": [1,2,3,4,5,6,7,8,9]}', b"{"):
        assert history((Record(Kind.LINE, "20833", data),)).told() == []
