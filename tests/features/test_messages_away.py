"""Messages for a box that is off: the outbox of the one, the inbox of the other."""

from __future__ import annotations

import json

from firmware import events
from firmware.codec.recording import BITRATE
from firmware.events.messages import (
    DeliverMessage,
    Delivery,
    MessageAnswered,
    MessageDelivered,
    MessageKept,
    MessageOffered,
    MessageTaken,
    Welcome,
)
from firmware.events.services import AWAY_S_MAX, MissedTold, PeerReturned
from firmware.events.store import (
    Kind,
    ReadRecord,
    Record,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    SaveFailed,
    SaveFailure,
    SaveRecord,
)
from firmware.features.back_off import FIRST_S, LONGEST_S
from firmware.features.inbox import AGE_S_MAX, KNOWN_MAX, PER_CALLER_MAX, Inbox
from firmware.features.machine import MESSAGES_MAX
from firmware.features.outbox import Outbox
from firmware.model import CallState, CallView
from tests.call.link import person

ANNA, BERT = person("Anna").number, person("Bert").number
UTC_S = 1_800_000_000
KEY = f"{BERT}/{UTC_S}"
SECOND = bytes([1, BITRATE // 400]) + bytes(50 * (BITRATE // 400))
GONE = [SaveRecord(Kind.OUTGOING, KEY, None), SaveRecord(Kind.SOUND, f"out/{KEY}", None)]


def outbox() -> Outbox:
    box = Outbox()
    box.handle(events.WallClockRead(UTC_S), 0.0)
    box.handle(RecordsLoaded((Record(Kind.OUTGOING, KEY, b""),)), 0.0)
    return box


def deliver(box: Outbox, now_s: float) -> None:
    assert box.on_time(now_s) == [ReadRecord(Kind.SOUND, f"out/{KEY}")]
    read = box.handle(RecordRead(Kind.SOUND, f"out/{KEY}", SECOND), now_s)
    assert read == [DeliverMessage(BERT, UTC_S, SECOND)]


def test_message_that_was_kept_through_a_restart_is_delivered_and_deleted_when_confirmed() -> None:
    box = outbox()
    deliver(box, FIRST_S)
    assert box.deadline_s() is None
    assert box.handle(MessageDelivered(BERT, UTC_S, Delivery.KEPT), 40.0) == GONE
    assert box.deadline_s() is None


def test_message_that_nobody_wants_is_deleted_and_one_that_nobody_takes_is_tried_again() -> None:
    box, now_s, waits = outbox(), FIRST_S, []
    for _ in range(8):
        deliver(box, now_s)
        box.handle(MessageDelivered(BERT, UTC_S, Delivery.LATER), now_s)
        due_s = box.deadline_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= 1.25 * LONGEST_S
    deliver(box, now_s)
    assert box.handle(MessageDelivered(BERT, UTC_S, Delivery.REFUSED), now_s) == GONE


def test_who_is_back_gets_the_message_at_once() -> None:
    for fact in (PeerReturned(BERT, UTC_S), MissedTold(BERT, is_told=True)):
        box = outbox()
        box.handle(fact, 5.0)
        assert box.deadline_s() == 5.0


def test_message_that_was_just_spoken_is_tried_at_once() -> None:
    box = Outbox()
    box.handle(events.WallClockRead(float(UTC_S)), 0.0)
    box.handle(RecordSaved(Kind.OUTGOING, KEY), 7.0)
    deliver(box, 7.0)


def test_nothing_is_delivered_while_the_line_is_in_use() -> None:
    box = outbox()
    box.handle(events.CallChanged(CallView(CallState.CONNECTED)), 1.0)
    assert box.deadline_s() is None
    box.handle(events.CallChanged(CallView(CallState.IDLE)), 90.0)
    assert box.deadline_s() == FIRST_S


def test_message_whose_sound_is_lost_and_one_that_is_too_old_are_given_up() -> None:
    box = outbox()
    box.on_time(FIRST_S)
    assert box.handle(RecordRead(Kind.SOUND, f"out/{KEY}", None), 31.0) == GONE
    box = outbox()
    assert box.on_time(AWAY_S_MAX + 1.0) == GONE


def inbox(*records: Record) -> Inbox:
    box = Inbox()
    box.handle(events.WallClockRead(UTC_S), 0.0)
    box.handle(RecordsLoaded(records), 0.0)
    return box


def welcome(box: Inbox, number: str = ANNA, utc_s: int = UTC_S) -> Welcome:
    (answer,) = box.handle(MessageOffered(number, utc_s, 1000), 0.0)
    assert isinstance(answer, MessageAnswered)
    return answer.welcome


def message(number: str, i: int) -> Record:
    return Record(Kind.MESSAGE, f"{UTC_S - i:012d}/{number}", b"{}")


def test_message_is_confirmed_when_all_of_it_is_on_the_card_and_is_taken_once() -> None:
    box, key = inbox(), f"{UTC_S:012d}/{ANNA}"
    assert welcome(box) is Welcome.TAKE
    (sound,) = box.handle(MessageTaken(ANNA, UTC_S, SECOND), 1.0)
    assert sound == SaveRecord(Kind.SOUND, key, SECOND)
    (about,) = box.handle(RecordSaved(Kind.SOUND, key), 1.0)
    assert isinstance(about, SaveRecord) and about.kind is Kind.MESSAGE and about.data is not None
    assert json.loads(about.data) == {"number": ANNA, "utc_s": UTC_S, "is_new": True}
    (known,) = box.handle(RecordSaved(Kind.MESSAGE, key), 1.0)
    assert known == SaveRecord(Kind.SLIP, f"got/{ANNA}/{UTC_S}", b"")
    kept = box.handle(RecordSaved(Kind.SLIP, f"got/{ANNA}/{UTC_S}"), 1.0)
    assert kept == [MessageKept(ANNA, UTC_S, Welcome.KNOWN)]
    box.handle(SaveRecord(Kind.MESSAGE, key, None), 2.0)  # listened to, and deleted
    assert welcome(box) is Welcome.KNOWN
    assert welcome(inbox(Record(Kind.SLIP, f"got/{ANNA}/{UTC_S}", b""))) is Welcome.KNOWN


def test_full_card_keeps_no_half_message() -> None:
    box, key = inbox(), f"{UTC_S:012d}/{ANNA}"
    box.handle(MessageTaken(ANNA, UTC_S, SECOND), 1.0)
    box.handle(RecordSaved(Kind.SOUND, key), 1.0)
    said = box.handle(SaveFailed(Kind.MESSAGE, key, SaveFailure.FULL), 1.0)
    assert SaveRecord(Kind.SOUND, key, None) in said
    assert said[-1] == MessageKept(ANNA, UTC_S, Welcome.FULL)
    assert welcome(box) is Welcome.TAKE


def test_what_is_no_recording_is_refused() -> None:
    box = inbox()
    too_long = bytes([1, 10]) + bytes(10 * 50 * 61)
    for junk in (b"x", b"\1\0rest", bytes([1, 40]), too_long):
        refused = [MessageKept(ANNA, UTC_S, Welcome.REFUSED)]
        assert box.handle(MessageTaken(ANNA, UTC_S, junk), 1.0) == refused


def test_one_caller_and_all_together_have_so_many_messages_here_and_no_more() -> None:
    own = [message(ANNA, i) for i in range(PER_CALLER_MAX)]
    assert welcome(inbox(*own)) is Welcome.FULL
    assert welcome(inbox(*own), number=BERT) is Welcome.TAKE
    others = [message(f"{200000000000 + i}", i) for i in range(MESSAGES_MAX)]
    assert welcome(inbox(*others)) is Welcome.FULL


def test_times_that_cannot_be_are_refused_and_without_a_clock_it_is_later() -> None:
    assert welcome(inbox(), utc_s=UTC_S - AGE_S_MAX - 10) is Welcome.REFUSED
    assert welcome(inbox(), utc_s=UTC_S + 7200) is Welcome.REFUSED
    assert welcome(Inbox()) is Welcome.FULL


def test_so_many_messages_are_remembered() -> None:
    slips = [Record(Kind.SLIP, f"got/{BERT}/{i}", b"") for i in range(KNOWN_MAX)]
    box, key = inbox(*slips), f"{UTC_S:012d}/{ANNA}"
    box.handle(MessageTaken(ANNA, UTC_S, SECOND), 1.0)
    box.handle(RecordSaved(Kind.SOUND, key), 1.0)
    forgotten, _ = box.handle(RecordSaved(Kind.MESSAGE, key), 1.0)
    assert forgotten == SaveRecord(Kind.SLIP, f"got/{BERT}/0", None)
