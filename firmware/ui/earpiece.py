"""Tones in the earpiece: which one a person hears in which state of the call.

Knows no frequency and no cadence (codec/tones.py) and no sound of the peer: where no tone belongs
the frame is None and the phone plays speech. Units: `_s` monotonic seconds.
Source: ITU-T E.180 (meaning of the tones).
"""

from __future__ import annotations

from collections import deque

from firmware.codec.dtmf import KEYS, key_tone
from firmware.codec.tones import TonePlayer
from firmware.events import CallChanged, KeyPressed, Message, Untimed
from firmware.events.services import WaitingChanged
from firmware.model import CallState, CallView, EndReason, Frame, Place, Screening, Tone

_TONE_OF_STATE = {
    CallState.OFF_HOOK: Tone.DIAL,
    CallState.RINGBACK: Tone.RINGBACK,
    CallState.BUSY: Tone.BUSY,
}

_TONE_OF_REASON = {
    # The three notes say: do not try again like this, listen or look; waiting does not help.
    EndReason.WRONG_NUMBER: Tone.SPECIAL_INFORMATION,
    EndReason.NUMBER_CHANGED: Tone.SPECIAL_INFORMATION,
    EndReason.NOT_SECURE: Tone.SPECIAL_INFORMATION,
    EndReason.EMERGENCY: Tone.SPECIAL_INFORMATION,  # never the sound of an ordinary failure
    EndReason.ANONYMOUS_REFUSED: Tone.SPECIAL_INFORMATION,
    # The fast beat says: the fault is on the way or in a box, nobody there has heard the bell.
    EndReason.UNREACHABLE: Tone.CONGESTION,
    EndReason.OFFLINE: Tone.CONGESTION,
    EndReason.NO_COMMON_CODEC: Tone.CONGESTION,
    EndReason.CONNECTION_LOST: Tone.CONGESTION,
    EndReason.NOT_READY: Tone.CONGESTION,
    # The slow beat says: the way is fine, this call is over, hang up and perhaps try later. A call
    # declined sounds like a busy line: whoever rings learns nothing more about the person there.
    EndReason.BUSY: Tone.BUSY,
    EndReason.DECLINED: Tone.BUSY,
    EndReason.DO_NOT_DISTURB: Tone.BUSY,
    EndReason.NO_ANSWER: Tone.BUSY,
    EndReason.HUNG_UP_BY_PEER: Tone.BUSY,
    EndReason.TIMED_OUT: Tone.BUSY,
    # HUNG_UP, MISSED and DIVERTED: the handset is on its hook, nobody listens.
}

# Pressed keys are heard where they can mean a digit; not over speech, which would miss its frames.
_OVER = frozenset({CallState.BUSY, CallState.FAILED})
_KEYS_SILENT = frozenset({CallState.IDLE, CallState.RINGING, CallState.CONNECTED})


HOWLER_FRAMES = 50 * 45  # 45 s after the end of a call the handset still is not on its hook


def tone_of(view: CallView) -> Tone | None:
    """The tone that belongs to this view of the call, None = no tone."""
    if view.state is CallState.CONNECTED:  # beside the speech
        if any(other.place is Place.WAITING for other in view.others):
            return Tone.CALL_WAITING
        if view.screened is Screening.RINGS:
            return Tone.RINGBACK  # the other end is silent, until somebody has decided
        return Tone.HELD if view.is_on_hold else None
    if view.state is CallState.FAILED and view.reason is not None:
        return _TONE_OF_REASON.get(view.reason)
    return _TONE_OF_STATE.get(view.state)


class EarTones(Untimed):
    """The core of the earpiece; `frame` belongs to the sound plane, 50 times a second.

    `heard_first_s` says when each tone of the present or last call was first played.
    """

    def __init__(self, country: str) -> None:
        """`country` is a key of codec.tones.COUNTRIES; ConfigError otherwise."""
        self.heard_first_s: dict[Tone, float] = {}
        self._player = TonePlayer(country)
        self._state = CallState.IDLE
        self._waiting: set[bool] = set()  # spoken or not
        self._wanted: Tone | None = None
        self._fading = False  # the player still has the last milliseconds of a tone to play
        self._key_frames: deque[Frame] = deque()  # of the last key only
        self._frames_over = 0  # heard since the call is over

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take CallChanged or KeyPressed; never answers."""
        del now_s  # tones advance by frames, not by time
        if isinstance(fact, CallChanged):
            self._follow(fact.view)
        elif isinstance(fact, WaitingChanged):
            others = self._waiting - {fact.is_spoken}
            self._waiting = others | ({fact.is_spoken} if fact.is_waiting else set())
        elif isinstance(fact, KeyPressed) and self._sounds(fact):
            self._key_frames = deque(key_tone(fact.key))
        return []

    @property
    def is_beside_speech(self) -> bool:
        """What `frame` gives is heard together with the peer, not instead of it."""
        return self._state is CallState.CONNECTED

    def frame(self, now_s: float) -> Frame | None:
        """The next 20 ms of tone; None = no tone, the peer's speech may be heard."""
        if self._state in _OVER:
            self._frames_over += 1
            if self._frames_over == HOWLER_FRAMES:
                self._wanted = Tone.HOWLER
        if self._wanted is not None and not self._key_frames:
            self._player.start(self._wanted)
        if self._player.tone is not None:
            self.heard_first_s.setdefault(self._player.tone, now_s)
        elif not self._fading:
            return self._key_frames.popleft() if self._key_frames else None
        sound = self._player.frame()
        self._fading = False
        if self._key_frames:
            sound += self._key_frames.popleft()  # both together are below half of full scale
        return sound

    def _sounds(self, press: KeyPressed) -> bool:
        is_silent = press.has_sounded or self._state in _KEYS_SILENT
        return press.key in KEYS and not is_silent

    def _follow(self, view: CallView) -> None:
        entered = view.state is not self._state
        if entered and view.state in (CallState.OFF_HOOK, CallState.CALLING, CallState.RINGING):
            self.heard_first_s.clear()
        if entered:
            self._frames_over = 0
        self._state, self._wanted = view.state, tone_of(view)
        if self._wanted is Tone.DIAL and self._waiting:
            self._wanted = Tone.MESSAGE_WAITING
        if self._player.tone not in (None, self._wanted):
            self._player.stop()
            self._fading = True
        if view.state in _KEYS_SILENT:
            self._key_frames.clear()
        if view.state is CallState.IDLE and self._fading:
            self._player.frame()  # nobody listens: do not keep the end for the next call
            self._fading = False
