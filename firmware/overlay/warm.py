"""Where our contacts are, read again from their cards now and then, before anybody calls them.

One card at a time, slowly and at random moments, so that a box at rest stays within its 200 bit/s.
Only contacts with a pinned key: the owner signed what is believed here. Units: `_s` monotonic
seconds. Source: ours, docs/protocol.md section 3 (card of a contact).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from firmware.channel import target_of
from firmware.errors import MalformedError
from firmware.events import Fact, Message, StoreState
from firmware.model import Endpoint
from firmware.overlay.card import Place
from firmware.overlay.contacts import CONTACTS_FILE, ENDPOINTS_MAX, LastReached, encode_contacts
from firmware.overlay.dht.bootstrap import jittered
from firmware.overlay.dht.node import Node
from firmware.overlay.fetch import CardFetch
from firmware.overlay.swarm import Calendar, Known

WARM_S = 30 * 60.0  # between two cards, on average
WARM_CONTACTS_MAX = 16  # those reached last; each is read about every eight hours


class WarmContacts:
    """Nothing is read before `calendar` is set."""

    def __init__(
        self,
        node: Node,
        known: Known,
        pins: Mapping[str, bytes],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.calendar: Calendar | None = None
        self._node = node
        self._known = known
        self._pins = pins
        self._random_bytes = random_bytes
        self._due_s: float | None = None
        self._done: set[str] = set()  # numbers of this round
        self._reading: tuple[LastReached, CardFetch] | None = None

    def hear(self, fact: Fact) -> None:
        """NodeAnswered, LookupEnded; those of others are ignored."""
        if self._reading is not None:
            self._reading[1].hear(fact)

    def advance(self, now_s: float) -> list[Message]:
        """Begin the next card when it is due; keep what the last one said."""
        if self.calendar is None:
            return []
        if self._reading is not None and not self._reading[1].is_running:
            (contact, fetch), self._reading = self._reading, None
            return self._keep(contact, fetch.places(self.calendar.utc_at(now_s)), fetch)
        if self._due_s is None or now_s >= self._due_s:
            if self._due_s is not None and self._reading is None and self._node.is_ready:
                self._begin(self.calendar.today(now_s), now_s)
            self._due_s = now_s + jittered(WARM_S, self._random_bytes)
        return []

    def rest(self, until_s: float) -> None:
        """Begin with none before."""
        if self._due_s is not None:
            self._due_s = max(self._due_s, until_s)

    def deadline_s(self) -> float | None:
        """When the next card is due."""
        return self._due_s

    def _begin(self, day: int, now_s: float) -> None:
        contacts = [c for c in self._known.contacts() if self._is_pinned(c)][-WARM_CONTACTS_MAX:]
        waiting = [contact for contact in contacts if contact.number not in self._done]
        if not waiting:
            self._done.clear()
            waiting = contacts
        if not waiting:
            return
        contact = waiting[-1]
        self._done.add(contact.number)
        try:
            fetch = CardFetch(contact.certificate.public_key, day, self._node)
        except MalformedError:  # a key that is none
            return
        fetch.advance(now_s)
        self._reading = contact, fetch

    def _keep(
        self, contact: LastReached, places: tuple[Place, ...], fetch: CardFetch
    ) -> list[Message]:
        """Where its owner is now, unless the card says nothing or is of another number."""
        then, card = contact.certificate, fetch.card
        if card is None or not places or card.certificate.modifier != then.modifier:
            return []
        endpoints = tuple(_endpoint(place, then.public_key) for place in places)
        news = LastReached(contact.number, card.certificate, endpoints[:ENDPOINTS_MAX])
        if self._known.replace_reached(contact, news):
            return [StoreState(CONTACTS_FILE, encode_contacts(self._known.contacts()))]
        return []

    def _is_pinned(self, contact: LastReached) -> bool:
        return self._pins.get(contact.number) == contact.certificate.public_key


def _endpoint(place: Place, public_key: bytes) -> Endpoint:
    if not place.key:
        return place.endpoint
    return place.endpoint._replace(channel=target_of(public_key))
