"""What is kept published: a number's swarm, and its owner's card; again in time, and after failure.

Each has rounds: a lookup, then the closest nodes are asked to keep it. The presence decides which
days there are. Units: `_s` monotonic seconds.
Sources: BEP 5 (announce_peer; kept 30 minutes), BEP 44 (put; kept two hours).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from firmware.events import Argon2Computed, ComputeArgon2, Fact, Message
from firmware.identity import Certificate, Identity
from firmware.overlay.blind import blinded_key
from firmware.overlay.card import LIFE_S, PLACES_MAX, Card, Place, period_of
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.facts import Answered, Holder, LookupEnded, NodeAnswered
from firmware.overlay.dht.items import SEQ_MAX, Item, signed, target_of_key, verified
from firmware.overlay.dht.krpc import (
    ERROR_SEQ_TOO_LOW,
    AnnouncePeer,
    GetItem,
    PutItem,
    Question,
)
from firmware.overlay.dht.node import Node
from firmware.overlay.dht.store import PEER_LIFE_S
from firmware.overlay.swarm import CLOCK_SET_S, Calendar, info_hash_of, swarm_question

REANNOUNCE_S = 15 * 60.0
CARD_RENEW_S = 3600.0
YOUNG_RENEW_S = 60.0  # the first round knew few nodes, and perhaps not those that are closest
LOOK_S = 10.0  # how often we see whether our address has changed
RETRY_S = 4.0  # after nobody took it; doubles, randomised
RETRY_MAX_S = 240.0
CATCH_UPS_MAX = 3  # rounds in a row because somebody says that it keeps a newer one
GROWTH = 2  # when the table has grown this much, others are closest: publish again
ATTEMPTS = 3  # per node that shall keep it


class Publication(ABC):
    """One thing that is published as long as this lives."""

    def __init__(self, node: Node, random_bytes: Callable[[int], bytes], renew_s: float) -> None:
        self._node = node
        self._random_bytes = random_bytes
        self._renew_s = renew_s
        self._lookup: int | None = None
        self._asked: set[int] = set()
        self._accepted = 0  # in this round
        self._published_s = -math.inf  # when a node took it last
        self._nodes_then = 0  # in our table, at the last round
        self._next_s = self._rest_s = -math.inf
        self._failures = 0
        self._is_young = True  # until a round has succeeded
        self._is_behind = False  # somebody keeps a newer one than we wrote in this round
        self._catch_ups = 0

    @abstractmethod
    def _is_possible(self) -> bool:
        """True if there is something to publish."""

    @abstractmethod
    def _search(self, now_s: float) -> int:
        """Start the lookup of a round; its handle."""

    @abstractmethod
    def _request(self, holder: Holder, now_s: float) -> Question:
        """What `holder`, which gave us a token, is asked to keep."""

    def is_published(self, now_s: float) -> bool:
        """True while a node that took the announcement of a swarm still keeps it."""
        return now_s - self._published_s < PEER_LIFE_S

    def hear(self, fact: Fact, now_s: float) -> None:
        """LookupEnded, Answered and so on; those of others are ignored."""
        match fact:
            case LookupEnded(handle, closest) if handle == self._lookup:
                self._lookup = None
                self._ask_to_keep(closest, now_s)
            case Answered(handle, _, answer, refused) if handle in self._asked:
                self._asked.remove(handle)
                self._is_behind |= refused == ERROR_SEQ_TOO_LOW
                if answer is not None:
                    self._accepted += 1
                    self._published_s = now_s
                if not self._asked:
                    self._finish(now_s)

    def rest(self, until_s: float) -> None:
        """Start no round before."""
        self._rest_s = until_s

    def advance(self, now_s: float) -> None:
        """Start a round when it is due."""
        if (
            now_s >= self._rest_s
            and self._lookup is None
            and not self._asked
            and self._is_possible()
        ):
            has_grown = self._nodes_then and self._node.nodes >= GROWTH * self._nodes_then
            if self._node.is_ready and (now_s >= self._next_s or has_grown):
                self._accepted, self._nodes_then = 0, self._node.nodes
                self._lookup = self._search(now_s)

    def deadline_s(self) -> float | None:
        """Of the next round; None while one runs or none is possible."""
        if self._lookup is not None or self._asked or not self._is_possible():
            return None
        return max(self._next_s, self._rest_s) if self._node.is_ready else None

    def end(self) -> None:
        """It is published no longer."""
        for handle in (*self._asked, *([] if self._lookup is None else [self._lookup])):
            self._node.cancel(handle)
        self._lookup, self._asked = None, set()

    def _ask_to_keep(self, closest: tuple[Holder, ...], now_s: float) -> None:
        for holder in closest:
            if holder.token is not None and self._is_possible():
                question, endpoint = self._request(holder, now_s), holder.contact.endpoint
                handle = self._node.ask(question, endpoint, now_s, attempts_max=ATTEMPTS)
                self._asked.add(handle)
        if not self._asked:
            self._finish(now_s)

    def _finish(self, now_s: float) -> None:
        is_behind, self._is_behind = self._is_behind, False
        self._catch_ups = self._catch_ups + 1 if is_behind else 0
        if 0 < self._catch_ups <= CATCH_UPS_MAX:
            # The lookup of the next round finds it, and we go on from its number.
            self._next_s = now_s + jittered(RETRY_S, self._random_bytes)
            return
        if self._accepted:
            self._failures = 0
            self._next_s = now_s + (YOUNG_RENEW_S if self._is_young else self._renew_s)
            self._is_young = False
            return
        delay_s = min(RETRY_S * 2.0**self._failures, RETRY_MAX_S)
        self._failures = min(self._failures + 1, 16)
        self._next_s = now_s + jittered(delay_s, self._random_bytes)


class SwarmPublication(Publication):
    """`number` on `day`; does nothing until its hash is computed and the node is ready.

    Not `direct`: only the hash is computed, and our address is told to nobody.
    """

    def __init__(
        self,
        number: str,
        day: int,
        node: Node,
        random_bytes: Callable[[int], bytes],
        *,
        direct: bool = True,
    ) -> None:
        super().__init__(node, random_bytes, REANNOUNCE_S)
        self.info_hash: bytes | None = None
        self.is_represented = False  # nobody reaches us ourselves, and exchanges announce us
        self._is_direct = direct
        self._question = swarm_question(number, day)

    def begin(self) -> list[Message]:
        """Ask for the hash."""
        return [ComputeArgon2(*self._question)]

    def hear(self, fact: Fact, now_s: float) -> None:
        """Argon2Computed too."""
        match fact:
            case Argon2Computed(secret, salt, digest) if (secret, salt) == self._question:
                self.info_hash = info_hash_of(digest)
        super().hear(fact, now_s)

    def _is_possible(self) -> bool:
        return self.info_hash is not None and self._is_direct and not self.is_represented

    def _search(self, now_s: float) -> int:
        assert self.info_hash is not None
        return self._node.find_peers(self.info_hash, now_s)

    def _request(self, holder: Holder, now_s: float) -> Question:
        del now_s
        assert self.info_hash is not None and holder.token is not None
        is_implied = self._node.mapped is None  # else the router lets in at another port
        return AnnouncePeer(self.info_hash, self._node.port, holder.token, implied_port=is_implied)


class CardPublication(Publication):
    """Our card of `day`; needs an exchange, or an address of ours on which others agree."""

    def __init__(
        self,
        identity: Identity,
        certificate: bytes,
        day: int,
        node: Node,
        random_bytes: Callable[[int], bytes],
        *,
        direct: bool = True,
    ) -> None:
        super().__init__(node, random_bytes, CARD_RENEW_S)
        self.calendar: Calendar | None = None  # the latest
        self.exchanges: tuple[Place, ...] = ()  # where we are registered
        self._is_direct = direct
        self._certificate = Certificate.decode(certificate)
        self._day = day
        self._key = blinded_key(identity.ed25519_private, period_of(day))
        self._target = target_of_key(self._key.public_key)
        self._seq = 0  # highest that we know of our own
        self._item: Item | None = None  # of this round
        self._signed_s = self._signed_utc_s = 0.0  # when it was
        self._signed_places: tuple[Place, ...] = ()  # in it
        self._places: tuple[Place, ...] = ()  # where we are now
        self._looked_s = -math.inf

    def hear(self, fact: Fact, now_s: float) -> None:
        """NodeAnswered too: what is kept already says from which number we go on."""
        match fact:
            case NodeAnswered(handle, _, answer) if handle == self._lookup:
                kept = verified(answer.item, self._target)
                self._seq = max(self._seq, 0 if kept is None else kept.seq)
        super().hear(fact, now_s)

    def advance(self, now_s: float) -> None:
        """Sooner if our address has changed, or the calendar was set."""
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            is_reached = not (self.exchanges and self._node.is_read_only)
            own = self._node.external_endpoints() if self._is_direct and is_reached else ()
            self._places = (*map(Place, own), *self.exchanges)[:PLACES_MAX]
            if self._item is not None and self._is_outdated(now_s):
                self._next_s = min(self._next_s, now_s)
        super().advance(now_s)

    def _is_possible(self) -> bool:
        return self.calendar is not None and bool(self._places)

    def _search(self, now_s: float) -> int:
        self._item = None
        kept = self._node.kept_item(self._target, now_s)
        self._seq = max(self._seq, 0 if kept is None else kept.seq)
        return self._node.look_up(GetItem(self._target, seq=0), now_s)

    def _request(self, holder: Holder, now_s: float) -> Question:
        assert holder.token is not None
        if self._item is None:
            self._item = self._sign(now_s)
        return PutItem(self._item, holder.token)

    def _sign(self, now_s: float) -> Item:
        """By the clock, so that it rises across restarts; above what is kept, if that was fast."""
        assert self.calendar is not None
        utc_s = max(1, int(self.calendar.utc_at(now_s)))
        self._seq = min(max(utc_s, self._seq + 1), SEQ_MAX)
        self._signed_s, self._signed_utc_s, self._signed_places = now_s, utc_s, self._places
        card = Card(self._certificate, self._places, utc_s + LIFE_S)
        value = card.seal(self._day, self._random_bytes)
        return signed(value, self._key.public_key, self._seq, self._key.sign)

    def _is_outdated(self, now_s: float) -> bool:
        assert self.calendar is not None
        set_by_s = self.calendar.utc_at(now_s) - self._signed_utc_s - (now_s - self._signed_s)
        return self._places != self._signed_places or abs(set_by_s) > CLOCK_SET_S
