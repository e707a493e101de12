"""Answering machine: the box lifts by itself, greets, records, and hangs up.

Who lifts the handset meanwhile speaks with the caller at once. With do-not-disturb on it lifts
soon, and nothing rings; so it is asked before that (table.py). Each 20 ms it gives the line a frame
and gets one (BoxTurn, BoxHeard); what is recorded is Opus, kept sealed by the store.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

import json

from firmware.codec.recording import Player, Recorder
from firmware.codes import Service
from firmware.events import CallChanged, Message, WallClockRead
from firmware.events.call import CallOffered, SilenceCall
from firmware.events.services import (
    AnswerByBox,
    BoxHeard,
    BoxTurn,
    FetchSounds,
    HangUpByBox,
    SoundsFetched,
)
from firmware.events.store import (
    Kind,
    ReadRecord,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    SaveRecord,
)
from firmware.features.feature import Switch
from firmware.features.greeting import GREETING_KEY
from firmware.model import FRAME_S, CallState, CallView, silence

ANSWER_S = 20  # of ringing, if the code names no other time
ANSWER_S_MIN = 5
QUICK_S = 2  # with do-not-disturb on; sooner the caller has no path yet, and misses the beginning
MESSAGE_S_MIN, MESSAGE_S_MAX = 1.0, 120.0
MESSAGES_MAX = 50
TURNS_MAX = 10  # made up for at once, if the box was late


class Machine(Switch):
    """*96# or *96*SECONDS# and #96#."""

    service = Service.MACHINE

    def __init__(self) -> None:
        super().__init__()
        self._utc_at_zero_s: float | None = None
        self._messages: set[str] = set()  # keys
        self._answer_s: float | None = None  # when to lift
        self._is_undisturbed = False  # nothing shall ring
        self._quick = 0  # the call to lift for soon
        self._call = 0  # that rings, or that we are in
        self._number = ""
        self._turn_s: float | None = None  # the next; None = we are in no call
        self._player = Player()
        self._recorder: Recorder | None = None
        self._is_full = False
        self._is_greeted = False  # the greeting is there, and was said when the player is empty

    def load(self, key: str, data: bytes | None) -> bool:
        """Our own setting; of do-not-disturb's we take note."""
        if key == Service.DO_NOT_DISTURB.value:
            self._is_undisturbed = data is not None
        return super().load(key, data)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """The bell, the call, and what comes of the line."""
        match fact:
            case WallClockRead(utc_s=utc_s):
                self._utc_at_zero_s = utc_s - now_s
            case RecordsLoaded():
                kept = (record.key for record in fact.records if record.kind is Kind.MESSAGE)
                self._messages = set(kept)
            case RecordSaved(kind=Kind.MESSAGE, key=key):
                self._messages.add(key)
            case SaveRecord(kind=Kind.MESSAGE, key=key, data=None):
                self._messages.discard(key)
            case CallOffered(call=call, is_waiting=False) if self.is_on and self._is_undisturbed:
                self._quick = call
                return [SilenceCall(call)]
            case CallChanged(view=view):
                return self._follow(view, now_s)
            case RecordRead(kind=Kind.SOUND, key="greeting") if self._turn_s is not None:
                return self._greet(fact.data)
            case SoundsFetched(recordings=recordings) if self._turn_s is not None:
                self._player.add(recordings)
                self._is_greeted = True
            case BoxHeard(frame=frame) if self._recorder is not None:
                self._recorder.push(frame)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Lift; then one turn each 20 ms."""
        if self._answer_s is not None and now_s >= self._answer_s:
            self._answer_s = None
            return [AnswerByBox(self._call)]
        out: list[Message] = []
        for _ in range(TURNS_MAX):
            if self._turn_s is None or now_s < self._turn_s:
                break
            self._turn_s += FRAME_S
            out += self._turn(now_s)
        return out

    def deadline_s(self) -> float | None:
        """The lifting, or the next turn."""
        known = (self._answer_s, self._turn_s)
        return min((deadline for deadline in known if deadline is not None), default=None)

    def _follow(self, view: CallView, now_s: float) -> list[Message]:
        if view.state is CallState.RINGING and self.values is not None and not view.screening:
            if view.call != self._call:
                self._call = view.call
                rings_s = QUICK_S if view.call == self._quick else _seconds(self.values)
                self._answer_s = now_s + rings_s
            return []
        self._answer_s = None
        is_ours = view.state is CallState.CONNECTED and view.is_by_box and not view.screening
        if is_ours and self._turn_s is None:
            self._turn_s, self._call, self._number = now_s, view.call, view.peer_number
            self._is_full = len(self._messages) >= MESSAGES_MAX
            if self._is_full:
                return [FetchSounds(("machine_full",))]
            return [ReadRecord(Kind.SOUND, GREETING_KEY)]
        if not is_ours and self._turn_s is not None:
            return self._stop(now_s)
        return []

    def _greet(self, own: bytes | None) -> list[Message]:
        """With the owner's voice, else with the box's."""
        if own is None:
            return [FetchSounds(("greeting_default", "beep"))]
        self._player.add([own])
        return [FetchSounds(("beep",))]

    def _turn(self, now_s: float) -> list[Message]:
        frame = self._player.frame()
        if frame is not None:
            return [BoxTurn(frame)]
        out: list[Message] = [BoxTurn(silence())]
        if self._is_full and self._is_greeted:
            return [*out, HangUpByBox(self._call)]
        if self._recorder is None and self._is_greeted:
            self._recorder = Recorder(MESSAGE_S_MAX)
        elif self._recorder is not None and self._recorder.is_full:
            self._is_full, self._is_greeted = True, False  # said, then hung up
            out.append(FetchSounds(("message_time_over",)))
        del now_s
        return out

    def _stop(self, now_s: float) -> list[Message]:
        recorder, self._recorder, self._turn_s = self._recorder, None, None
        self._player.clear()
        self._is_greeted = False
        if recorder is None or recorder.duration_s < MESSAGE_S_MIN:
            return []
        utc_s = round((self._utc_at_zero_s or 0.0) + now_s)
        about = {"number": self._number, "utc_s": utc_s, "is_new": True}
        key = f"{utc_s:012d}/{self._number}"
        return [
            SaveRecord(Kind.SOUND, key, recorder.recording()),
            SaveRecord(Kind.MESSAGE, key, json.dumps(about).encode()),
        ]


def _seconds(values: tuple[str, ...]) -> int:
    return max(int(values[0]) if values else ANSWER_S, ANSWER_S_MIN)
