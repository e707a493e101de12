"""The greeting of the answering machine, spoken into the handset.

Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.codec.recording import Recorder
from firmware.codes import Order, Service
from firmware.events import CallChanged, KeyPressed, Message
from firmware.events.services import Said, Say, ServiceEnded, Spoken
from firmware.events.store import Kind, RecordSaved, SaveFailed, SaveRecord
from firmware.features.feature import Answer, Feature
from firmware.model import CallState

GREETING_KEY = "greeting"  # of the record
GREETING_S_MIN, GREETING_S_MAX = 1.0, 30.0


class Greeting(Feature):
    """*97: speak after the tone, end with a key; less than a second takes the old one away."""

    services = frozenset({Service.GREETING})

    def __init__(self) -> None:
        self._is_open = False
        self._recorder: Recorder | None = None
        self._recorded = b""  # waits for the card

    @property
    def listens(self) -> bool:
        """What is spoken is for us."""
        return self._recorder is not None

    def order(self, order: Order, now_s: float) -> Answer:
        """Say what to do."""
        del order, now_s
        self._is_open, self._recorder, self._recorded = True, None, b""
        return Answer(("greeting_record", "beep"), stays=True)

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """The tone, the voice, the key, the card."""
        del now_s
        match fact:
            case CallChanged(view=view) if view.state is CallState.IDLE:
                self._is_open, self._recorder = False, None
            case Spoken(frame=frame) if self._recorder is not None:
                self._recorder.push(frame)
                return self._end() if self._recorder.is_full else []
            case KeyPressed() if self._recorder is not None:
                return self._end()
            case Said() if self._is_open and self._recorded:
                self._is_open, self._recorded = False, b""
                return [ServiceEnded()]
            case Said() if self._is_open:
                self._recorder = Recorder(GREETING_S_MAX)
            case RecordSaved(kind=Kind.SOUND, key="greeting") if self._is_open:
                return [Say(("greeting_saved",), self._recorded)]
            case SaveFailed(kind=Kind.SOUND, key="greeting") if self._is_open:
                return [Say(("not_saved",))]
        return []

    def _end(self) -> list[Message]:
        assert self._recorder is not None
        recorder, self._recorder = self._recorder, None
        self._recorded = recorder.recording()
        is_long = recorder.duration_s >= GREETING_S_MIN
        return [SaveRecord(Kind.SOUND, GREETING_KEY, self._recorded if is_long else None)]
