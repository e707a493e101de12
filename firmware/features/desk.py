"""The desk: the one core in which all services are; hands them codes, carries out their answers.

Knows no service by name; which there are is in table.py. A setting is said only when it is on the
card. While something is said any key ends it and is the first of the next number.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from firmware import events
from firmware.codes import plan_of
from firmware.events import Message
from firmware.events.book import BookRefused, RingRulesChanged
from firmware.events.call import CallOffered
from firmware.events.services import CodeDialled, DialNumber, Hush, Said, Say, ServiceEnded
from firmware.events.store import Kind, RecordSaved, RecordsLoaded, SaveFailed, SaveRecord
from firmware.features.feature import IMPOSSIBLE, Answer, Feature
from firmware.features.table import FEATURES
from firmware.model import CallState

SAVE_S_MAX = 3.0  # a card takes less, or nothing at all
OFFER_KEY = "3"
_NOT_SAVED = Answer(("not_saved",))


class Desk:
    """The core of the services."""

    def __init__(self, country: str) -> None:
        """`country` decides the codes."""
        self._plan = plan_of(country)
        self._features = [make() for make in FEATURES]
        self._listeners = [one for one in self._features if type(one).listens != Feature.listens]
        self._answer: Answer | None = None  # being carried out
        self._unsaved: dict[str, bytes | None] = {}  # of that
        self._save_until_s: float | None = None

    @property
    def listens(self) -> bool:
        """What is spoken into the handset is for a service."""
        return any(feature.listens for feature in self._listeners)  # asked with each frame

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """A code, an answer of the card, a key; the services hear of it, too."""
        match fact:
            case CallOffered(is_referred=True):
                return []  # somebody here has brought it about
            case RecordsLoaded():
                for record in fact.records:
                    if record.kind is Kind.SETTING:
                        self._load(record.key, record.data)
            case CodeDialled():
                return self._serve(fact.dialled, now_s)
            case RecordSaved(kind=Kind.SETTING) if fact.key in self._unsaved:
                return self._saved(fact.key) + self._ask(fact, now_s)
            case SaveFailed(kind=Kind.SETTING) if fact.key in self._unsaved:
                return self._carry_out(_NOT_SAVED)
            case RingRulesChanged() if self._asks_book:
                return self._carry_out(self._answer) + self._ask(fact, now_s)
            case BookRefused() if self._asks_book:
                return self._carry_out(_NOT_SAVED)
            case events.KeyPressed() if self._answer is not None:
                return self._press(fact.key)
            case Said() if self._answer is not None:
                return self._leave(self._answer.dial)
            case events.CallChanged(view=view) if view.state is CallState.IDLE:
                self._forget()
        return self._ask(fact, now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """What is due; a card that says nothing has not saved."""
        out = [message for feature in self._features for message in feature.on_time(now_s)]
        if self._save_until_s is not None and now_s >= self._save_until_s:
            out += self._carry_out(_NOT_SAVED)
        return out

    def deadline_s(self) -> float | None:
        """The first of all."""
        known = [feature.deadline_s() for feature in self._features] + [self._save_until_s]
        return min((deadline for deadline in known if deadline is not None), default=None)

    def _ask(self, fact: Message, now_s: float) -> list[Message]:
        """Each service in turn; of an offered call the first that has a say decides."""
        out: list[Message] = []
        for feature in self._features:
            out += feature.handle(fact, now_s)
            if out and isinstance(fact, CallOffered):
                break
        return out

    def _serve(self, dialled: str, now_s: float) -> list[Message]:
        order = self._plan.order(dialled)
        answer = IMPOSSIBLE
        if order is not None:
            answers = (
                feature.order(order, now_s)
                for feature in self._features
                if order.service in feature.services
            )
            answer = next(answers, IMPOSSIBLE)
        if answer.rules is not None:
            self._answer, self._save_until_s = answer, now_s + SAVE_S_MAX
            return [answer.rules]
        if not answer.save:
            return self._carry_out(answer)
        self._answer, self._unsaved = answer, dict(answer.save)
        self._save_until_s = now_s + SAVE_S_MAX
        return [SaveRecord(Kind.SETTING, key, data) for key, data in answer.save.items()]

    def _saved(self, key: str) -> list[Message]:
        self._load(key, self._unsaved.pop(key))
        if self._unsaved or self._answer is None:
            return []
        return self._carry_out(self._answer)

    @property
    def _asks_book(self) -> bool:
        return self._save_until_s is not None and not self._unsaved

    def _carry_out(self, answer: Answer | None) -> list[Message]:
        assert answer is not None
        self._forget()
        if answer.stays:
            return [Say(answer.words)]
        self._answer = answer
        return [Say(answer.words)] if answer.words else self._leave(answer.dial)

    def _press(self, key: str) -> list[Message]:
        """Any key ends what is said; not before it is known whether it was saved."""
        if self._save_until_s is not None or self._answer is None:
            return []
        offer = self._answer.offer if key == OFFER_KEY else ""
        return [Hush(), *self._leave(offer, key="" if key == "#" else key)]

    def _leave(self, dial: str, key: str = "") -> list[Message]:
        self._forget()
        return [DialNumber(dial) if dial else ServiceEnded(key)]

    def _load(self, key: str, data: bytes | None) -> None:
        _load(self._features, key, data)

    def _forget(self) -> None:
        self._answer, self._unsaved, self._save_until_s = None, {}, None


def _load(features: Iterable[Feature], key: str, data: bytes | None) -> None:
    any(feature.load(key, data) for feature in features)
