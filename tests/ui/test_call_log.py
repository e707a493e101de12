"""The call log: one line and one entry per call, kept within its limit."""

from __future__ import annotations

import json
import random

import pytest

from firmware import events
from firmware.errors import MalformedError
from firmware.events import CallEnded, MediaReported, PrepareMedia, StoreState, WallClockRead
from firmware.model import Codec, Endpoint, EndReason, RtpCounters
from firmware.ui.call_log import CALLS_FILE, CALLS_MAX, CallLog, decode_calls, encode_calls, summary

PEER = Endpoint("192.0.2.7", 6881)
COUNTERS = RtpCounters(
    packets_received=990, packets_lost=10, packets_late=2, buffer_s=0.04123456, rtt_s=0.023,
    opinion=4.31,
)  # fmt: skip


def ended_call(log: CallLog, *, talked: bool = True) -> StoreState:
    log.handle(WallClockRead(1_800_000_000.0), 100.0)
    if talked:
        log.handle(PrepareMedia(Codec.OPUS, PEER, bytes(28), bytes(28)), 100.0)
        log.handle(events.PathChanged((PEER,), is_relayed=True, rtt_s=0.02, others=()), 101.0)
        log.handle(MediaReported(Codec.OPUS, PEER, COUNTERS, 0.01), 102.0)
    reason = EndReason.HUNG_UP if talked else EndReason.BUSY
    duration_s = 63.4 if talked else 0.0
    (command,) = log.handle(CallEnded("471108151234", False, reason, duration_s), 163.0)
    assert isinstance(command, StoreState) and command.name == CALLS_FILE
    return command


def test_call_is_kept_with_its_statistics_and_four_digits_of_the_peer() -> None:
    document = json.loads(ended_call(CallLog()).data)
    (entry,) = document["calls"]
    assert entry["peer"] == "1234" and b"4711" not in json.dumps(document).encode()
    assert (entry["reason"], entry["duration_s"], entry["path"]) == ("hung_up", 63.4, "relay")
    assert entry["ended_utc_s"] == 1_800_000_063
    assert entry["rtp"]["packets_lost"] == 10 and entry["rtp"]["buffer_s"] == 0.0412


def test_line_tells_how_the_call_sounded() -> None:
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


def test_log_goes_on_after_a_restart_and_forgets_the_oldest() -> None:
    log = CallLog()
    for _ in range(CALLS_MAX):
        command = ended_call(log)
    again = CallLog(decode_calls(command.data))
    assert again.entries == log.entries
    again.handle(CallEnded("471108159999", True, EndReason.MISSED, 0.0), 200.0)
    assert len(again.entries) == CALLS_MAX and again.entries[-1]["peer"] == "9999"


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
        with pytest.raises(MalformedError):
            decode_calls(dice.randbytes(length))
