"""Keys pressed in a call, as named events in the stream of speech, and heard from it.

Knows no keypad, key or time: the session asks once per frame whether an event takes the place of
speech, and shows each event packet that came. An event lasts 100 ms; its end is said three times.
Units: timestamps and durations in ticks of the codec's RTP clock.
Source: RFC 4733 (telephone-event), sections 2.3 and 2.5.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from firmware.errors import MalformedError
from firmware.media.rtp import unwrap

PAYLOAD_TYPE = 101  # dynamic; what everybody takes for it
KEYS = "0123456789*#ABCD"  # events 0 to 15, section 3.2
EVENT_FRAMES = 5  # 100 ms, as a key tone lasts
END_SENT = 3  # times, section 2.5.1.4
WAITING_MAX = 16  # keys pressed faster than they can be sent; the newest are dropped

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10  # -dBm0, section 2.3.4


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of one packet."""

    event: int  # 0 to 255
    duration: int  # ticks since the timestamp of the packet, 16 bits (section 2.3.5)
    is_end: bool = False

    def encode(self) -> bytes:
        """Four bytes."""
        return _PAYLOAD.pack(self.event, self.is_end * _END | _VOLUME, self.duration)

    @classmethod
    def decode(cls, payload: bytes) -> TelephoneEvent:
        """Parse a payload; MalformedError if it is not exactly one event."""
        if len(payload) != _PAYLOAD.size:
            raise MalformedError(f"telephone-event of {len(payload)} bytes")
        event, flags, duration = _PAYLOAD.unpack(payload)
        return cls(event, duration, bool(flags & _END))


@dataclass(frozen=True, slots=True)
class EventPacket:
    """What to send in the place of a frame of speech."""

    payload: bytes
    timestamp: int  # unwrapped: where the event began
    marker: bool  # of its first packet


class KeySender:
    """The keys of one call, one after the other."""

    def __init__(self, frame_ticks: int) -> None:
        self._frame_ticks = frame_ticks
        self._waiting: deque[int] = deque()
        self._began = 0  # timestamp of the event that is being sent
        self._sent = 0  # packets of it

    def press(self, key: str) -> bool:
        """Send this key next; False if it is none of KEYS or WAITING_MAX are waiting."""
        if key not in KEYS or len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(KEYS.index(key))
        return True

    def next(self, timestamp: int) -> EventPacket | None:
        """What goes out for the frame at `timestamp`, unwrapped; None = speech."""
        if not self._waiting:
            return None
        if self._sent == 0:
            self._began = timestamp
        self._sent += 1
        frames = min(self._sent, EVENT_FRAMES)
        event = TelephoneEvent(
            self._waiting[0], frames * self._frame_ticks, is_end=self._sent >= EVENT_FRAMES
        )
        packet = EventPacket(event.encode(), self._began, marker=self._sent == 1)
        if self._sent == EVENT_FRAMES + END_SENT - 1:
            self._waiting.popleft()
            self._sent = 0
        return packet


class KeyHearer:
    """The keys of the peer; each is said once, by the first of its packets that comes."""

    def __init__(self) -> None:
        self._latest: int | None = None  # timestamp of the newest event, unwrapped

    def take(self, payload: bytes, timestamp: int) -> str:
        """The key of an event that is new, else nothing; MalformedError if it is no event.

        Events that are no keys (a flash of the hook, tones of machines) are nothing, too.
        """
        event = TelephoneEvent.decode(payload)
        if self._latest is not None:
            timestamp = unwrap(timestamp, self._latest, 32)
            if timestamp <= self._latest:
                return ""
        self._latest = timestamp
        return KEYS[event.event] if event.event < len(KEYS) else ""
