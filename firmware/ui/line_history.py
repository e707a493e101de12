"""How the line has been: reachability and the sound of calls, hour by hour, for a month.

A record holds a day; it is saved when its hour ends, after a call, and before the box stops, so the
card is written some thirty times a day. What is older than DAYS_KEPT goes.
Units: `_s` seconds; `utc_s` Unix time; an hour is counted since 1970.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from firmware import events
from firmware.events import Message
from firmware.events.store import Kind, Record, RecordsLoaded, SaveRecord
from firmware.model import RtpCounters

DAYS_KEPT = 31
HOUR_S, DAY_HOURS = 3600, 24
TICK_S = 60.0
CALLS_MAX = 8  # that report at once


@dataclass(slots=True)
class Hour:
    """Sums of one hour; each report of a call counts once."""

    up_s: float = 0.0  # reachable
    down_s: float = 0.0  # on, and not reachable
    received: int = 0  # packets
    lost: int = 0
    reports: int = 0
    jitter_s: float = 0.0  # sums over the reports
    buffer_s: float = 0.0
    rtt_s: float = 0.0


class LineHistory:
    """A core; `hours` are what is known, by hour."""

    def __init__(self) -> None:
        self.hours: dict[int, Hour] = {}
        self._utc_at_zero_s: float | None = None  # of the monotonic clock
        self._is_up: bool | None = None
        self._counted_s: float | None = None  # until when reachability is in the sums
        self._saved_hour: int | None = None
        self._before: dict[int, RtpCounters] = {}  # what each call has reported

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Reports, reachability, the clock and the end."""
        self._count(now_s)
        match fact:
            case RecordsLoaded(records=records):
                self._load(records)
            case events.WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
                return self._forget(now_s)
            case events.ReachabilityChanged(published=published, unreachable=unreachable):
                self._is_up = published and unreachable is None
            case events.MediaReported(counters=counters, call=call):
                self._report(call, counters, now_s)
            case events.CallEnded(call=call):
                if self._before.pop(call, None):
                    return self._save(now_s)
            case events.Stopping():
                return self._save(now_s)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Count; save what is complete."""
        self._count(now_s)
        hour = self._hour(now_s)
        before, self._saved_hour = self._saved_hour, hour
        if before is None or hour is None or before == hour:
            return []
        return [*self._save_day(before // DAY_HOURS), *self._forget(now_s)]

    def deadline_s(self) -> float | None:
        """Each minute, as soon as there is something to count."""
        is_counting = self._is_up is not None and self._utc_at_zero_s is not None
        return (self._counted_s or 0.0) + TICK_S if is_counting else None

    def told(self) -> list[dict[str, Any]]:
        """For people: an entry for each hour in which anything is known, oldest first."""
        return [_told(hour, sums) for hour, sums in sorted(self.hours.items())]

    def _count(self, now_s: float) -> None:
        before, self._counted_s = self._counted_s, now_s
        hour = self._hour(now_s)
        if self._is_up is None or before is None or hour is None:
            return
        sums = self.hours.setdefault(hour, Hour())
        if self._is_up:
            sums.up_s += now_s - before
        else:
            sums.down_s += now_s - before

    def _report(self, call: int, counters: RtpCounters, now_s: float) -> None:
        hour = self._hour(now_s)
        before = self._before.get(call, RtpCounters())
        while len(self._before) >= CALLS_MAX and call not in self._before:
            del self._before[next(iter(self._before))]
        self._before[call] = counters
        if hour is None:
            return
        sums = self.hours.setdefault(hour, Hour())
        sums.received += max(0, counters.packets_received - before.packets_received)
        sums.lost += max(0, counters.packets_lost - before.packets_lost)
        sums.reports += 1
        sums.jitter_s += counters.jitter_s
        sums.buffer_s += counters.buffer_s
        sums.rtt_s += counters.rtt_s or 0.0

    def _hour(self, now_s: float) -> int | None:
        if self._utc_at_zero_s is None:
            return None
        return int((self._utc_at_zero_s + now_s) // HOUR_S)

    def _save(self, now_s: float) -> list[Message]:
        hour = self._hour(now_s)
        return [] if hour is None else self._save_day(hour // DAY_HOURS)

    def _save_day(self, day: int) -> list[Message]:
        rows = {
            hour % DAY_HOURS: _row(sums)
            for hour, sums in self.hours.items()
            if hour // DAY_HOURS == day
        }
        return [SaveRecord(Kind.LINE, str(day), json.dumps(rows).encode())] if rows else []

    def _forget(self, now_s: float) -> list[Message]:
        """Days that are over, and days that a clock that was wrong has made."""
        hour = self._hour(now_s)
        assert hour is not None
        today = hour // DAY_HOURS
        gone = {each // DAY_HOURS for each in self.hours} - {
            *range(today - DAYS_KEPT + 1, today + 2)
        }
        self.hours = {
            hour: sums for hour, sums in self.hours.items() if hour // DAY_HOURS not in gone
        }
        return [SaveRecord(Kind.LINE, str(day), None) for day in sorted(gone)]

    def _load(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if record.kind is Kind.LINE:
                for hour, sums in _decode(record):
                    self.hours.setdefault(hour, sums)


def _row(sums: Hour) -> list[float]:
    return [
        round(sums.up_s), round(sums.down_s), sums.received, sums.lost, sums.reports,
        round(sums.jitter_s, 2), round(sums.buffer_s, 2), round(sums.rtt_s, 2),
    ]  # fmt: skip


def _decode(record: Record) -> list[tuple[int, Hour]]:
    """Nothing of a record that is of another version."""
    try:
        day, rows = int(record.key), json.loads(record.data)
        return [
            (DAY_HOURS * day + int(hour), Hour(*(each + 0 for each in row)))
            for hour, row in rows.items()
        ]
    except (ValueError, TypeError, AttributeError):
        return []


def _told(hour: int, sums: Hour) -> dict[str, Any]:
    known_s, packets = sums.up_s + sums.down_s, sums.received + sums.lost
    told: dict[str, Any] = {"utc_s": hour * HOUR_S}
    told["reachable"] = round(sums.up_s / known_s, 3) if known_s else None
    told["loss"] = round(sums.lost / packets, 4) if packets else None
    for name in ("jitter", "buffer", "rtt"):
        total_s = getattr(sums, f"{name}_s")
        told[f"{name}_ms"] = round(1000 * total_s / sums.reports, 1) if sums.reports else None
    return told
