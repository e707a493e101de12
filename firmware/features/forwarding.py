"""Forwarding: the caller is told another number to call, always, when busy, or without answer.

The caller's box follows by itself, at most so often as call/ allows. Units: `_s` seconds.
"""

from __future__ import annotations

from firmware.codes import Service
from firmware.events import CallChanged, Message
from firmware.events.call import CallOffered, DivertCall
from firmware.features.feature import Switch
from firmware.model import CallState

NO_ANSWER_S = 20  # as in most networks
NO_ANSWER_S_MIN, NO_ANSWER_S_MAX = 5, 59


class _Forward(Switch):
    def value_words(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return (f"={values[0]}",)


class ForwardAlways(_Forward):
    """*21*NUMBER# and #21#, *72 and *73."""

    service = Service.FORWARD_ALWAYS

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Whoever calls, except who is called then: that would be a circle."""
        del now_s
        if isinstance(fact, CallOffered) and self.values and fact.number != self.values[0]:
            return [DivertCall(fact.call, self.values[0])]
        return []


class ForwardBusy(_Forward):
    """*67*NUMBER# and #67#, *90 and *91."""

    service = Service.FORWARD_BUSY

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Who would wait."""
        del now_s
        if isinstance(fact, CallOffered) and self.values and fact.is_waiting:
            return [DivertCall(fact.call, self.values[0])]
        return []


class ForwardNoAnswer(_Forward):
    """*61*NUMBER# or *61*NUMBER*SECONDS# and #61#, *92 and *93."""

    service = Service.FORWARD_NO_ANSWER

    def __init__(self) -> None:
        super().__init__()
        self._ringing: int | None = None  # the call
        self._until_s: float | None = None

    def value_words(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The number, and after how long."""
        return (f"={values[0]}", "after", str(_seconds(values)), "seconds")

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Count from the first ring."""
        if isinstance(fact, CallChanged):
            is_ringing = fact.view.state is CallState.RINGING
            if is_ringing and self.values and fact.view.call != self._ringing:
                self._ringing = fact.view.call
                self._until_s = now_s + _seconds(self.values)
            elif not is_ringing:
                self._ringing = self._until_s = None
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """It rang long enough."""
        if self._until_s is None or now_s < self._until_s:
            return []
        self._until_s = None
        assert self._ringing is not None
        return [DivertCall(self._ringing, self.values[0])] if self.values else []

    def deadline_s(self) -> float | None:
        """When it will have rung long enough."""
        return self._until_s


def _seconds(values: tuple[str, ...]) -> int:
    wanted = int(values[1]) if len(values) > 1 else NO_ANSWER_S
    return min(max(wanted, NO_ANSWER_S_MIN), NO_ANSWER_S_MAX)
