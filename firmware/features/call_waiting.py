"""Call waiting: whether who calls during a call is heard as a tone, or finds the line busy."""

from __future__ import annotations

from firmware.codes import Action, Order, Service
from firmware.events import Message
from firmware.events.call import CallOffered, RefuseCall
from firmware.features.feature import Answer, Switch
from firmware.model import EndReason


class CallWaiting(Switch):
    """*43# and #43#; on unless it was turned off, so what is kept is that it is off."""

    service = Service.CALL_WAITING

    def order(self, order: Order, now_s: float) -> Answer:
        """The other way round."""
        del now_s
        if order.action is Action.ASK:
            return Answer(self.words(None if self.is_on else ()))
        off = order.action is Action.OFF
        words = self.words(None if off else ())
        return Answer(words, save={self.service.value: b"" if off else None})

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Busy, if it is off."""
        del now_s
        if self.is_on and isinstance(fact, CallOffered) and fact.is_waiting:
            return [RefuseCall(fact.call, EndReason.BUSY)]
        return []
