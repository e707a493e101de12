"""Call return: who called last, spoken, or called at once."""

from __future__ import annotations

from firmware.codes import Action, Order, Service
from firmware.events import CallEnded, Message
from firmware.events.store import Kind, SaveRecord
from firmware.features.feature import Answer, Feature

_KEY = Service.CALL_RETURN.value


class CallReturn(Feature):
    """*69; in Britain 1471 says the number, and 3 calls it."""

    services = frozenset({Service.CALL_RETURN})

    def __init__(self) -> None:
        self._last = ""

    def order(self, order: Order, now_s: float) -> Answer:
        """Call, or say."""
        del now_s
        if not self._last:
            return Answer(("nobody_called",))
        if order.action is Action.ASK:
            return Answer(("last_caller", f"={self._last}", "press_three"), offer=self._last)
        return Answer(dial=self._last)

    def load(self, key: str, data: bytes | None) -> bool:
        """Who called before the box was switched off."""
        if key == _KEY:
            self._last = (data or b"").decode()
        return key == _KEY

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Remember who calls, whether answered or not."""
        del now_s
        if isinstance(fact, CallEnded) and fact.incoming and fact.peer_number != self._last:
            self._last = fact.peer_number
            return [SaveRecord(Kind.SETTING, _KEY, fact.peer_number.encode())]
        return []
