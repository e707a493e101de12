"""The mirror: asks those who have seen us before how we look now, when that may have changed.

Plain Binding requests, padded so that no answer is longer than its question. What is answered is a
claim like any other. Units: `_s` monotonic seconds. Source: RFC 8489 sections 2 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware import stun
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, SendDatagram
from firmware.model import Endpoint
from firmware.stun import Attribute, Kind, StunMessage

ASKED_MAX = 8  # at once
REPEATS_S = (0.1, 0.3, 0.7)  # after the first question, to who has not answered
AGAIN_S = 2.0  # no sooner is the same asked again

_PADDING = b"fernruf".ljust(24)


@dataclass(slots=True)
class _Question:
    """What has been asked and not been answered."""

    observer: Endpoint
    next_s: float
    repeats: int = 0


class Mirror:
    """`out` collects the questions."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self.out: list[SendDatagram] = []
        self._random_bytes = random_bytes
        self._open: dict[bytes, _Question] = {}
        self._asked_s = float("-inf")

    def ask(self, observers: Iterable[Endpoint], now_s: float, *, is_urgent: bool = False) -> None:
        """How do we look? At most ASKED_MAX are asked, the last of them first."""
        if now_s - self._asked_s < AGAIN_S and not is_urgent:
            return
        self._asked_s = now_s
        self._open.clear()
        for observer in list(observers)[-ASKED_MAX:]:
            transaction_id = self._random_bytes(stun.TRANSACTION_BYTES)
            self._open[transaction_id] = _Question(observer, now_s + REPEATS_S[0])
            self._send(transaction_id, observer)

    def receive(self, fact: DatagramReceived) -> Endpoint | None:
        """Where the sender saw us, if this answers a question of ours."""
        try:
            message = stun.decode(fact.data)
            question = self._open.get(message.transaction_id)
            if message.kind is not Kind.SUCCESS or question is None:
                return None
            if question.observer != fact.source:
                return None
            mapped = message.mapped
        except MalformedError:
            return None
        del self._open[message.transaction_id]
        return mapped

    def on_time(self, now_s: float) -> None:
        """Repeat what is due."""
        for transaction_id, question in list(self._open.items()):
            if question.next_s > now_s:
                continue
            if question.repeats >= len(REPEATS_S):
                del self._open[transaction_id]
                continue
            question.next_s = now_s + REPEATS_S[question.repeats]
            question.repeats += 1
            self._send(transaction_id, question.observer)

    def deadline_s(self) -> float | None:
        """When something is due."""
        return min((question.next_s for question in self._open.values()), default=None)

    def _send(self, transaction_id: bytes, observer: Endpoint) -> None:
        attributes = ((int(Attribute.SOFTWARE), _PADDING),)
        request = stun.encode(StunMessage(Kind.REQUEST, transaction_id, attributes))
        self.out.append(SendDatagram(request, observer))
