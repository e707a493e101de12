"""Dictation: whoever finds nobody, or a busy line, may speak a message, which the box delivers.

The tone of the failed call is followed by the offer; a key takes it. What was spoken is kept when
that is said, also if the handset is put down instead. Calls that withhold their address get none.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

from firmware.codec.recording import Recorder
from firmware.codes import Service
from firmware.events import CallChanged, CallEnded, KeyPressed, Message, WallClockRead
from firmware.events.messages import MESSAGE_S_MAX, UseHandset
from firmware.events.services import Hush, Said, Say, ServiceEnded, Spoken
from firmware.events.store import Kind, RecordSaved, RecordsLoaded, SaveFailed, SaveRecord
from firmware.features.feature import Feature
from firmware.model import CallState, CallView, EndReason

OFFER_KEY = "6"
OFFER_S = 2.0  # of the tone that says what has happened
OUTGOING_MAX = 20  # messages that wait
MESSAGE_S_MIN = 1.0
SOUND_OF = "out/"  # the key of the sound begins so
_OFFERS = {
    EndReason.UNREACHABLE: "message_offered",
    EndReason.OFFLINE: "message_offered",
    EndReason.NO_ANSWER: "message_offered",
    EndReason.BUSY: "message_or_wait",  # the other key is completion's
}


class Dictation(Feature):
    """From the offer to the card."""

    services: frozenset[Service] = frozenset()

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None
        self._outgoing: set[str] = set()  # keys
        self._dialled = ""
        self._number = ""  # whom it is for; empty = nothing is offered
        self._offer = ""  # the prompt
        self._offer_s: float | None = None
        self._is_offered = False  # or will be
        self._is_open = False  # the handset is ours
        self._recorder: Recorder | None = None
        self._began_utc_s = 0
        self._is_cut = False  # by the limit
        self._saving = ""  # the key of what was spoken
        self._is_said = False  # what came of it: then dial tone

    @property
    def listens(self) -> bool:
        """What is spoken is the message."""
        return self._recorder is not None

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Calls in vain, the key, the voice, the card."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                kept = (record.key for record in fact.records if record.kind is Kind.OUTGOING)
                self._outgoing = set(kept)
            case CallEnded(incoming=False, peer_number=number) if fact.reason in _OFFERS:
                is_open = number == self._dialled and self._utc_at_zero_s is not None
                self._number, self._offer = number if is_open else "", _OFFERS[fact.reason]
            case CallChanged(view=view):
                return self._follow(view, now_s)
            case KeyPressed(key=key):
                return self._press(key)
            case Said() if self._is_open:
                return self._go_on(now_s)
            case Spoken(frame=frame) if self._recorder is not None:
                self._recorder.push(frame)
                return self._end() if self._recorder.is_full else []
            case SaveRecord(kind=Kind.OUTGOING, key=key, data=None):
                self._outgoing.discard(key)
            case RecordSaved() | SaveFailed() if self._saving:
                return self._saved(fact)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """The tone was long enough."""
        if self._offer_s is None or now_s < self._offer_s:
            return []
        self._offer_s = None
        return [Say(("outbox_full" if self._is_full else self._offer,))]

    def deadline_s(self) -> float | None:
        """When the offer is spoken."""
        return self._offer_s

    @property
    def _is_full(self) -> bool:
        return len(self._outgoing) >= OUTGOING_MAX

    def _follow(self, view: CallView, now_s: float) -> list[Message]:
        if view.state is CallState.CALLING:
            self._dialled, self._number, self._is_offered = view.digits, "", False
        if view.state in (CallState.FAILED, CallState.BUSY) and self._number:
            if not self._is_offered:
                self._is_offered, self._offer_s = True, now_s + OFFER_S
            return []
        self._offer_s = None
        if view.state is CallState.CONNECTED:
            return []
        self._is_open = False
        out = self._end() if self._recorder is not None else []
        self._number = ""
        return out

    def _press(self, key: str) -> list[Message]:
        if self._recorder is not None:
            return self._end()
        if self._is_open or not self._number or key != OFFER_KEY or self._is_full:
            return []
        self._is_open, self._is_said = True, False
        return [Hush(), UseHandset(), Say(("message_record", "beep"))]

    def _go_on(self, now_s: float) -> list[Message]:
        """What was being said is over: the message, or dial tone."""
        if self._is_said:
            self._is_open, self._number = False, ""
            return [ServiceEnded()]
        if self._recorder is None and not self._saving:
            self._recorder = Recorder(MESSAGE_S_MAX)
            self._began_utc_s = round((self._utc_at_zero_s or 0.0) + now_s)
        return []

    def _end(self) -> list[Message]:
        """By a key, the handset or the limit: on to the card with it."""
        assert self._recorder is not None
        recorder, self._recorder = self._recorder, None
        if recorder.duration_s < MESSAGE_S_MIN:
            return self._say("message_not_kept")
        self._is_cut = recorder.is_full
        self._saving = f"{self._number}/{self._began_utc_s}"
        return [SaveRecord(Kind.SOUND, SOUND_OF + self._saving, recorder.recording())]

    def _saved(self, fact: RecordSaved | SaveFailed) -> list[Message]:
        """First the sound, then that there is one: what is known to be there can be played."""
        sound = (Kind.SOUND, SOUND_OF + self._saving)
        if (fact.kind, fact.key) not in (sound, (Kind.OUTGOING, self._saving)):
            return []
        if isinstance(fact, SaveFailed):
            self._saving = ""
            undo = SaveRecord(*sound, None)
            return [*([undo] if fact.kind is Kind.OUTGOING else []), *self._say("not_saved")]
        if fact.kind is Kind.SOUND:
            return [SaveRecord(Kind.OUTGOING, self._saving, b"")]
        self._outgoing.add(self._saving)
        self._saving = ""
        return self._say("message_time_over" if self._is_cut else "", "message_kept")

    def _say(self, *words: str) -> list[Message]:
        """What has come of it, if anybody still listens."""
        self._is_said = True
        return [Say(tuple(filter(None, words)))] if self._is_open else []
