"""Couriers: bring a slip to some exchanges, and repeat it until each has said what it does with it.

Knows neither who wants that nor what is in the slip. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware.channel import COOKIE_BYTES, ID_BYTES, Challenge, Leave, Leaving, Left
from firmware.events import Message, SendDatagram
from firmware.model import Endpoint

REPEATS_S = (0.7, 1.0, 1.5, 2.0)  # after each try; then the exchange is given up
CHALLENGES_MAX = 2  # answered by one exchange: who is asked more often is being played with


@dataclass(slots=True, eq=False)
class _Errand:
    nonce: bytes
    next_s: float
    tries: int = 0
    challenges: int = 0
    cookie: bytes = bytes(COOKIE_BYTES)


class Courier:
    """Of one slip; `kept` counts the exchanges that have it."""

    def __init__(self, target: bytes, slip: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self.target = target
        self.slip = slip
        self.kept = 0
        self._random_bytes = random_bytes
        self._known: set[Endpoint] = set()
        self._errands: dict[Endpoint, _Errand] = {}

    @property
    def is_done(self) -> bool:
        """Everybody has answered, or been given up."""
        return not self._errands

    @property
    def exchanges(self) -> int:
        """How many it was sent to so far."""
        return len(self._known)

    def send(self, exchanges: Iterable[Endpoint], now_s: float) -> None:
        """To these, too."""
        for exchange in exchanges:
            if exchange not in self._known:
                self._known.add(exchange)
                self._errands[exchange] = _Errand(self._random_bytes(ID_BYTES), now_s)

    def receive(self, frame: Challenge | Left, source: Endpoint, now_s: float) -> None:
        """An exchange wants a proof of our address, or has answered."""
        errand = self._errands.get(source)
        if errand is None or errand.nonce != frame.about:
            return
        if isinstance(frame, Left):
            self.kept += frame.leaving is Leaving.KEPT
            del self._errands[source]
        elif errand.challenges < CHALLENGES_MAX:
            errand.challenges += 1
            errand.cookie, errand.next_s = frame.cookie, now_s

    def advance(self, now_s: float) -> list[Message]:
        """Say it again where it is time."""
        out: list[Message] = []
        for exchange, errand in list(self._errands.items()):
            if now_s < errand.next_s:
                continue
            if errand.tries == len(REPEATS_S):
                del self._errands[exchange]
                continue
            errand.next_s = now_s + REPEATS_S[errand.tries]
            errand.tries += 1
            frame = Leave(self.target, errand.nonce, self.slip, errand.cookie)
            out.append(SendDatagram(frame.encode(), exchange))
        return out

    def deadline_s(self) -> float | None:
        """Of the next repetition."""
        return min((errand.next_s for errand in self._errands.values()), default=None)
