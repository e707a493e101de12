"""Put through: who is sent on by somebody else hears what happens, above the ringback.

Where nothing rings, because the target takes the call over at once, nothing is said.
"""

from __future__ import annotations

from firmware.events import CallChanged, Message
from firmware.feature_events import Hush, Say
from firmware.features.feature import Feature
from firmware.model import CallState, Transfer

_WORDS = {Transfer.PUT_THROUGH: "put_through", Transfer.RETURNED: "put_back"}


class PutThrough(Feature):
    """What is said, once a call."""

    def __init__(self) -> None:
        self._call = 0  # for which it was said
        self._is_speaking = False

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """From the ringback to the answer."""
        del now_s
        if not isinstance(fact, CallChanged):
            return []
        view = fact.view
        if view.state is CallState.RINGBACK and view.transfer is not None:
            if view.call == self._call:
                return []
            self._call, self._is_speaking = view.call, True
            return [Say((_WORDS[view.transfer],))]
        was_speaking, self._is_speaking = self._is_speaking, False
        return [Hush()] if was_speaking else []
