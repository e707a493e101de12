"""What both ends tell each other about the call: when a report is due, what is in it, what it says.

Knows no address and no codec. The two clocks are never compared: the round trip is the time from
our report to the answer, less what the peer says it kept it (RFC 3550 section 6.4.1).
Units: `_s` monotonic seconds (float).
Sources: RFC 3550 sections 6.2 to 6.4, RFC 3611, RFC 4585 section 3.4 (early reports).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware.media import rtcp
from firmware.media.adapt import Adapter
from firmware.media.emodel import opinion, rating
from firmware.media.player import Player
from firmware.media.reception import Reception
from firmware.media.rtp import unwrap, wrap
from firmware.media.sender import Sender
from firmware.model import FRAME_S

INTERVAL_S = 1.0
EARLY_S = 0.250  # the first report, and one about a loss that is news
EARLY_MAX = 4  # such reports at once; one more every INTERVAL_S
FATES = 150  # packets a report tells of, 3 s: a lost report is made good by the next
RTT_MAX_S = 10.0
MISSED_S = 3.5  # three reports of the peer in a row
END_SYSTEM_S = 0.030  # codec and sound card, beside the jitter buffer
NAME_BYTES = 8


class Reports:
    """RTCP of one call."""

    def __init__(self, sender: Sender, adapter: Adapter, random_bytes: Callable[[int], bytes]):
        self.rtt_s: float | None = None
        self.opinion: float | None = None  # of what we hear: MOS by the E-model
        self.sent = self.received = 0
        self._sender, self._adapter = sender, adapter
        self._name = random_bytes(NAME_BYTES).hex().encode()  # RFC 7022: says nothing of us
        self._ntp = int.from_bytes(random_bytes(4), "big") << 32  # hides how long we run
        self.due_s = math.inf  # when the next report shall go out
        self._last_s = 0.0
        self._missed_s = math.inf  # when a report of the peer is overdue
        self._concealed = 0  # frames, at the last report
        self._early: float = EARLY_MAX
        self._lost_reported = 0
        self._heard: tuple[int, float] | None = None  # middle of the peer's NTP, when

    def start(self, now_s: float) -> None:
        """The call was answered."""
        self.due_s, self._last_s = now_s + EARLY_S, now_s

    def noticed(self, lost: int, now_s: float) -> None:
        """So many packets are missing: if that is news, the peer shall hear it soon."""
        if lost <= self._lost_reported or self._early < 1:
            return
        early_s = max(self._last_s + EARLY_S, now_s)
        if early_s < self.due_s:
            self.due_s, self._early = early_s, self._early - 1

    def compound(self, player: Player, clock_hz: int, now_s: float) -> bytes:
        """The report that is due, about what `player` received and played."""
        elapsed_s = max(now_s - self._last_s, FRAME_S)
        heard_lost = min((player.concealed - self._concealed) * FRAME_S / elapsed_s, 1.0)
        self._concealed = player.concealed
        self._early = min(self._early + elapsed_s / INTERVAL_S, EARLY_MAX)
        self.due_s, self._last_s = now_s + INTERVAL_S, now_s
        self.sent += 1
        sent = rtcp.SenderInfo(
            self._ntp_at(now_s),
            wrap(self._sender.timestamp, 32),
            wrap(self._sender.packets, 32),
            wrap(self._sender.payload_bytes, 32),
        )
        report = rtcp.Report(self._sender.ssrc, sent)
        reception, ssrc = player.buffer.reception, player.buffer.ssrc
        if reception is not None and ssrc is not None:
            self._lost_reported = reception.lost
            begin, fates = reception.fates(FATES)
            report = rtcp.Report(
                self._sender.ssrc,
                sent,
                (self._block(reception, ssrc, clock_hz, now_s),),
                self._metrics(player, ssrc, heard_lost),
                rtcp.LossReport(ssrc, wrap(begin, 16), tuple(fates)) if fates else None,
            )
        return rtcp.encode(report, self._name)

    def is_overdue(self, now_s: float) -> bool:
        """True once per MISSED_S in which no report came from a peer that used to send them."""
        if now_s < self._missed_s:
            return False
        self._missed_s = now_s + MISSED_S
        return True

    def take(self, data: bytes, now_s: float) -> bool:
        """Read the peer's report, `data` is authentic; True if it tells of our packets."""
        report = rtcp.decode(data)
        self.received += 1
        self._missed_s = now_s + MISSED_S
        if report.sent is not None:
            self._heard = (report.sent.ntp >> 16 & 0xFFFFFFFF, now_s)
        ours = [block for block in report.blocks if block.ssrc == self._sender.ssrc]
        for block in ours:
            if block.last_report:
                rtt = self._ntp_at(now_s) >> 16
                rtt = wrap(rtt - block.last_report - block.since_last_report, 32)
                if rtt < RTT_MAX_S * 65536:
                    self.rtt_s = rtt / 65536
        losses = report.losses
        if losses is not None and losses.ssrc == self._sender.ssrc:
            begin = unwrap(losses.begin, self._sender.number, 16)
            if begin + len(losses.fates) <= self._sender.number:
                self._adapter.packets_fared(begin, losses.fates)
        return bool(ours)

    def _block(
        self, reception: Reception, ssrc: int, clock_hz: int, now_s: float
    ) -> rtcp.ReceptionBlock:
        last, since_s = 0, 0.0
        if self._heard is not None:
            last, since_s = self._heard[0], now_s - self._heard[1]
        return rtcp.ReceptionBlock(
            ssrc,
            fraction_lost=min(round(256 * reception.fraction_lost()), 255),
            lost=reception.lost,
            highest=wrap(reception.highest, 32),
            jitter=wrap(round(reception.jitter_s * clock_hz), 32),
            last_report=last,
            since_last_report=min(round(since_s * 65536), 0xFFFFFFFF),
        )

    def _metrics(self, player: Player, ssrc: int, heard_lost: float) -> rtcp.VoipMetrics:
        counters = player.buffer.counters
        expected = max(counters.received + counters.lost, 1)
        delay_s = END_SYSTEM_S + player.buffer.delay_s
        r = rating(heard_lost, 1.0, delay_s + (self.rtt_s or 0.0) / 2)
        self.opinion = opinion(r)
        return rtcp.VoipMetrics(
            ssrc,
            loss_rate=min(round(256 * counters.lost / expected), 255),
            discard_rate=min(round(256 * counters.late / expected), 255),
            round_trip_ms=_milliseconds(self.rtt_s or 0.0),
            end_system_delay_ms=_milliseconds(delay_s),
            rating=round(max(r, 0.0)),
            opinion_tenths=round(10 * self.opinion),
            buffer_ms=_milliseconds(player.buffer.delay_s),
        )

    def _ntp_at(self, now_s: float) -> int:
        return wrap(self._ntp + round(now_s * 2**32), 64)


def _milliseconds(seconds: float) -> int:
    return min(max(round(1000 * seconds), 0), 0xFFFF)
