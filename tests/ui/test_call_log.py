"""The call log: one line and one record per call; the file of former versions is taken over."""

from __future__ import annotations

import json
import random

import pytest

from firmware import events
from firmware.errors import MalformedError
from firmware.events import CallEnded, MediaReported, PrepareMedia, Started, WallClockRead
from firmware.events.store import Kind, ReadRecords, Record, RecordSaved, RecordsRead, SaveRecord
from firmware.model import Codec, Endpoint, EndReason, RtpCounters
from firmware.ui.call_log import (
    CALLS_FILE,
    CALLS_KEPT,
    CallLog,
    decode_call,
    decode_calls,
    encode_calls,
    summary,
)

PEER = Endpoint("192.0.2.7", 6881)
COUNTERS = RtpCounters(
    packets_received=990, packets_lost=10, packets_late=2, buffer_s=0.04123456, rtt_s=0.023,
    opinion=4.31,
)  # fmt: skip


def ended_call(log: CallLog, *, talked: bool = True, at_s: float = 100.0) -> SaveRecord:
    log.handle(WallClockRead(1_800_000_000.0), 100.0)
    if talked:
        log.handle(PrepareMedia(Codec.OPUS, PEER, bytes(28), bytes(28)), at_s)
        log.handle(events.PathChanged((PEER,), is_relayed=True, rtt_s=0.02, others=()), at_s)
        log.handle(MediaReported(Codec.OPUS, PEER, COUNTERS, 0.01), at_s)
    reason = EndReason.HUNG_UP if talked else EndReason.BUSY
    duration_s = 63.4 if talked else 0.0
    (command,) = log.handle(CallEnded("471108151234", False, reason, duration_s), at_s + 63.0)
    assert isinstance(command, SaveRecord) and command.kind is Kind.CALL
    return command


def test_call_is_kept_with_its_statistics_and_the_number_of_the_peer() -> None:
    entry = decode_call(ended_call(CallLog()).data or b"")
    assert entry is not None and entry["peer"] == "471108151234"
    assert (entry["reason"], entry["duration_s"], entry["path"]) == ("hung_up", 63.4, "relay")
    assert entry["ended_utc_s"] == 1_800_000_063
    assert entry["rtp"]["packets_lost"] == 10 and entry["rtp"]["buffer_s"] == 0.0412


def test_line_tells_how_the_call_sounded_and_four_digits_of_the_peer() -> None:
    log = CallLog()
    ended_call(log)
    assert summary(log.entries[-1]) == (
        "call to ...1234 ended: hung_up after 63 s; opus, relay, 1.0% lost, 2 late,"
        " buffer 41 ms, round trip 23 ms, MOS 4.3"
    )


def test_call_that_never_was_one_has_no_statistics() -> None:
    log = CallLog()
    ended_call(log)
    ended_call(log, talked=False)
    assert "rtp" not in log.entries[-1]
    assert summary(log.entries[-1]) == "call to ...1234 ended: busy after 0 s"


def test_every_call_has_a_key_of_its_own_also_without_a_clock() -> None:
    log = CallLog()
    ended = CallEnded("471108151234", True, EndReason.MISSED, 0.0)
    (first,) = log.handle(ended, 5.0)
    keys = {ended_call(log, at_s=at_s).key for at_s in (100.0, 101.0)}
    assert isinstance(first, SaveRecord) and len(keys | {first.key}) == 3


def test_log_goes_on_after_a_restart_and_keeps_the_last_at_hand() -> None:
    log = CallLog()
    saved = [ended_call(log, at_s=100.0 + i) for i in range(CALLS_KEPT + 1)]
    assert len(log.entries) == CALLS_KEPT
    again = CallLog()
    assert again.handle(Started(), 0.0) == [ReadRecords(Kind.CALL)]
    newest_first = [Record(Kind.CALL, each.key, each.data or b"") for each in saved[-5:]][::-1]
    again.handle(RecordsRead(Kind.CALL, None, tuple(newest_first)), 0.1)
    assert again.entries == log.entries[-5:]


def test_file_of_a_former_version_becomes_records_and_is_emptied_when_they_are_safe() -> None:
    former = decode_calls(
        encode_calls([{"peer": "1234", "incoming": True, "reason": "missed"}] * 3)
    )
    log = CallLog(former)
    *saves, _ = log.handle(Started(), 0.0)
    assert [save.data for save in saves if isinstance(save, SaveRecord)] == [
        json.dumps(entry).encode() for entry in former
    ]
    keys = [save.key for save in saves if isinstance(save, SaveRecord)]
    assert [log.handle(RecordSaved(Kind.CALL, key), 0.1) for key in keys] == [
        [],
        [],
        [events.StoreState(CALLS_FILE, encode_calls([]))],
    ]
    assert decode_calls(encode_calls([])) == ()


def test_file_that_is_no_log_is_malformed() -> None:
    good = encode_calls([{"peer": "1234"}])
    assert decode_calls(good) == ({"peer": "1234"},)
    for data in (b"", b"[]", b"7", b'{"version": 2, "calls": []}', b'{"version": 1, "calls": [1]}'):
        with pytest.raises(MalformedError):
            decode_calls(data)
    dice = random.Random(6)
    for length in range(len(good) - 1):
        with pytest.raises(MalformedError):
            decode_calls(good[:length])
    for _ in range(100):
        with pytest.raises(MalformedError):
            decode_calls(dice.randbytes(40))


def test_record_of_an_unknown_version_is_left_out() -> None:
    for data in (b"", b"[]", b"{}", b"\xff", b'{"peer": 1}'):
        assert decode_call(data) is None
