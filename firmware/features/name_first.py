"""Name first: a stranger says who is there; who lifts hears that before anybody talks.

The box asks the caller and records a few seconds, or less if there is a pause; who says nothing is
sent away and nobody is disturbed. Keys decide: 1 talk, 2 refuse, 3 block, 0 hear it again. The
recording is not kept. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

import numpy as np

from firmware.codec.opus import is_available
from firmware.codec.recording import Player, Recorder
from firmware.events import CallChanged, KeyPressed, Message
from firmware.events.book import Rule, SetRule
from firmware.events.services import (
    BoxHeard,
    BoxTurn,
    FetchSounds,
    Hush,
    Said,
    Say,
    SoundsFetched,
)
from firmware.events.strangers import AcceptCall, DismissCall, RingForName
from firmware.features.feature import Feature
from firmware.model import FRAME_S, CallState, CallView, Frame, Screening, silence

NAME_S_MAX = 5.0
SPEECH_S_MIN = 0.3  # less is no name
LEAD_S = 2.0  # after answering; sooner the caller has no path yet, and misses the beginning
PAUSE_S = 1.2  # after speech: the name is said
LOUD = 300.0  # mean of the absolute samples of a frame in which somebody speaks
TURNS_MAX = 10  # made up for at once, if the box was late


class NameFirst(Feature):
    """One stranger at a time; there is one handset."""

    def __init__(self) -> None:
        self._view = CallView()
        self._turn_s: float | None = None
        self._ask_s = 0.0  # when the question begins
        self._player = Player()
        self._recorder: Recorder | None = None
        self._is_asked = False  # the question is there, and was said when the player is empty
        self._loud = self._quiet = 0  # frames: of speech so far, of pause since
        self._name = b""
        self._is_said = False  # the name; the keys come next

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """The call, what comes of the line, and the keys of who has lifted."""
        match fact:
            case CallChanged(view=view):
                return self._follow(view, now_s)
            case SoundsFetched(recordings=recordings) if self._is_asking:
                self._player.add(recordings)
                self._is_asked = True
            case BoxHeard(frame=frame) if self._recorder is not None:
                return self._listen(self._recorder, frame)
            case Said() if self._view.screening is Screening.HEARD and not self._is_said:
                self._is_said = True
                return [Say(("name_menu",))]
            case KeyPressed(key=key) if self._view.screening is Screening.HEARD:
                return self._press(key)
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """One turn each 20 ms, so that the caller knows that the line is there."""
        out: list[Message] = []
        for _ in range(TURNS_MAX):
            if self._turn_s is None or now_s < self._turn_s:
                break
            self._turn_s += FRAME_S
            frame = self._player.frame() if self._turn_s >= self._ask_s else silence()
            if frame is None and self._is_asking and self._is_asked and self._recorder is None:
                self._recorder = Recorder(NAME_S_MAX)
            listens = self._view.screening is not Screening.HEARD
            out.append(BoxTurn(silence() if frame is None else frame, listens))
        return out

    def deadline_s(self) -> float | None:
        """The next turn."""
        return self._turn_s

    @property
    def _is_asking(self) -> bool:
        return self._view.screening is Screening.ASKED

    def _follow(self, view: CallView, now_s: float) -> list[Message]:
        before, self._view = self._view, view
        if view.screening is before.screening and view.call == before.call:
            return []
        if view.screening is Screening.ASKED and view.state is CallState.CONNECTED:
            self._forget()
            self._turn_s, self._ask_s = now_s, now_s + LEAD_S
            if not is_available():  # nothing can be recorded: the number has to do
                return [RingForName(view.call)]
            return [FetchSounds(("name_ask", "beep"))]
        if view.screening is Screening.HEARD:
            recorder = self._recorder
            if recorder is not None:
                self._name, self._recorder = recorder.recording(), None
            self._is_said = False
            return [Say(("name_heard",), self._name)]
        if view.screening is Screening.RINGS:
            return []
        was_heard = before.screening is Screening.HEARD
        self._forget()
        return [Hush()] if was_heard else []

    def _listen(self, recorder: Recorder, frame: Frame) -> list[Message]:
        recorder.push(frame)
        is_loud = float(np.abs(frame.astype(np.int32)).mean()) > LOUD
        self._loud += is_loud
        self._quiet = 0 if is_loud else self._quiet + 1
        has_spoken = self._loud * FRAME_S >= SPEECH_S_MIN
        is_over = has_spoken and self._quiet * FRAME_S >= PAUSE_S
        if not (is_over or recorder.is_full):
            return []
        self._name, self._recorder = recorder.recording(), None
        if not has_spoken:
            return [DismissCall(self._view.call)]
        return [RingForName(self._view.call)]

    def _press(self, key: str) -> list[Message]:
        call = self._view.call
        match key:
            case "1":
                return [Hush(), AcceptCall(call)]
            case "2" | "*":
                return [Hush(), DismissCall(call)]
            case "3":
                return [Hush(), SetRule(self._view.peer_number, Rule.BLOCKED), DismissCall(call)]
            case "0":
                self._is_said = False
                return [Say(("name_heard",), self._name)]
        return []

    def _forget(self) -> None:
        self._turn_s = self._recorder = None
        self._player.clear()
        self._is_asked = self._is_said = False
        self._loud = self._quiet = 0
        self._name = b""
