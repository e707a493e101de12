"""Jitter buffer: puts received RTP packets back in order and says when each is played.

Knows no socket, codec or clock: the caller passes `now_s`.
The play-out delay is the delay (see `delay`) at the moment of playing. It is kept between the
target, which is what nearly all packets needed on their way, and one frame more:
- a packet that directly follows the last one is played at once;
- after a gap the next packet waits, and is concealed, until its delay has reached the target: a
  reordered packet can still come, a lost one costs exactly its own time;
- with nothing to play, sound is concealed and the delay grows; that is the only way it grows;
- when the delay was too long for a while, one packet is skipped.
Units: `_s` monotonic seconds (float); timestamps in ticks of the RTP clock.
Source: ours; RFC 3550 appendix A.1 for jumps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from firmware.media.delay import DelayObserver
from firmware.media.rtp import RtpPacket, unwrap
from firmware.model import FRAME_S

PACKETS_MAX = 100  # 2 s of speech; above it the oldest is skipped
EXCESS_MAX_S = 0.200  # above the target: more is skipped at once
CALM_POPS = 150  # 3 s for which the delay must have been too long before it is shortened
SHORTEN_POPS = 25  # then by one packet every 0.5 s at most
HYSTERESIS_S = 0.005
BREAK_POPS = 10  # 200 ms without a packet: the ear has lost the thread, begin at the target again
SEQUENCE_JUMP_MAX = 1000  # packets, 20 s; beyond it the peer began anew
DELAY_JUMP_S = 2.0  # so far from the fastest packet, the peer's clock jumped
HISTORY_MAX = 512  # packets for which late and duplicate are told apart


class Gap(Enum):
    """What `pop` answers when it has no packet."""

    EMPTY = "empty"  # nothing to play yet
    LOST = "lost"  # conceal one frame


@dataclass(slots=True)
class JitterCounters:
    """In packets, since the beginning."""

    received: int = 0
    lost: int = 0  # given up; becomes `late` when it comes after all
    late: int = 0
    duplicate: int = 0
    skipped: int = 0  # to shorten the delay
    resyncs: int = 0  # the peer changed its SSRC or jumped


class JitterBuffer:
    """One direction of one call, whatever its sender does."""

    def __init__(self, clock_hz: int) -> None:
        self.counters = JitterCounters()
        self._clock_hz = clock_hz
        self._stream: _Stream | None = None

    @property
    def jitter_s(self) -> float:
        """Interarrival jitter, RFC 3550 section 6.4.1."""
        return self._stream.delays.jitter_s if self._stream else 0.0

    @property
    def delay_s(self) -> float:
        """Play-out delay of the last packet played."""
        return self._stream.delay_s if self._stream else 0.0

    def push(self, packet: RtpPacket, now_s: float) -> bool:
        """Take an authentic packet that came at `now_s`; True if none newer has come before it."""
        self.counters.received += 1
        if self._stream is None or self._stream.is_broken_by(packet, now_s):
            self.counters.resyncs += self._stream is not None
            self._stream = _Stream(packet, self._clock_hz, self.counters)
        return self._stream.push(packet, now_s)

    def pop(self, now_s: float) -> RtpPacket | Gap:
        """What to play for the next frame; call it once per frame of sound."""
        return self._stream.pop(now_s) if self._stream else Gap.EMPTY


@dataclass(frozen=True, slots=True)
class _Waiting:
    packet: RtpPacket
    media_s: float  # unwrapped timestamp, as time of the peer's clock


class _Stream:
    """Packets of one sender whose numbers and timestamps belong together."""

    def __init__(self, first: RtpPacket, clock_hz: int, counters: JitterCounters) -> None:
        self.delays = DelayObserver()
        self.delay_s = 0.0
        self._ssrc, self._clock_hz, self._counters = first.ssrc, clock_hz, counters
        self._highest = first.sequence_number - 1  # unwrapped, of the newest packet
        self._timestamp = first.timestamp  # the same
        self._next: int | None = None  # what follows the last packet played
        self._waiting: dict[int, _Waiting] = {}  # by unwrapped sequence number
        self._seen: set[int] = set()
        self._missed: set[int] = set()  # counted as lost, may yet come late
        self._pops_without = 0
        self._calm: deque[float] = deque(maxlen=CALM_POPS)  # play-out delays
        self._pops = 0

    def is_broken_by(self, packet: RtpPacket, now_s: float) -> bool:
        if packet.ssrc != self._ssrc:
            return True
        ahead = unwrap(packet.sequence_number, self._highest, 16) - self._highest
        delay_s = self.delays.delay_s(self._media_s(packet), now_s)
        # a straggler, which is behind in number and in time, breaks nothing
        is_jump_in_time = ahead > 0 and abs(delay_s) > DELAY_JUMP_S
        return is_jump_in_time or abs(ahead) > SEQUENCE_JUMP_MAX

    def push(self, packet: RtpPacket, now_s: float) -> bool:
        number = unwrap(packet.sequence_number, self._highest, 16)
        if number in self._seen or number <= self._highest - HISTORY_MAX:
            self._counters.duplicate += 1
            return False
        media_s = self._media_s(packet)
        self.delays.observe(media_s, now_s)
        is_newest = self._remember(number, packet)
        if self._next is not None and number < self._next:
            self._counters.late += 1
            self._counters.lost -= number in self._missed
            self._missed.discard(number)
            return False
        self._waiting[number] = _Waiting(packet, media_s)
        if len(self._waiting) > PACKETS_MAX:
            self._skip()
        return is_newest

    def pop(self, now_s: float) -> RtpPacket | Gap:
        self._pops += 1
        self._shorten(now_s)
        number = min(self._waiting, default=None)
        if number is None or (number != self._next and not self._is_due(number, now_s)):
            self._pops_without += 1
            return Gap.EMPTY if self._next is None else Gap.LOST
        self._go_to(number + 1)
        self._pops_without = 0
        self.delay_s = self._delay_s(number, now_s)
        self._calm.append(self.delay_s)
        return self._waiting.pop(number).packet

    def _is_due(self, number: int, now_s: float) -> bool:
        return self._delay_s(number, now_s) >= self.delays.target_s

    def _delay_s(self, number: int, now_s: float) -> float:
        return self.delays.delay_s(self._waiting[number].media_s, now_s)

    def _media_s(self, packet: RtpPacket) -> float:
        return unwrap(packet.timestamp, self._timestamp, 32) / self._clock_hz

    def _shorten(self, now_s: float) -> None:
        """Skip what would make the delay too long; the newest packet always stays."""
        if not self._waiting:
            return
        longest_s = self.delays.target_s + FRAME_S
        is_continuous = self._next is not None and self._pops_without < BREAK_POPS
        at_once_s = longest_s + EXCESS_MAX_S if is_continuous else longest_s
        while len(self._waiting) > 1 and self._delay_s(min(self._waiting), now_s) > at_once_s:
            self._skip()
        if self._pops % SHORTEN_POPS or len(self._calm) < CALM_POPS or len(self._waiting) < 2:
            return
        # the shortest of them all: a pop that our own clock made early counts, too
        if min(self._calm) > longest_s + HYSTERESIS_S:
            self._skip()
            self._calm = deque((delay_s - FRAME_S for delay_s in self._calm), CALM_POPS)

    def _skip(self) -> None:
        number = min(self._waiting)
        del self._waiting[number]
        self._counters.skipped += 1
        if self._next is not None:
            self._go_to(number + 1)

    def _go_to(self, number: int) -> None:
        """Whatever is before `number` and never came is lost."""
        if self._next is not None:
            missed = set(range(self._next, number)) - self._seen
            self._counters.lost += len(missed)
            self._missed |= {one for one in missed if one > self._highest - HISTORY_MAX}
        self._next = number

    def _remember(self, number: int, packet: RtpPacket) -> bool:
        self._seen.add(number)
        if number <= self._highest:
            return False
        for forgotten in range(self._highest - HISTORY_MAX + 1, number - HISTORY_MAX + 1):
            self._seen.discard(forgotten)
            self._missed.discard(forgotten)
        self._highest = number
        self._timestamp = unwrap(packet.timestamp, self._timestamp, 32)
        return True
