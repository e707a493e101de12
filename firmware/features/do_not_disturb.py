"""Do not disturb: nothing rings; the caller is told so by a tone and text of its own."""

from __future__ import annotations

from firmware.codes import Service
from firmware.events import Message
from firmware.events.call import CallOffered, RefuseCall
from firmware.features.feature import Switch
from firmware.model import EndReason


class DoNotDisturb(Switch):
    """*26# and #26#, *78 and *79."""

    service = Service.DO_NOT_DISTURB

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Refuse who calls."""
        del now_s
        if self.is_on and isinstance(fact, CallOffered):
            return [RefuseCall(fact.call, EndReason.DO_NOT_DISTURB)]
        return []
