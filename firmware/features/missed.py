"""Missed calls: who lifts hears by the stutter of the dial tone that somebody has called in vain.

Lifting is noticing: the next dial tone is an ordinary one. What is not noticed outlives a restart.
"""

from __future__ import annotations

from firmware.events import CallChanged, CallEnded, Message
from firmware.events.services import WaitingChanged
from firmware.events.store import Kind, RecordsLoaded, SaveRecord
from firmware.features.feature import Feature
from firmware.model import CallState, EndReason

_KEY = "missed"
IN_VAIN = frozenset({EndReason.MISSED, EndReason.BUSY, EndReason.DO_NOT_DISTURB})


class Missed(Feature):
    """Whether there are calls that nobody has noticed."""

    def __init__(self) -> None:
        self._is_waiting = False
        self._is_heard = False  # by who lifted

    def load(self, key: str, data: bytes | None) -> bool:
        """What was so before the box was switched off."""
        if key == _KEY:
            self._is_waiting = data is not None
        return key == _KEY

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Calls in vain, and the handset."""
        del now_s
        match fact:
            case RecordsLoaded():
                return [WaitingChanged(self._is_waiting)]
            case CallEnded(incoming=True) if fact.reason in IN_VAIN:
                return self._set(is_waiting=True)
            case CallChanged(view=view) if view.state is CallState.OFF_HOOK:
                self._is_heard = self._is_waiting
            case CallChanged(view=view) if view.state is CallState.IDLE and self._is_heard:
                return self._set(is_waiting=False)
        return []

    def _set(self, *, is_waiting: bool) -> list[Message]:
        self._is_heard = False
        if is_waiting is self._is_waiting:
            return []
        self._is_waiting = is_waiting
        data = b"" if is_waiting else None
        return [SaveRecord(Kind.SETTING, _KEY, data), WaitingChanged(is_waiting)]
