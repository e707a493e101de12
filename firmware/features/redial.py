"""Redial: the number that was dialled last, with the prefix it had."""

from __future__ import annotations

from firmware.codes import Order, Service
from firmware.events import CallChanged, Message
from firmware.events.store import Kind, SaveRecord
from firmware.features.feature import Answer, Feature
from firmware.model import CallState

_KEY = Service.REDIAL.value


class Redial(Feature):
    """##."""

    services = frozenset({Service.REDIAL})

    def __init__(self) -> None:
        self._last = ""

    def order(self, order: Order, now_s: float) -> Answer:
        """Dial it."""
        del order, now_s
        return Answer(dial=self._last) if self._last else Answer(("nothing_dialled",))

    def load(self, key: str, data: bytes | None) -> bool:
        """What was dialled before the box was switched off."""
        if key == _KEY:
            self._last = (data or b"").decode()
        return key == _KEY

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Remember what is dialled."""
        del now_s
        if isinstance(fact, CallChanged) and fact.view.state is CallState.CALLING:
            dialled = fact.view.digits
            if dialled and dialled != self._last:
                self._last = dialled
                return [SaveRecord(Kind.SETTING, _KEY, dialled.encode())]
        return []
