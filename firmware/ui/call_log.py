"""The call log: how each call ended and how it sounded, one record per call.

The last CALLS_KEPT are at hand; older ones are read from the store when somebody turns the pages.
Units: `_s` seconds; `_utc_s` Unix time.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from firmware import events
from firmware.errors import MalformedError
from firmware.events import Message, Untimed
from firmware.events.store import Kind, ReadRecords, RecordSaved, RecordsRead, SaveRecord
from firmware.model import CallState, RtpCounters

CALLS_FILE = "calls.json"  # of former versions: at most 100 calls, four digits of each number
CALLS_KEPT = 100  # in memory
DIGITS_SHOWN = 4  # of a number, in the log of the system

Entry = dict[str, Any]

_PATHS = {None: None, True: "relay", False: "direct"}


class CallLog(Untimed):
    """The core of the call log; `entries` are its last calls, oldest first."""

    def __init__(self, former: tuple[Entry, ...] = ()) -> None:
        """`former` are the calls of CALLS_FILE, which become records."""
        self.entries: list[Entry] = list(former[-CALLS_KEPT:])
        self._former = former
        self._utc_at_zero_s: float | None = None  # of the monotonic clock
        self._reports: dict[int, events.MediaReported] = {}  # the last of each call that goes on
        self._relayed: dict[int, bool] = {}

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take reports and the end of a call; each call is saved."""
        match fact:
            case events.Started():
                return [*self._take_over(), ReadRecords(Kind.CALL)]
            case RecordsRead(kind=Kind.CALL, before=None, records=records) if not self._former:
                kept = [decode_call(record.data) for record in reversed(records)]
                self.entries = [entry for entry in kept if entry][-CALLS_KEPT:]
            case RecordSaved(kind=Kind.CALL, key=key) if self._former:
                if key == _former_key(len(self._former) - 1):
                    self._former = ()
                    return [events.StoreState(CALLS_FILE, encode_calls([]))]
            case events.WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case events.PrepareMedia(call=call):
                self._reports.pop(call, None)
                self._relayed.pop(call, None)
            case events.MediaReported(call=call):
                self._reports[call] = fact
            case events.PathChanged(is_relayed=is_relayed, call=call):
                self._relayed[call] = is_relayed
            case events.CallChanged(view=view) if view.state is CallState.IDLE:
                self._reports.clear()
                self._relayed.clear()
            case events.CallEnded():
                return self._end(fact, now_s)
        return []

    def _end(self, ended: events.CallEnded, now_s: float) -> list[Message]:
        report = self._reports.pop(ended.call, None)
        utc_s = None if self._utc_at_zero_s is None else round(self._utc_at_zero_s + now_s)
        utc_s = utc_s if ended.utc_s is None else ended.utc_s
        entry: Entry = {
            "ended_utc_s": utc_s,
            "peer": ended.peer_number,
            "incoming": ended.incoming,
            "reason": ended.reason.value,
            "duration_s": round(ended.duration_s, 1),
        }
        if report is not None:
            entry |= {
                "codec": report.codec.value,
                "path": _PATHS[self._relayed.get(ended.call)],
                "rtp": _rounded(report.counters),
            }
        self.entries = [*self.entries, entry][-CALLS_KEPT:]
        began = "m" if self._utc_at_zero_s is None else "u"  # a box without a clock counts anew
        key = f"{began}{1000 * ((self._utc_at_zero_s or 0.0) + now_s):.0f}"
        return [SaveRecord(Kind.CALL, key, json.dumps(entry).encode())]

    def _take_over(self) -> list[Message]:
        return [
            SaveRecord(Kind.CALL, _former_key(i), json.dumps(entry).encode())
            for i, entry in enumerate(self._former)
        ]


def summary(entry: Entry) -> str:
    """One line of the log, for a person: who, how long, why, and how it sounded."""
    way = "from" if entry["incoming"] else "to"
    text = (
        f"call {way} ...{entry['peer'][-DIGITS_SHOWN:]} ended: {entry['reason']}"
        f" after {entry['duration_s']:.0f} s"
    )
    rtp = entry.get("rtp")
    if not rtp:
        return text
    share = rtp["packets_lost"] / max(rtp["packets_lost"] + rtp["packets_received"], 1)
    parts = [f"{entry['codec']}", f"{entry['path'] or 'path unknown'}", f"{share:.1%} lost"]
    parts += [f"{rtp['packets_late']} late", f"buffer {1000 * rtp['buffer_s']:.0f} ms"]
    if rtp["rtt_s"] is not None:
        parts.append(f"round trip {1000 * rtp['rtt_s']:.0f} ms")
    if rtp["opinion"] is not None:
        parts.append(f"MOS {rtp['opinion']:.1f}")
    return f"{text}; {', '.join(parts)}"


def encode_calls(entries: list[Entry]) -> bytes:
    """The file, a call a line."""
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    return f'{{"version": 1, "calls": [\n{lines}\n]}}\n'.encode()


def decode_calls(data: bytes) -> tuple[Entry, ...]:
    """The calls in a file of ours; MalformedError for anything else."""
    try:
        document = json.loads(data)
        entries = document["calls"] if document["version"] == 1 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise MalformedError("not a log of calls")
    return tuple(entries[-CALLS_KEPT:])


def decode_call(data: bytes) -> Entry | None:
    """The call in a record; None if it is of a version that we do not know."""
    try:
        entry = json.loads(data)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(entry, dict) and {"peer", "incoming", "reason"} <= entry.keys()
    return entry if is_ours else None


def _former_key(i: int) -> str:
    return f"{CALLS_FILE}/{i}"


def _rounded(counters: RtpCounters) -> Entry:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(counters).items()
    }
