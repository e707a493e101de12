"""Whether a mapped port is open to the world: an exchange is asked to knock from another port.

A Binding request with RESPONSE-PORT and CHANGE-REQUEST makes a STUN server answer to our address at
the mapped port, from a port that we have never written to: what the router's ordinary translation
would keep out arrives through the mapping only. Units: `_s` monotonic seconds.
Source: RFC 5780 sections 7.2 and 7.5; RFC 8489.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware import stun
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.model import Endpoint

WITNESSES_MAX = 3
TRIES = 4
RETRY_S = 0.5  # doubles


class Proof:
    """Of one mapped endpoint; asks as soon as there is a witness who sees us at that address."""

    def __init__(self, mapped: Endpoint, random_bytes: Callable[[int], bytes]) -> None:
        self.mapped = mapped
        self.is_proved = False
        self._random_bytes = random_bytes
        self._asked: dict[bytes, Endpoint] = {}  # by transaction: who
        self._tries = 0
        self._next_s: float | None = None

    @property
    def has_failed(self) -> bool:
        """Nobody's knock arrived, though enough were asked."""
        return self._tries >= TRIES and self._next_s is None and not self.is_proved

    def begin(self, witnesses: list[Endpoint], now_s: float) -> list[Message]:
        """Ask these, unless that has been done."""
        if not witnesses or self._tries:
            return []
        return self._ask(witnesses, now_s)

    def hear(self, fact: DatagramReceived) -> bool:
        """Take a datagram; True if it was the knock."""
        try:
            answer = stun.decode(fact.data)
        except MalformedError:
            return False
        witness = self._asked.get(answer.transaction_id)
        if witness is None or answer.kind is not stun.Kind.SUCCESS:
            return False
        if fact.source.host != witness.host or fact.source.port == witness.port:
            return False  # from the port we wrote to: that proves nothing
        self.is_proved, self._next_s = True, None
        return True

    def on_time(self, witnesses: list[Endpoint], now_s: float) -> list[Message]:
        """Ask again while nobody has knocked."""
        if self._next_s is None or now_s < self._next_s:
            return []
        if self._tries >= TRIES or not witnesses:
            self._next_s = None
            return []
        return self._ask(witnesses, now_s)

    def deadline_s(self) -> float | None:
        """When to ask again."""
        return self._next_s

    def _ask(self, witnesses: list[Endpoint], now_s: float) -> list[Message]:
        self._next_s = now_s + RETRY_S * 2.0**self._tries
        self._tries += 1
        out: list[Message] = []
        for witness in witnesses[:WITNESSES_MAX]:
            transaction_id = self._random_bytes(stun.TRANSACTION_BYTES)
            self._asked[transaction_id] = witness
            out.append(SendDatagram(stun.knock_request(transaction_id, self.mapped.port), witness))
        return out
