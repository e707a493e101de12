"""The card of one contact being fetched: the newest that its owner signed, as soon as it is seen.

Knows no number. Storing nodes may say anything, or keep an old card back: what counts is signed,
and the highest sequence number of all answers. Units: `_s` monotonic seconds, `_utc_s` Unix time.
Source: BEP 44.
"""

from __future__ import annotations

from firmware.errors import MalformedError
from firmware.events import Fact
from firmware.model import Endpoint
from firmware.overlay.blind import blinded_public_key
from firmware.overlay.card import Card, Place, period_of
from firmware.overlay.dht.address import Scope, is_usable, scope_of
from firmware.overlay.dht.facts import LookupEnded, NodeAnswered
from firmware.overlay.dht.items import Item, target_of_key, verified
from firmware.overlay.dht.krpc import GetItem
from firmware.overlay.dht.node import Node


class CardFetch:
    """`card` is the newest so far; raises MalformedError for a key that is none."""

    def __init__(self, public_key: bytes, day: int, node: Node) -> None:
        self.card: Card | None = None
        self.messages = self.hops = 0
        self._public_key = public_key
        self._day = day
        self._node = node
        self._target = target_of_key(blinded_public_key(public_key, period_of(day)))
        self._seq = 0
        self._lookup: int | None = None
        self._is_begun = False

    @property
    def is_running(self) -> bool:
        """True while there may be a newer card."""
        return self._lookup is not None

    def advance(self, now_s: float) -> None:
        """Begin as soon as the node is ready."""
        if not self._is_begun and self._node.is_ready:
            self._is_begun = True
            self._take(self._node.kept_item(self._target, now_s))
            self._lookup = self._node.look_up(GetItem(self._target, seq=0), now_s)

    def hear(self, fact: Fact) -> None:
        """NodeAnswered, LookupEnded; those of others are ignored."""
        match fact:
            case NodeAnswered(handle, _, answer) if handle == self._lookup:
                if answer.item is not None and answer.item.seq > self._seq:
                    self._take(verified(answer.item, self._target))  # not for each copy of it
            case LookupEnded(handle, _, trace) if handle == self._lookup:
                self._lookup = None
                self.messages, self.hops = trace.messages, trace.hops

    def places(self, utc_s: float) -> tuple[Place, ...]:
        """Where the owner says it is, unless the card has expired; on the Internet only."""
        if self.card is None or self.card.expires_utc_s < utc_s:
            return ()
        return tuple(place for place in self.card.places if _is_global(place.endpoint))

    def exchanges(self) -> list[Endpoint]:
        """Where the owner was registered when it wrote the card, however long ago."""
        places = () if self.card is None else self.card.places
        return [place.endpoint for place in places if place.key and _is_global(place.endpoint)]

    def end(self) -> None:
        """Nothing more is asked."""
        if self._lookup is not None:
            self._node.cancel(self._lookup)
            self._lookup = None

    def _take(self, item: Item | None) -> None:
        if item is None or item.public_key is None or item.seq <= self._seq:
            return
        value = item.content
        if not isinstance(value, bytes):
            return
        try:
            self.card = Card.unseal(value, self._public_key, self._day)
        except MalformedError:
            return
        self._seq = item.seq


def _is_global(endpoint: Endpoint) -> bool:
    return is_usable(endpoint) and scope_of(endpoint.host) is Scope.GLOBAL
