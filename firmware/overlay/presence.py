"""How we are found: the swarms of our number, our card, our tag on the local network, day by day.

Knows which days count, and starts and ends what publishes. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.events import AnnounceOnLan, Argon2Computed, ComputeArgon2, Fact, Message
from firmware.identity import Identity
from firmware.overlay.card import Place
from firmware.overlay.dht.node import Node
from firmware.overlay.neighbours import SALT_BYTES, lan_question, lan_tag
from firmware.overlay.publish import CardPublication, Publication, SwarmPublication
from firmware.overlay.swarm import Calendar, info_hash_of


class Presence:
    """Nothing is published before `claim`, `set_calendar` and `start`."""

    def __init__(
        self, node: Node, random_bytes: Callable[[int], bytes], *, direct: bool = True
    ) -> None:
        self.is_direct = direct  # our own address is published
        self.exchanges: tuple[Place, ...] = ()  # where we are registered
        self.number: str | None = None
        self.certificate: bytes | None = None
        self._identity: Identity | None = None
        self._node = node
        self._random_bytes = random_bytes
        self._calendar: Calendar | None = None
        self._calendar_due_s: float | None = None
        self._swarms: dict[int, SwarmPublication] = {}  # by day
        self._cards: dict[int, CardPublication] = {}  # by day; none without an identity
        self._lan_salt: bytes | None = None  # of this start
        self._lan_hash: bytes | None = None
        self._is_lan_asked = False
        self._announced: AnnounceOnLan | None = None

    def start(self, now_s: float) -> list[Message]:
        """The box runs: it may be seen on the local network."""
        self._lan_salt = self._random_bytes(SALT_BYTES)
        return self.plan(now_s)

    def set_calendar(self, calendar: Calendar, now_s: float) -> list[Message]:
        """What day it is, from now on."""
        self._calendar = calendar
        return self.plan(now_s)

    def claim(self, number: str, certificate: bytes, identity: Identity | None) -> None:
        """This is our number; what was published for another one is given up."""
        for publication in self._publications():
            publication.end()
        self._swarms, self._cards = {}, {}
        self._lan_hash, self._is_lan_asked = None, False
        self.number, self.certificate, self._identity = number, certificate, identity

    def hashes(self) -> tuple[bytes, ...]:
        """Of the swarms that count now, as far as they are computed."""
        hashes = (swarm.info_hash for _, swarm in sorted(self._swarms.items()))
        return tuple(info_hash for info_hash in hashes if info_hash is not None)

    def answers_to(self, info_hash: bytes) -> bool:
        """True for the hashes by which our certificate may be asked for."""
        known = [self._lan_hash, *(swarm.info_hash for swarm in self._swarms.values())]
        return info_hash in known

    def is_published(self, now_s: float) -> bool:
        """True while a node keeps our announcement of today, the day by which callers look."""
        if self._calendar is None:
            return False
        swarm = self._swarms.get(self._calendar.today(now_s))
        return swarm is not None and swarm.is_published(now_s)

    def plan(self, now_s: float) -> list[Message]:
        """Publish what counts now, and leave what no longer does."""
        out: list[Message] = []
        if self.number is None:
            return out
        if self._lan_salt is not None and not self._is_lan_asked:
            self._is_lan_asked = True
            out.append(ComputeArgon2(*lan_question(self.number)))
        if self._calendar is None:
            return out
        today = self._calendar.today(now_s)
        days = self._calendar.announced_days(now_s)
        self._calendar_due_s = self._calendar.next_change_s(now_s)
        for day in [day for day in self._swarms if day not in days]:
            self._swarms.pop(day).end()
            if day in self._cards:
                self._cards.pop(day).end()
        for day in sorted(days, key=lambda day: day != today):  # who calls now looks there
            if day not in self._swarms:
                out += self._publish(day)
        for card in self._cards.values():
            card.calendar, card.exchanges = self._calendar, self.exchanges
        return out

    def plan_due(self, now_s: float) -> list[Message]:
        """`plan`, if other days count by now."""
        is_due = self._calendar_due_s is not None and now_s >= self._calendar_due_s
        return self.plan(now_s) if is_due else []

    def hear(self, fact: Fact, now_s: float) -> None:
        """Of hashes, lookups and answers; those of others are ignored."""
        match fact:
            case Argon2Computed(secret, salt, digest) if self.number is not None:
                if (secret, salt) == lan_question(self.number):
                    self._lan_hash = info_hash_of(digest)
        for publication in self._publications():
            publication.hear(fact, now_s)

    def rest(self, until_s: float) -> None:
        """Look nothing up before."""
        for publication in self._publications():
            publication.rest(until_s)

    def advance(self, now_s: float) -> list[Message]:
        """Go on with what is due."""
        for card in self._cards.values():
            card.exchanges = self.exchanges
        for swarm in self._swarms.values():
            swarm.is_represented = bool(self.exchanges) and self._node.is_read_only
        for publication in self._publications():
            publication.advance(now_s)
        if self._lan_salt is None:
            return []
        tags = () if self._lan_hash is None else (lan_tag(self._lan_salt, self._lan_hash),)
        announcement = AnnounceOnLan(self._lan_salt, tags)
        if announcement == self._announced:
            return []
        self._announced = announcement
        return [announcement]

    def deadline_s(self) -> float | None:
        """The earliest of all."""
        deadlines = [
            self._calendar_due_s,
            *(publication.deadline_s() for publication in self._publications()),
        ]
        return min((due_s for due_s in deadlines if due_s is not None), default=None)

    def _publish(self, day: int) -> list[Message]:
        assert self.number is not None and self.certificate is not None
        swarm = SwarmPublication(
            self.number, day, self._node, self._random_bytes, direct=self.is_direct
        )
        self._swarms[day] = swarm
        if self._identity is not None:
            self._cards[day] = CardPublication(
                self._identity,
                self.certificate,
                day,
                self._node,
                self._random_bytes,
                direct=self.is_direct,
            )
        return swarm.begin()

    def _publications(self) -> list[Publication]:
        return [*self._swarms.values(), *self._cards.values()]
