"""Our outstanding queries: matches answers, says who is slow, retransmits, gives up.

Knows no table and no lookup; `handle` says whose a query is. A query of a lookup is patient: first
its node only counts as slow, so that another is asked, later it is asked once more, then given up.
Units: `_s` monotonic seconds.
Sources: RFC 6298 (round-trip estimate), RFC 8489 section 6.2.1 (doubling).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Question

TRANSACTIONS_MAX = 1024
TRANSACTION_ID_BYTES = 4  # a blind forger must guess it, and the address of the one we asked
SOFT_S = 0.2  # until a node whose round-trip time nobody knows counts as slow: one of six is
SOFT_MIN_S = 0.1
SOFT_MAX_S = 1.0
HARD_MIN_S = 0.5  # between the soft time-out, the retransmission and the end
WAIT_INITIAL_S = 0.5  # of a query that is not part of a lookup
WAIT_MIN_S = 0.2
WAIT_MAX_S = 1.0
LATE_S = 0.2  # who looks at the clock so much too late stood still, and has heard nobody


class Overdue(Enum):
    """What an unanswered query needs."""

    SLOW = "slow"  # ask somebody else too
    RESEND = "resend"
    GIVE_UP = "give_up"


@dataclass(slots=True, eq=False)
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
    is_patient: bool
    due_s: float
    attempt: int = 1
    rtt_s: float | None = None  # once answered; None = nobody knows which attempt was (Karn)
    is_slow: bool = False
    is_excused: bool = False  # we stood still during this attempt; once is enough


class Transactions:
    """At TRANSACTIONS_MAX no more can be opened until one ends."""

    __slots__ = ("_due", "_open", "_random_bytes", "_rtt_s", "_variation_s")

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
        """How long a query outside of lookups waits: what nodes usually take."""
        if self._rtt_s is None:
            return WAIT_INITIAL_S
        return min(max(self._rtt_s + 4 * self._variation_s, WAIT_MIN_S), WAIT_MAX_S)

    def soft_s(self, round_trip_s: tuple[float, float] | None) -> float:
        """How long a query of a lookup waits until its node is slow, by that node's own history.

        Nodes without one are expected to be as the others, where all are far away.
        """
        if round_trip_s is None:
            usual_s = 0.0 if self._rtt_s is None else self._rtt_s + self._variation_s
            return min(max(SOFT_S, usual_s), SOFT_MAX_S)
        return min(max(round_trip_s[0] + 4 * round_trip_s[1], SOFT_MIN_S), SOFT_MAX_S)

    def open(
        self,
        question: Question,
        to: Endpoint,
        now_s: float,
        *,
        handle: int = 0,
        node_id: bytes | None = None,
        attempts_max: int = 2,
        soft_s: float | None = None,
    ) -> Transaction | None:
        """A new transaction, to be sent now; None at the limit. With `soft_s` it is patient."""
        if len(self._open) >= TRANSACTIONS_MAX:
            return None
        transaction_id = self._random_bytes(TRANSACTION_ID_BYTES)
        while transaction_id in self._open:
            transaction_id = self._random_bytes(TRANSACTION_ID_BYTES)
        wait_s = self.wait_s if soft_s is None else soft_s
        transaction = self._open[transaction_id] = Transaction(
            transaction_id,
            handle,
            question,
            to,
            node_id,
            attempts_max,
            wait_s,
            now_s,
            soft_s is not None,
            now_s + wait_s,
        )
        heapq.heappush(self._due, (transaction.due_s, transaction_id))
        return transaction

    def close(self, transaction_id: bytes, source: Endpoint, now_s: float) -> Transaction | None:
        """The transaction that `source` answers; None if we did not ask it that."""
        transaction = self._open.get(transaction_id)
        if transaction is None or transaction.to != source:
            return None
        self._delete(transaction_id)
        if transaction.attempt == 1:
            transaction.rtt_s = now_s - transaction.sent_s
            self._learn(transaction.rtt_s)
        return transaction

    def overdue(self, now_s: float) -> list[tuple[Transaction, Overdue]]:
        """Everything whose time is up; the ones given up are closed."""
        result = []
        while self._due and self._due[0][0] <= now_s:
            due_s, transaction_id = heapq.heappop(self._due)
            transaction = self._open.get(transaction_id)
            if transaction is None or transaction.due_s != due_s:
                continue
            overdue = _step(transaction, now_s)
            if overdue is Overdue.GIVE_UP:
                self._delete(transaction_id)
            else:
                heapq.heappush(self._due, (transaction.due_s, transaction_id))
            if overdue is not None:
                result.append((transaction, overdue))
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

    def _delete(self, transaction_id: bytes) -> None:
        del self._open[transaction_id]
        if not self._open:
            self._open = {}  # an emptied dict keeps its size

    def _learn(self, rtt_s: float) -> None:
        if self._rtt_s is None:
            self._rtt_s, self._variation_s = rtt_s, rtt_s / 2
            return
        self._variation_s += (abs(rtt_s - self._rtt_s) - self._variation_s) / 4
        self._rtt_s += (rtt_s - self._rtt_s) / 8


def _step(transaction: Transaction, now_s: float) -> Overdue | None:
    """What is next for a query whose time is up, and until when; None = let it wait again."""
    wait_s = transaction.wait_s
    if now_s - transaction.due_s > LATE_S and not transaction.is_excused:
        transaction.is_excused = True
        transaction.due_s = now_s + wait_s
        return None
    if transaction.is_patient and not transaction.is_slow:
        transaction.is_slow = True
        transaction.due_s = now_s + max(wait_s, HARD_MIN_S)
        return Overdue.SLOW
    if transaction.attempt >= transaction.attempts_max:
        return Overdue.GIVE_UP
    if transaction.is_patient:
        transaction.due_s = now_s + max(wait_s, HARD_MIN_S)
    else:  # each attempt waits twice as long as the last, up to WAIT_MAX_S
        transaction.due_s = now_s + min(wait_s * 2.0**transaction.attempt, WAIT_MAX_S)
    transaction.attempt += 1
    transaction.is_excused = False
    return Overdue.RESEND
