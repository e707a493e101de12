"""Where queries of others arrive: within which limits they are answered, by whom, or not at all.

Knows no socket and no transaction of ours. What is refused or dropped is counted by kind.
Units: `_s` monotonic seconds.
Sources: BEP 5 (errors), BEP 43 (a read-only node answers nothing of the DHT).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.address import owner_of
from firmware.overlay.dht.krpc import (
    AnnouncePeer,
    Answer,
    BadQuery,
    PutItem,
    Query,
    Question,
    Refusal,
)
from firmware.overlay.dht.rate import ALL_ANSWERS_PER_S, RateLimit
from firmware.overlay.dht.server import Server, Table

PING_BYTES_MAX = 100  # a ping of ours, with all its headers of KRPC
PINGS_PER_STRANGER = 2  # the second if the first is lost

Handler = Callable[[Question, Endpoint, float], Answer | Refusal]  # source, now_s


class Desk:
    """Answers with the server, or with a handler for questions that are not the DHT's own.

    While `read_only` only handlers answer: whoever knows to ask them knows that we are here.
    """

    __slots__ = ("_counters", "_handlers", "_rate", "read_only", "server")

    def __init__(
        self,
        own_id: bytes,
        random_bytes: Callable[[int], bytes],
        counters: Counter[str],
        *,
        read_only: bool = False,
        answers_per_s: float = ALL_ANSWERS_PER_S,
    ) -> None:
        self.read_only = read_only
        self.server = Server(own_id, random_bytes)
        self._counters = counters
        self._rate = RateLimit(answers_per_s)
        self._handlers: dict[type, Handler] = {}

    def serve(self, kind: type, handler: Handler) -> None:
        """From now on questions of type `kind` are answered by `handler`."""
        self._handlers[kind] = handler

    def reply(
        self,
        query: Query | BadQuery,
        source: Endpoint,
        own_id: bytes,
        tables: Iterable[Table],
        now_s: float,
        size_bytes: int = 0,
    ) -> bytes | None:
        """The datagram for `source`, from the node that we are with `own_id`; None = silence.

        What a handler says needs no proof of the address if the query, of `size_bytes`, is larger.
        """
        owner = owner_of(source)
        if not self._rate.allows(owner, now_s):
            self._counters["rate_limited"] += 1
            return None
        outcome = self._outcome(query, source, own_id, tables, now_s)
        if outcome is None:
            return None
        packet: krpc.Response | krpc.Error
        if isinstance(outcome, Refusal):
            self._counters[f"refused_{outcome.code}"] += 1
            packet = krpc.Error(query.transaction_id, outcome.code, outcome.text, krpc.VERSION)
        else:
            packet = krpc.Response(query.transaction_id, own_id, outcome, source, krpc.VERSION)
        datagram = krpc.encode(packet)
        is_served = isinstance(query, Query) and type(query.question) in self._handlers
        is_free = is_served and len(datagram) <= size_bytes
        if not is_free and not self._rate.may_send(owner, len(datagram), now_s):
            self._counters["unproved_limited"] += 1
            return None
        return datagram

    def care(self, now_s: float) -> None:
        """Forget what no longer counts; call it every few minutes at least."""
        self.server.expire(now_s)
        self._rate.release(now_s)

    def proved(self, source: Endpoint, now_s: float) -> None:
        """`source` answered a query of ours: its address is not forged."""
        self._rate.proved(owner_of(source), now_s)

    def may_send(self, source: Endpoint, size_bytes: int, now_s: float) -> bool:
        """True if `source` may be sent an answer of another protocol."""
        return self._rate.may_send(owner_of(source), size_bytes, now_s)

    def may_ping(self, source: Endpoint, now_s: float) -> bool:
        """True if we may ask `source`, which asked us, whether it is there: that is traffic too."""
        size = PINGS_PER_STRANGER * PING_BYTES_MAX
        if self._rate.may_send(owner_of(source), size, now_s):
            return True
        self._counters["unproved_limited"] += 1
        return False

    def _outcome(
        self,
        query: Query | BadQuery,
        source: Endpoint,
        own_id: bytes,
        tables: Iterable[Table],
        now_s: float,
    ) -> Answer | Refusal | None:
        if isinstance(query, BadQuery):
            return None if self.read_only else Refusal(query.code, krpc.ERROR_TEXTS[query.code])
        if query.node_id == own_id:
            self._counters["own_id"] += 1  # ourselves, or somebody who plays us
            return None
        if handler := self._handlers.get(type(query.question)):
            return handler(query.question, source, now_s)
        if self.read_only:
            return None
        outcome = self.server.answer(query.question, source, tables, now_s)
        if isinstance(query.question, AnnouncePeer | PutItem) and isinstance(outcome, Answer):
            self.proved(source, now_s)  # it has read the token that we sent there
        return outcome
