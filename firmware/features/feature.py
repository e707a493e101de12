"""What a service is: answers a code, keeps a setting, has a say when somebody calls.

Knows no call and no store; desk.py carries its answers out. What a service has kept it knows only
by `load`, which comes when it is on the card: nothing that was confirmed can be lost.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware.codes import Action, Order, Service
from firmware.events import Message
from firmware.events.book import SetRingRules


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from a code."""

    words: tuple[str, ...] = ()  # said and shown, of Say
    save: Mapping[str, bytes | None] = field(default_factory=dict)  # first; key to value
    rules: SetRingRules | None = None  # the same, for the book to save
    dial: str = ""  # then; empty = dial tone
    stays: bool = False  # the service goes on by itself, and takes the keys
    offer: str = ""  # dialled instead if key 3 is pressed while it is said


IMPOSSIBLE = Answer(("not_possible",))


class Feature:
    """One service; each overrides what it needs."""

    services: frozenset[Service] = frozenset()  # whose codes it answers

    @property
    def listens(self) -> bool:
        """It wants what is spoken into the handset (Spoken)."""
        return False

    def order(self, order: Order, now_s: float) -> Answer:
        """One of our codes was dialled."""
        del order, now_s
        return IMPOSSIBLE

    def load(self, key: str, data: bytes | None) -> bool:
        """A setting is on the card, or gone (None); False if the key is not ours."""
        del key, data
        return False

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Anything that happens and that routes.py sends to the desk."""
        del fact, now_s
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Do what is due."""
        del now_s
        return []

    def deadline_s(self) -> float | None:
        """When on_time must be called; None = never."""
        return None


class Switch(Feature):
    """A service that is on or off, and says so; its value is what stands after the star."""

    service: Service

    def __init__(self) -> None:
        self.services = frozenset({self.service})
        self.values: tuple[str, ...] | None = None  # arguments of the code; None = off

    @property
    def is_on(self) -> bool:
        """It does what it is for."""
        return self.values is not None

    def order(self, order: Order, now_s: float) -> Answer:
        """On, off, or what is it."""
        del now_s
        if order.action is Action.ASK:
            return Answer(self.words(self.values))
        values = order.arguments if order.action is Action.ON else None
        data = None if values is None else ",".join(values).encode()
        return Answer(self.words(values), save={self.service.value: data})

    def load(self, key: str, data: bytes | None) -> bool:
        """What the code set."""
        if key != self.service.value:
            return False
        self.values = None if data is None else tuple(filter(None, data.decode().split(",")))
        return True

    def words(self, values: tuple[str, ...] | None) -> tuple[str, ...]:
        """How the setting is said."""
        if values is None:
            return (f"{self.service.value}_off",)
        return (f"{self.service.value}_on", *self.value_words(values))

    def value_words(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """What follows "is on"."""
        del values
        return ()
