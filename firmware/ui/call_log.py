"""The call log: how each call ended and how it sounded, kept in the state directory.

Knows no file: it asks for one (StoreState) at the end of each call. `calls.json` holds the last
CALLS_MAX calls, newest last, numbers only by their last four digits.
Units: `_s` seconds; `_utc_s` Unix time.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from firmware import events
from firmware.errors import MalformedError
from firmware.events import Message
from firmware.model import RtpCounters

CALLS_FILE = "calls.json"
CALLS_MAX = 100
DIGITS_KEPT = 4

Entry = dict[str, Any]


class CallLog:
    """The core of the call log; `entries` are its calls, oldest first."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self.entries: list[Entry] = list(entries[-CALLS_MAX:])
        self._utc_at_zero_s: float | None = None  # of the monotonic clock
        self._report: events.MediaReported | None = None  # the last of this call
        self._is_relayed: bool | None = None

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take reports and the end of a call; the log goes to the state directory."""
        match fact:
            case events.WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case events.PrepareMedia():
                self._report = self._is_relayed = None
            case events.MediaReported():
                self._report = fact
            case events.PathChanged(is_relayed=is_relayed):
                self._is_relayed = is_relayed
            case events.CallEnded():
                return self._end(fact, now_s)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Nothing is ever due."""
        del now_s
        return []

    def deadline_s(self) -> float | None:
        """Never."""
        return None

    def _end(self, ended: events.CallEnded, now_s: float) -> list[Message]:
        report, self._report = self._report, None
        utc_s = None if self._utc_at_zero_s is None else round(self._utc_at_zero_s + now_s)
        entry: Entry = {
            "ended_utc_s": utc_s,
            "peer": ended.peer_number[-DIGITS_KEPT:],
            "incoming": ended.incoming,
            "reason": ended.reason.value,
            "duration_s": round(ended.duration_s, 1),
        }
        if report is not None:
            entry |= {
                "codec": report.codec.value,
                "path": {None: None, True: "relay", False: "direct"}[self._is_relayed],
                "rtp": _rounded(report.counters),
            }
        self.entries = [*self.entries, entry][-CALLS_MAX:]
        return [events.StoreState(CALLS_FILE, encode_calls(self.entries))]


def summary(entry: Entry) -> str:
    """One line of the log, for a person: who, how long, why, and how it sounded."""
    way = "from" if entry["incoming"] else "to"
    text = (
        f"call {way} ...{entry['peer']} ended: {entry['reason']} after {entry['duration_s']:.0f} s"
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
    return tuple(entries[-CALLS_MAX:])


def _rounded(counters: RtpCounters) -> Entry:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(counters).items()
    }
