"""Anonymous rejection: who withholds where it calls from does not ring, contacts excepted."""

from __future__ import annotations

from firmware.codes import Service
from firmware.events import Message
from firmware.events.call import CallOffered, RefuseCall
from firmware.features.feature import Switch
from firmware.model import EndReason


class RejectAnonymous(Switch):
    """*99# and #99#, *77 and *87."""

    service = Service.REJECT_ANONYMOUS

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Refuse who is anonymous."""
        del now_s
        if isinstance(fact, CallOffered) and self.is_on and fact.is_anonymous:
            return [] if fact.is_contact else [RefuseCall(fact.call, EndReason.ANONYMOUS_REFUSED)]
        return []
