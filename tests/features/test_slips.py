from __future__ import annotations

from firmware import events
from firmware.events.services import (
    AWAY_S_MAX,
    CallMissed,
    LeaveSlip,
    MissedTold,
    PeerReturned,
    SlipLeft,
    SlipNoted,
    SlipOutcome,
    TellMissed,
    WaitingChanged,
)
from firmware.events.store import (
    Kind,
    Record,
    RecordSaved,
    RecordsLoaded,
    SaveFailed,
    SaveFailure,
    SaveRecord,
)
from firmware.features.back_off import FIRST_S, LONGEST_S, back_off_s
from firmware.features.missed import Missed
from firmware.features.slips import (
    COUNTED_S,
    NOTED_MAX,
    NOTED_PER_CALLER_MAX,
    SLIPS_MAX,
    Slips,
)
from firmware.model import CallState, CallView, EndReason
from tests.call.link import person

ANNA, BERT = person("Anna").number, person("Bert").number
UTC_S = 1_800_000_000


def with_clock() -> Slips:
    slips = Slips()
    slips.handle(events.WallClockRead(UTC_S), 0.0)
    return slips


def call_in_vain(slips: Slips, number: str, now_s: float, prefix: str = "") -> list[events.Message]:
    view = CallView(CallState.CALLING, digits=prefix + number)
    slips.handle(events.CallChanged(view), now_s)
    return slips.handle(events.CallEnded(number, False, EndReason.UNREACHABLE, 0.0), now_s)


def test_slip_is_kept_told_and_forgotten() -> None:
    slips = with_clock()
    kept = call_in_vain(slips, BERT, 10.0)
    saved = SaveRecord(Kind.SLIP, f"out/{BERT}", str(UTC_S + 10).encode())
    assert kept == [saved, LeaveSlip(BERT, UTC_S + 10)]
    assert slips.deadline_s() == 10.0 + FIRST_S
    assert slips.on_time(10.0 + FIRST_S) == [TellMissed(BERT, UTC_S + 10)]
    assert slips.deadline_s() is None
    told = slips.handle(MissedTold(BERT, is_told=True), 45.0)
    assert told == [SaveRecord(Kind.SLIP, f"out/{BERT}", None)]
    assert slips.deadline_s() is None


def test_slip_that_cannot_be_told_is_tried_more_and_more_rarely_and_given_up_after_a_week() -> None:
    slips = with_clock()
    call_in_vain(slips, BERT, 0.0)
    now_s, tries = slips.deadline_s(), 0
    waits = []
    while now_s is not None and (said := slips.on_time(now_s)):
        if not isinstance(said[0], TellMissed):
            break
        slips.handle(MissedTold(BERT, is_told=False), now_s)
        before_s, now_s = now_s, slips.deadline_s()
        assert now_s is not None
        waits.append(now_s - before_s)
        tries += 1
    assert said == [SaveRecord(Kind.SLIP, f"out/{BERT}", None)]
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert max(waits) <= 1.25 * LONGEST_S
    assert 0.9 < tries / (AWAY_S_MAX / LONGEST_S) < 1.2


def test_slip_that_no_exchange_keeps_is_left_again_at_each_try_and_else_is_not() -> None:
    slips = with_clock()
    call_in_vain(slips, BERT, 0.0)
    slips.handle(SlipLeft(BERT, UTC_S, 0), 1.0)
    slips.on_time(FIRST_S)
    again = slips.handle(MissedTold(BERT, is_told=False), 31.0)
    assert again == [LeaveSlip(BERT, UTC_S)]
    slips.handle(SlipLeft(BERT, UTC_S, 3), 32.0)
    slips.on_time(200.0)
    assert slips.handle(MissedTold(BERT, is_told=False), 201.0) == []


def test_who_is_back_and_has_noted_the_slip_needs_to_be_told_no_more() -> None:
    slips = with_clock()
    call_in_vain(slips, BERT, 10.0)
    assert slips.handle(PeerReturned(BERT, UTC_S + 5), 60.0) == []  # of an earlier call
    forgotten = [SaveRecord(Kind.SLIP, f"out/{BERT}", None)]
    assert slips.handle(PeerReturned(BERT, UTC_S + 10), 60.0) == forgotten
    assert slips.handle(PeerReturned(ANNA, UTC_S), 60.0) == []


def test_slip_outlives_a_restart() -> None:
    slips = with_clock()
    record = Record(Kind.SLIP, f"out/{BERT}", str(UTC_S - 60).encode())
    slips.handle(RecordsLoaded((record,)), 0.0)
    due_s = slips.deadline_s()
    assert due_s is not None
    assert slips.on_time(due_s) == [TellMissed(BERT, UTC_S - 60)]


def test_who_has_talked_needs_no_slip() -> None:
    slips = with_clock()
    call_in_vain(slips, BERT, 0.0)
    view = CallView(CallState.CONNECTED, peer_number=BERT)
    assert slips.handle(events.CallChanged(view), 5.0) == [
        SaveRecord(Kind.SLIP, f"out/{BERT}", None)
    ]


def test_call_that_withholds_leaves_no_slip() -> None:
    assert call_in_vain(with_clock(), BERT, 0.0, prefix="*67") == []


def test_without_a_clock_there_are_no_slips() -> None:
    slips = Slips()
    assert call_in_vain(slips, BERT, 0.0) == []
    later = SlipNoted(ANNA, UTC_S, SlipOutcome.LATER)
    assert slips.handle(CallMissed(ANNA, UTC_S), 0.0) == [later]


def test_one_more_than_the_limit_is_not_told() -> None:
    slips = with_clock()
    for i in range(SLIPS_MAX):
        assert call_in_vain(slips, f"{200000000000 + i}", 0.0)
    assert call_in_vain(slips, BERT, 0.0) == []


def test_call_that_somebody_tells_is_logged_once_with_its_time() -> None:
    slips = with_clock()
    missed, key = CallMissed(ANNA, UTC_S - 3600), f"in/{ANNA}/{UTC_S - 3600}"
    ended = events.CallEnded(ANNA, True, EndReason.MISSED, 0.0, utc_s=UTC_S - 3600)
    assert slips.handle(missed, 0.0) == [ended]
    assert slips.handle(ended, 0.0) == [SaveRecord(Kind.SLIP, key, b"")]
    assert slips.handle(missed, 0.1) == []
    noted = [SlipNoted(ANNA, UTC_S - 3600, SlipOutcome.KEPT)]
    assert slips.handle(RecordSaved(Kind.SLIP, key), 0.2) == noted
    assert slips.handle(missed, 1.0) == noted
    again = with_clock()
    again.handle(RecordsLoaded((Record(Kind.SLIP, key, b""),)), 0.0)
    assert again.handle(missed, 1.0) == noted


def test_who_tells_while_the_card_is_full_is_asked_to_come_back() -> None:
    slips = with_clock()
    missed, key = CallMissed(ANNA, UTC_S - 3600), f"in/{ANNA}/{UTC_S - 3600}"
    (ended,) = slips.handle(missed, 0.0)
    slips.handle(ended, 0.0)
    failed = SaveFailed(Kind.SLIP, key, SaveFailure.FULL)
    assert slips.handle(failed, 0.1) == [SlipNoted(ANNA, UTC_S - 3600, SlipOutcome.LATER)]
    assert slips.handle(missed, 60.0) == [ended]


def test_times_that_cannot_be_are_nothing() -> None:
    slips = with_clock()
    for utc_s in (UTC_S - AWAY_S_MAX - 7200, UTC_S + 7200):
        refused = [SlipNoted(ANNA, utc_s, SlipOutcome.REFUSED)]
        assert slips.handle(CallMissed(ANNA, utc_s), 0.0) == refused


def test_one_caller_is_remembered_with_so_many_calls_and_all_with_so_many() -> None:
    slips = with_clock()
    for i in range(NOTED_PER_CALLER_MAX):
        saved_for(slips, ANNA, UTC_S - i)
    one_more = CallMissed(ANNA, UTC_S - 5000)
    later = [SlipNoted(ANNA, UTC_S - 5000, SlipOutcome.LATER)]
    assert slips.handle(one_more, 0.0) == slips.handle(one_more, 86_400.0) == later
    for i in range(NOTED_MAX - NOTED_PER_CALLER_MAX):
        assert len(saved_for(slips, f"{200000000000 + i}", UTC_S)) == 1
    assert len(saved_for(slips, BERT, UTC_S)) == 2


def saved_for(slips: Slips, number: str, utc_s: int) -> list[events.Message]:
    """What is saved of a call that somebody tells."""
    (ended,) = slips.handle(CallMissed(number, utc_s), 0.0)
    return slips.handle(ended, 0.0)


def test_caller_that_invents_calls_saves_no_more_than_so_many_a_day() -> None:
    slips = with_clock()
    saved = 0
    for i in range(86_400):  # one a second, each as old as it may be
        now_s = float(i)
        for said in slips.handle(CallMissed(ANNA, UTC_S + i - AWAY_S_MAX), now_s):
            if isinstance(said, events.CallEnded):
                saved += 1
                slips.handle(said, now_s)
                slips.handle(RecordSaved(Kind.SLIP, f"in/{ANNA}/{said.utc_s}"), now_s)
    assert saved == NOTED_PER_CALLER_MAX


def test_caller_of_long_ago_may_tell_again() -> None:
    slips = with_clock()
    for i in range(NOTED_PER_CALLER_MAX):
        saved_for(slips, ANNA, UTC_S - i)
    now_s = COUNTED_S + 1.0
    told = slips.handle(CallMissed(ANNA, UTC_S + int(now_s)), now_s)
    assert [type(said) for said in told] == [events.CallEnded]


def test_boxes_do_not_come_at_once() -> None:
    waits = {back_off_s(f"{200000000000 + i}", UTC_S, 3) for i in range(50)}
    assert len(waits) > 45
    assert all(0.75 * 240 <= wait <= 1.25 * 240 for wait in waits)


def test_dial_tone_stutters_until_somebody_has_lifted() -> None:
    missed = Missed()
    said = missed.handle(events.CallEnded(ANNA, True, EndReason.MISSED, 0.0), 0.0)
    assert said == [SaveRecord(Kind.SETTING, "missed", b""), WaitingChanged(is_waiting=True)]
    assert missed.handle(events.CallEnded(ANNA, True, EndReason.BUSY, 0.0), 0.0) == []
    missed.handle(events.CallChanged(CallView(CallState.OFF_HOOK)), 1.0)
    noticed = missed.handle(events.CallChanged(CallView(CallState.IDLE)), 2.0)
    assert noticed == [SaveRecord(Kind.SETTING, "missed", None), WaitingChanged(is_waiting=False)]


def test_call_missed_while_talking_is_not_noticed_by_hanging_up() -> None:
    missed = Missed()
    missed.handle(events.CallChanged(CallView(CallState.OFF_HOOK)), 1.0)
    missed.handle(events.CallEnded(ANNA, True, EndReason.BUSY, 0.0), 1.5)
    assert missed.handle(events.CallChanged(CallView(CallState.IDLE)), 2.0) == []
    fresh = Missed()
    fresh.load("missed", b"")
    assert fresh.handle(RecordsLoaded(()), 0.0) == [WaitingChanged(is_waiting=True)]
