"""Withholding: every call goes as if *67 stood before its number."""

from __future__ import annotations

from firmware.codes import Service
from firmware.events import Message
from firmware.events.services import WithholdChanged
from firmware.events.store import RecordSaved, RecordsLoaded
from firmware.features.feature import Switch


class Withhold(Switch):
    """*83# and #83#; for one call *67, *31# or 141 before the number."""

    service = Service.WITHHOLD

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Tell the calls, whenever it may have changed."""
        del now_s
        if isinstance(fact, RecordsLoaded | RecordSaved) and self.is_on is not self._told:
            self._told = self.is_on
            return [WithholdChanged(self.is_on)]
        return []
