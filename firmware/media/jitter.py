"""Jitter buffer: puts received frames back in order and says when each is played.

Knows no socket, decoder or clock: the caller passes `now_s`. A packet may carry older frames again
(RFC 2198); the first copy of a frame counts, whatever way it came.
The play-out delay is the delay (see `delay`) at the moment of playing. It is kept between the
target, which is what nearly all frames needed on their way, and one frame more:
- a frame that directly follows the last one is played at once;
- after a gap the next frame waits, and is concealed, until its delay has reached the target: a
  reordered packet or a copy can still come, a lost frame costs exactly its own time;
- with nothing to play, sound is concealed and the delay grows;
- `played` says by how much sound should be stretched or shortened besides.
Units: `_s` monotonic seconds (float); `media` in ticks of 1/48,000 s of the sender's clock.
Source: ours; RFC 3550 appendix A.1 for jumps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from firmware.media.delay import TARGET_MAX_S, DelayObserver
from firmware.media.reception import Reception
from firmware.media.red import Block
from firmware.media.rtp import RtpPacket, unwrap
from firmware.model import FRAME_S

MEDIA_HZ = 48_000  # a multiple of every RTP clock
FRAMES_MAX = 100  # 2 s of speech; above it the oldest is skipped
EXCESS_MAX_S = 0.200  # above the target: more is skipped at once
CALM_POPS = 200  # 4 s for which the delay must have been too long before it is shortened
HYSTERESIS_S = 0.001  # by which the delay may be too long; more where the target itself moves:
HYSTERESIS_OF_TARGET = 0.1
SETTLED_MAX = 5  # packets after which a missing one is lost, not overtaken, on a line with jitter
LOSS_REMEMBERED = MEDIA_HZ * 10  # so long after a loss the target waits for copies
BREAK_POPS = 10  # 200 ms without a frame: the ear has lost the thread, begin at the target again
SEQUENCE_JUMP_MAX = 1000  # packets, 20 s; beyond it the peer began anew
DELAY_JUMP_S = 2.0  # so far from the fastest frame, the peer's clock jumped
HISTORY = MEDIA_HZ * 10  # so long it is known what was played


class Gap(Enum):
    """What `pop` answers when it has no frame."""

    EMPTY = "empty"  # nothing to play yet
    LOST = "lost"  # conceal one frame
    PAUSE = "pause"  # nothing is missing: the peer sends no silence


class Ready(NamedTuple):
    """A frame to be played now."""

    payload_type: int
    payload: bytes
    is_copy: bool  # its own packet was lost


@dataclass(slots=True)
class JitterCounters:
    """Since the beginning of the call; in packets, `recovered` in frames."""

    received: int = 0
    lost: int = 0  # did not come
    late: int = 0  # came after the time at which it should have been played
    duplicate: int = 0
    recovered: int = 0  # played from a copy
    skipped: int = 0  # to shorten the delay
    resyncs: int = 0  # the peer changed its SSRC or jumped


class JitterBuffer:
    """One direction of one call, whatever its sender does."""

    def __init__(self) -> None:
        self._counters = JitterCounters()
        self._lost_before = 0  # of streams that are over
        self._stream: _Stream | None = None

    @property
    def counters(self) -> JitterCounters:
        """All that happened so far."""
        lost = self._lost_before + (self._stream.reception.lost if self._stream else 0)
        self._counters.lost = lost
        return self._counters

    @property
    def reception(self) -> Reception | None:
        """The packets of the present stream."""
        return self._stream.reception if self._stream else None

    @property
    def ssrc(self) -> int | None:
        """Of the present stream."""
        return self._stream.ssrc if self._stream else None

    @property
    def jitter_s(self) -> float:
        """Interarrival jitter, RFC 3550 section 6.4.1."""
        return self._stream.reception.jitter_s if self._stream else 0.0

    @property
    def delay_s(self) -> float:
        """Play-out delay of the last frame played."""
        return self._stream.delay_s if self._stream else 0.0

    @property
    def target_s(self) -> float:
        """What nearly all frames need."""
        return self._stream.target_s if self._stream else 0.0

    def push(self, packet: RtpPacket, blocks: Sequence[Block], clock_hz: int, now_s: float) -> bool:
        """Take an authentic packet that came at `now_s`; True if none newer has come before it.

        `blocks` are the frames in it, each `offset` ticks of `clock_hz` before its timestamp.
        """
        self._counters.received += 1
        place = None if self._stream is None else self._stream.place_of(packet, clock_hz, now_s)
        if self._stream is None or place is None:
            if self._stream is not None:
                self._counters.resyncs += 1
                self._lost_before += self._stream.reception.lost
            self._stream = _Stream(packet, clock_hz, self._counters)
            place = self._stream.reception.first, 0
        return self._stream.push(packet, place, blocks, clock_hz, now_s)

    def pop(self, now_s: float) -> Ready | Gap:
        """What to play for the next frame."""
        return self._stream.pop(now_s) if self._stream else Gap.EMPTY

    def peek(self) -> Ready | None:
        """The frame that will be played next: it may help to conceal the one before it."""
        return self._stream.peek() if self._stream else None

    def played(self, frame_s: float, ahead_s: float, pull_s: float) -> float:
        """The frame that was popped is `frame_s` long: by how much to shorten the sound.

        Negative: stretch it. `ahead_s` is decoded sound that was left over before this frame,
        `pull_s` what the ear takes at a time, 0 = as much as there is.
        """
        return self._stream.played(frame_s, ahead_s, pull_s) if self._stream else 0.0

    def pauses(self) -> None:
        """The frame that was popped says that no more come for a while: nothing is missing."""
        if self._stream is not None:
            self._stream.is_pausing = True

    @property
    def frame_s(self) -> float:
        """How long the last frame was."""
        return self._stream.frame_s if self._stream else FRAME_S

    @property
    def slack_s(self) -> float:
        """By how much the last frame was played later than needed; negative: too early."""
        return self._stream.delay_s - self._stream.target_s if self._stream else 0.0

    @property
    def is_ready(self) -> bool:
        """What `pop` would answer now will not be another thing when it is due."""
        return self._stream is None or self._stream.is_ready


class _Waiting(NamedTuple):
    ready: Ready
    number: int  # of its own packet


class _Stream:
    """Frames of one sender whose numbers and timestamps belong together."""

    def __init__(self, first: RtpPacket, clock_hz: int, counters: JitterCounters) -> None:
        self.delays = DelayObserver()
        self.delay_s = 0.0
        self.ssrc = first.ssrc
        self.reception = Reception(first.sequence_number)
        self._counters = counters
        self._timestamp, self._clock_hz = first.timestamp, clock_hz  # unwrapped, of the newest
        self._media = 0  # of the newest packet
        self._next: int | None = None  # media time that follows the last frame played
        self._playing = 0  # media time of the last frame played
        self._last_number: int | None = None  # of its packet
        self._frame = MEDIA_HZ // 50
        self._waiting: dict[int, _Waiting] = {}  # by media time
        self._known: set[int] = set()  # media times of frames that have come
        self._pops_without = 0
        self.is_pausing = False  # the peer says nothing
        self._slack: deque[float] = deque(maxlen=CALM_POPS)  # delay above the target
        self._reach = 0  # how much older than its packet the oldest copy in the newest one is
        self._lost: dict[int, int] = {}  # packets taken for lost lately: number, media time

    @property
    def target_s(self) -> float:
        """What nearly all frames need, and while packets are lost, their copies as well."""
        target_s = self.delays.target_s
        if self._lost:
            target_s += self._reach / MEDIA_HZ
        return min(target_s, TARGET_MAX_S)

    @property
    def frame_s(self) -> float:
        return self._frame / MEDIA_HZ

    @property
    def is_ready(self) -> bool:
        return self._next is None or self._next in self._waiting

    def place_of(self, packet: RtpPacket, clock_hz: int, now_s: float) -> tuple[int, int] | None:
        """Unwrapped number and media time of a packet; None if it is of another stream."""
        number = self.reception.number(packet.sequence_number)
        ahead = number - self.reception.highest
        if packet.ssrc != self.ssrc or abs(ahead) > SEQUENCE_JUMP_MAX:
            return None
        media = self._media_of(packet, ahead, clock_hz)
        # a straggler, which is behind in number and in time, breaks nothing
        if ahead > 0 and self._known and abs(self._delay_s(media, now_s)) > DELAY_JUMP_S:
            return None
        return number, media

    def push(
        self,
        packet: RtpPacket,
        place: tuple[int, int],
        blocks: Sequence[Block],
        clock_hz: int,
        now_s: float,
    ) -> bool:
        number, media = place
        is_newest = number > self.reception.highest or not self.reception.received
        if not self.reception.take(number, media / MEDIA_HZ, now_s):
            self._counters.duplicate += 1
            return False
        if is_newest:
            self._timestamp = unwrap(packet.timestamp, self._timestamp, 32)
            self._clock_hz, self._media = clock_hz, media
            self._forget()
        scale = MEDIA_HZ // clock_hz
        # its own frame first: the copies in it are slower, and must not look fast
        for block in reversed(blocks):
            self._take(block, media - block.offset * scale, number, now_s)
        if is_newest and blocks:
            is_single = len(blocks) == 1  # as nearly always
            self._reach = 0 if is_single else max(block.offset for block in blocks) * scale
            self._look_for_loss(number)
        self._lost.pop(number, None)  # it was only overtaken
        return is_newest

    def pop(self, now_s: float) -> Ready | Gap:
        self._skip_excess(now_s)
        media = min(self._waiting, default=None)
        if media is None or (media != self._next and not self._is_due(media, now_s)):
            self._pops_without += 1
            if self._next is None:
                return Gap.EMPTY
            if self.is_pausing or (media is not None and self._is_pause(media)):
                return Gap.PAUSE
            return Gap.LOST
        waiting = self._waiting.pop(media)
        self.delay_s = self._delay_s(media, now_s)
        self._pops_without = 0
        self.is_pausing = False
        self._last_number = waiting.number
        self._counters.recovered += waiting.ready.is_copy
        self._next = media + self._frame  # `played` corrects it
        self._playing = media
        return waiting.ready

    def peek(self) -> Ready | None:
        media = min(self._waiting, default=None)
        if media is None or self._next is None or media != self._next + self._frame:
            return None
        return self._waiting[media].ready

    def played(self, frame_s: float, ahead_s: float, pull_s: float) -> float:
        self._frame = round(frame_s * MEDIA_HZ)
        self._next = self._playing + self._frame
        # of all frames that this pull takes, the last one must have come in time
        more = max(math.ceil(round((pull_s - ahead_s) / frame_s, 6)) - 1, 0)
        slack_s = self.delay_s - more * frame_s - self.target_s
        self._slack.append(slack_s)
        grain_s = min(pull_s, frame_s) or 1.0 / MEDIA_HZ
        if slack_s < 0:
            return ahead_s + grain_s * math.floor(slack_s / grain_s)
        if len(self._slack) < CALM_POPS:
            return 0.0
        # the smallest of them all: a pop that our own clock made early counts, too
        calm_s = min(self._slack) - HYSTERESIS_S - HYSTERESIS_OF_TARGET * self.target_s
        return ahead_s + grain_s * max(math.floor(calm_s / grain_s), 0)

    def _take(self, block: Block, media: int, number: int, now_s: float) -> None:
        is_copy = block.offset > 0
        if media in self._known or media <= self._media - HISTORY:
            return
        self._known.add(media)
        if is_copy:
            number -= round(block.offset / max(self._frame * self._clock_hz // MEDIA_HZ, 1))
        else:
            self.delays.observe(media / MEDIA_HZ, now_s)
        if self._next is not None and media < self._next:
            self._counters.late += not is_copy
            return
        self._waiting[media] = _Waiting(Ready(block.payload_type, block.payload, is_copy), number)
        if len(self._waiting) > FRAMES_MAX:
            self._skip()

    def _is_due(self, media: int, now_s: float) -> bool:
        return self._delay_s(media, now_s) >= self.target_s

    def _is_pause(self, media: int) -> bool:
        """True if no packet is missing before the frame: the peer had said nothing."""
        return self._waiting[media].number - 1 == self._last_number

    def _delay_s(self, media: int, now_s: float) -> float:
        return self.delays.delay_s(media / MEDIA_HZ, now_s)

    def _media_of(self, packet: RtpPacket, ahead: int, clock_hz: int) -> int:
        if clock_hz == self._clock_hz:
            ticks = unwrap(packet.timestamp, self._timestamp, 32) - self._timestamp
            return self._media + ticks * (MEDIA_HZ // clock_hz)
        # another codec, another clock: only the count of packets goes on
        return self._media + ahead * self._frame

    def _skip_excess(self, now_s: float) -> None:
        """Skip what would make the delay far too long; the newest frame always stays."""
        if len(self._waiting) < 2:
            return
        is_continuous = self._next is not None and self._pops_without < BREAK_POPS
        excess_s = EXCESS_MAX_S if is_continuous else 0.0
        longest_s = self.target_s + self._frame / MEDIA_HZ + excess_s
        while len(self._waiting) > 1 and self._delay_s(min(self._waiting), now_s) > longest_s:
            self._skip()

    def _skip(self) -> None:
        media = min(self._waiting)
        del self._waiting[media]
        self._counters.skipped += 1
        if self._next is not None:
            self._next = media + self._frame

    def _look_for_loss(self, newest: int) -> None:
        """A packet that is still missing when jitter can no longer be the reason is lost."""
        frame_s = self._frame / MEDIA_HZ
        settled = min(1 + math.ceil(self.delays.target_s / frame_s), SETTLED_MAX)
        number = newest - settled
        if number > self.reception.first and not self.reception.has_come(number):
            self._lost[number] = self._media
        while self._lost and self._media - next(iter(self._lost.values())) > LOSS_REMEMBERED:
            del self._lost[next(iter(self._lost))]

    def _forget(self) -> None:
        oldest = self._media - HISTORY
        if len(self._known) > 2 * HISTORY // self._frame:
            self._known = {media for media in self._known if media > oldest}
