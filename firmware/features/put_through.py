"""Put through: who is sent on by somebody else hears what happens, above the ringback.

Where nothing rings, because the target takes the call over at once, nothing is said. While our own
bell sounds for somebody who should have been put through and is still there, that one is sent
silence, so that it knows that the line is there. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.events import CallChanged, Message
from firmware.events.services import BoxTurn, Hush, Say
from firmware.features.feature import Feature
from firmware.model import CallState, Transfer, silence

SILENCE_S = 0.5  # between packets of silence; nobody listens
_WORDS = {Transfer.PUT_THROUGH: "put_through", Transfer.RETURNED: "put_back"}


class PutThrough(Feature):
    """What is said, once a call."""

    def __init__(self) -> None:
        self._call = 0  # for which it was said
        self._is_speaking = False
        self._silence_s: float | None = None  # when the next is due

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """From the ringback to the answer; and while our bell sounds for who is still there."""
        if not isinstance(fact, CallChanged):
            return []
        view = fact.view
        is_there = view.transfer is Transfer.RETURNED and not view.via
        is_waiting = is_there and view.state is CallState.RINGING
        self._silence_s = (self._silence_s or now_s) if is_waiting else None
        if view.state is CallState.RINGBACK and view.transfer is not None:
            if view.call == self._call:
                return []
            self._call, self._is_speaking = view.call, True
            return [Say((_WORDS[view.transfer],))]
        was_speaking, self._is_speaking = self._is_speaking, False
        return [Hush()] if was_speaking else []

    def on_time(self, now_s: float) -> list[Message]:
        """One packet of silence."""
        if self._silence_s is None or now_s < self._silence_s:
            return []
        self._silence_s = now_s + SILENCE_S
        return [BoxTurn(silence(), listens=False)]

    def deadline_s(self) -> float | None:
        """The next packet."""
        return self._silence_s
