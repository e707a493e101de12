"""Our outstanding queries: matches answers, retransmits, gives up, and learns round-trip times.

Knows no table and no lookup; `handle` says whose a query is. Units: `_s` monotonic seconds.
Sources: RFC 6298 (round-trip estimate), RFC 8489 section 6.2.1 (doubling).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from firmware.model import Endpoint
from firmware.overlay.krpc import Question

TRANSACTIONS_MAX = 1024
TRANSACTION_ID_BYTES = 4  # a blind forger must guess it, and the address of the one we asked
WAIT_INITIAL_S = 0.5
WAIT_MIN_S = 0.2
WAIT_MAX_S = 1.0


@dataclass(slots=True)
class Transaction:
    """One query on its way."""

    transaction_id: bytes
    handle: int  # of the lookup or request it belongs to; 0 = care of the routing table
    question: Question
    to: Endpoint
    node_id: bytes | None  # of whom we ask, if we know
    attempts_max: int
    wait_s: float
    sent_s: float
    attempt: int = 1


class Overdue(Enum):
    """What an unanswered query needs."""

    RESEND = "resend"
    GIVE_UP = "give_up"


class Transactions:
    """At TRANSACTIONS_MAX no more can be opened until one ends."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._open: dict[bytes, Transaction] = {}
        self._due: list[tuple[float, bytes]] = []  # heap; entries of closed ones are stale
        self._rtt_s: float | None = None
        self._variation_s = 0.0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def wait_s(self) -> float:
        """How long the next query waits before it counts as slow: what nodes usually take."""
        if self._rtt_s is None:
            return WAIT_INITIAL_S
        return min(max(self._rtt_s + 4 * self._variation_s, WAIT_MIN_S), WAIT_MAX_S)

    def open(
        self,
        question: Question,
        to: Endpoint,
        now_s: float,
        *,
        handle: int = 0,
        node_id: bytes | None = None,
        attempts_max: int = 2,
    ) -> Transaction | None:
        """A new transaction, to be sent now; None at the limit."""
        if len(self._open) >= TRANSACTIONS_MAX:
            return None
        transaction_id = self._random_bytes(TRANSACTION_ID_BYTES)
        while transaction_id in self._open:
            transaction_id = self._random_bytes(TRANSACTION_ID_BYTES)
        transaction = Transaction(
            transaction_id, handle, question, to, node_id, attempts_max, self.wait_s, now_s
        )
        self._open[transaction_id] = transaction
        self._schedule(transaction)
        return transaction

    def close(self, transaction_id: bytes, source: Endpoint, now_s: float) -> Transaction | None:
        """The transaction that `source` answers; None if we did not ask it that."""
        transaction = self._open.get(transaction_id)
        if transaction is None or transaction.to != source:
            return None
        del self._open[transaction_id]
        if transaction.attempt == 1:  # else nobody knows which attempt was answered (Karn)
            self._learn(now_s - transaction.sent_s)
        return transaction

    def overdue(self, now_s: float) -> list[tuple[Transaction, Overdue]]:
        """Everything whose time is up; the ones given up are closed."""
        result = []
        while self._due and self._due[0][0] <= now_s:
            due_s, transaction_id = heapq.heappop(self._due)
            transaction = self._open.get(transaction_id)
            if transaction is None or _due_s(transaction) != due_s:
                continue
            if transaction.attempt < transaction.attempts_max:
                transaction.attempt += 1
                self._schedule(transaction)
                result.append((transaction, Overdue.RESEND))
            else:
                del self._open[transaction_id]
                result.append((transaction, Overdue.GIVE_UP))
        return result

    def forget(self, handle: int) -> None:
        """Close whatever belongs to `handle`; late answers are then unknown."""
        for transaction in [t for t in self._open.values() if t.handle == handle]:
            del self._open[transaction.transaction_id]

    def deadline_s(self) -> float | None:
        """When overdue() has something to say; may be early, never late."""
        while self._due and self._due[0][1] not in self._open:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _schedule(self, transaction: Transaction) -> None:
        heapq.heappush(self._due, (_due_s(transaction), transaction.transaction_id))

    def _learn(self, rtt_s: float) -> None:
        if self._rtt_s is None:
            self._rtt_s, self._variation_s = rtt_s, rtt_s / 2
            return
        self._variation_s += (abs(rtt_s - self._rtt_s) - self._variation_s) / 4
        self._rtt_s += (rtt_s - self._rtt_s) / 8


def _due_s(transaction: Transaction) -> float:
    """When the present attempt is over; each waits twice as long as the last, up to WAIT_MAX_S."""
    waits_s = (
        min(transaction.wait_s * 2.0**attempt, WAIT_MAX_S) for attempt in range(transaction.attempt)
    )
    return transaction.sent_s + sum(waits_s)
