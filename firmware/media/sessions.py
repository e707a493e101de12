"""The sound of all calls: which of them the handset is in, and whose packet it is that comes.

Knows no call states. A call that the handset is not in goes on: its peer is sent silence, so that
both ends know that the line is there, and what it says is not heard.
Units: `_s` monotonic seconds (float); a frame is 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from firmware.events import DatagramReceived, KeyPressed, Message
from firmware.events.call import (
    ChangeCodec,
    PrepareMedia,
    SendKey,
    SpeakWith,
    StartMedia,
    StopMedia,
)
from firmware.events.services import BoxHeard, BoxTurn
from firmware.media.mixer import Conference
from firmware.media.route import Route
from firmware.media.rtp import is_rtcp
from firmware.media.session import MediaSession, Taken
from firmware.model import Frame, silence

SOURCES_MAX = 16  # SSRCs whose call is remembered, the latest

_SSRC, _SSRC_OF_REPORT = slice(8, 12), slice(4, 8)  # RFC 3550 sections 5.1 and 6.4.1


class MediaSessions:
    """The core of the media package."""

    def __init__(
        self,
        random_bytes: Callable[[int], bytes],
        route: Callable[[int], Route] | None = None,
        *,
        dtx: bool = False,
    ) -> None:
        """`route` gives the path of a call; without it packets go where the last came from.

        With `dtx` nearly nothing is sent while nobody speaks here.
        """
        self._dtx = dtx
        self.heard_first_s: float | None = None  # play-out of the first speech of the last call
        self._random_bytes, self._route = random_bytes, route
        self._sessions: dict[int, MediaSession] = {}
        self._speaking: tuple[int, ...] = ()  # calls that the handset is in
        self._conference: Conference | None = None  # of two calls and more
        self._sources: dict[bytes, int] = {}  # SSRC: call, the latest last

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take RTP, keys and the commands for media; others do nothing."""
        match fact:
            case DatagramReceived():  # by far the most
                return self._receive(fact, now_s) if self._sessions else []
            case PrepareMedia(call=call):
                if not self._sessions:
                    self.heard_first_s = None
                route = None if self._route is None else self._route(call)
                self._sessions[call] = MediaSession(self._random_bytes, route, dtx=self._dtx)
                return self._sessions[call].handle(fact, now_s)
            case StartMedia(call=call) if call in self._sessions:
                self._speak_with((call,))
                return self._sessions[call].handle(fact, now_s)
            case SpeakWith(calls=calls):
                self._speak_with(calls)
            case ChangeCodec(call=call) if call in self._sessions:
                return self._sessions[call].handle(fact, now_s)
            case StopMedia(call=call) if call in self._sessions:
                session = self._sessions.pop(call)
                self._speak_with(self._speaking)
                return session.handle(fact, now_s)
            case SendKey(key=key):
                for call in self._speaking:
                    self._sessions[call].handle(KeyPressed(key), now_s)
            case BoxTurn(frame=frame, listens=False):
                return self.capture(frame, now_s)
            case BoxTurn(frame=frame):
                heard = self.playout(now_s)
                return [
                    *self.capture(frame, now_s),
                    BoxHeard(silence() if heard is None else heard),
                ]
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Reports of all calls, and which of them have been lost."""
        return [message for one in list(self._sessions.values()) for message in one.on_time(now_s)]

    def deadline_s(self) -> float | None:
        """When on_time() is due; None without a started call."""
        deadlines = (session.deadline_s() for session in self._sessions.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @property
    def frames_concealed(self) -> int:
        """Of the calls there are: frames that were not there when they were to be heard."""
        return sum(session.frames_concealed for session in self._sessions.values())

    def capture(self, frame: Frame | None, now_s: float) -> list[Message]:
        """One frame from the microphone, to be sent; None = the handset is in no call at all."""
        spoken: dict[int, Frame] = {}
        if frame is not None and self._conference is not None:
            spoken = self._conference.spoken(frame)
        elif frame is not None:
            spoken = dict.fromkeys(self._speaking, frame)
        messages: list[Message] = []
        for call, session in self._sessions.items():
            messages += session.capture(spoken[call] if call in spoken else silence(), now_s)
        return messages

    @property
    def is_ready(self) -> bool:
        """The next frame for the ear can be had before it is due."""
        return all(self._sessions[call].is_ready for call in self._speaking)

    def playout(self, now_s: float, *, is_free: bool = False) -> Frame | None:
        """The next frame for the ear; None when the handset is in no call, or nothing has come.

        `is_free` = the ear takes one of any length, unless it is in a conference.
        """
        heard: dict[int, Frame] = {}
        for call, session in self._sessions.items():
            speaks = call in self._speaking
            is_alone = speaks and self._conference is None
            # of all calls: nobody's sound may pile up
            frame = session.playout(now_s, is_free=is_free and is_alone)
            if speaks:
                if frame is not None:
                    heard[call] = frame
                self.heard_first_s = self.heard_first_s or session.heard_first_s
        if self._conference is not None:
            return self._conference.heard(heard)
        return next(iter(heard.values()), None)

    def _speak_with(self, calls: Iterable[int]) -> None:
        self._speaking = tuple(call for call in calls if call in self._sessions)
        is_conference = len(self._speaking) > 1
        self._conference = Conference(self._speaking) if is_conference else None

    def _receive(self, fact: DatagramReceived, now_s: float) -> list[Message]:
        """To the call whose key proves it; that of its source's last packet is tried first."""
        source = fact.data[_SSRC_OF_REPORT if is_rtcp(fact.data) else _SSRC]
        likely = self._sources.get(source)
        calls: Iterable[int] = self._sessions
        if len(self._sessions) > 1:
            calls = sorted(self._sessions, key=lambda call: call != likely)
        for call in calls:
            session = self._sessions[call]
            if session.take(fact, now_s) is not Taken.FOREIGN:
                if call != likely:
                    self._remember(source, call)
                return session.keys_heard() if call in self._speaking else []
        (next(iter(self._sessions.values()))).count_malformed()
        return []

    def _remember(self, source: bytes, call: int) -> None:
        self._sources.pop(source, None)
        self._sources[source] = call
        if len(self._sources) > SOURCES_MAX:
            del self._sources[next(iter(self._sources))]
