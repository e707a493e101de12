"""Two call cores joined by a bad link, in virtual time; the hash is a cheap stand-in."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from firmware import events, number
from firmware.call.machine import Call
from firmware.events import Fact, Message
from firmware.events.strangers import SearchStamp, StampSearched
from firmware.identity import Certificate, Identity
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason

UTC_S = 1_800_000_000.0
ALL_CODECS = (Codec.OPUS, Codec.PCMA, Codec.PCMU)


def cheap_digest(secret: bytes, salt: bytes) -> bytes:
    """Stands in for Argon2id."""
    return hashlib.blake2s(secret, salt=salt[:8]).digest()


def cheap_hash(secret: bytes, salt: bytes) -> events.Argon2Computed:
    return events.Argon2Computed(secret, salt, cheap_digest(secret, salt))


def cheap_search(wanted: SearchStamp) -> StampSearched:
    """The same for stamps."""
    about = wanted.question, wanted.first, wanted.count
    for tried in range(wanted.first, wanted.first + wanted.count):
        digest = hashlib.blake2s(wanted.question + (tried % 2**64).to_bytes(8, "big")).digest()
        zero_bits = 256 - int.from_bytes(digest, "big").bit_length()
        if zero_bits >= wanted.difficulty:
            return StampSearched(*about, tried % 2**64, zero_bits)
    return StampSearched(*about, None)


@dataclass(frozen=True)
class Person:
    """Somebody with a key and a number that the cheap hash proves."""

    identity: Identity
    certificate: Certificate
    number: str


@cache
def person(name: str) -> Person:
    """Always the same person for a name."""
    identity = Identity.generate(random.Random(name).randbytes(64))
    for i in itertools.count():
        modifier = i.to_bytes(number.MODIFIER_BYTES, "big")
        found = number.from_digest(
            cheap_digest(*number.hash_question(identity.public_key, modifier))
        )
        if found is not None:
            return Person(identity, identity.certify(modifier, name), found)
    raise AssertionError("count() does not end")


@dataclass(eq=False)
class Phone:
    """A call core, and all that it asked for."""

    person: Person
    endpoint: Endpoint
    core: Call
    said: list[Message] = field(default_factory=list)
    online: bool = True
    hash_s: float = 0.1

    @property
    def view(self) -> CallView:
        return self.core.view

    def asked(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.said if type(message) is kind]

    @property
    def rings(self) -> bool:
        return len(self.asked(events.StartRinging)) > len(self.asked(events.StopRinging))

    @property
    def ended(self) -> list[events.CallEnded]:
        return [message for message in self.said if isinstance(message, events.CallEnded)]


class Link:
    """The network between telephones: each datagram is lost, doubled and delayed on its own."""

    def __init__(
        self,
        seed: int = 1,
        *,
        loss: float = 0.0,
        duplication: float = 0.0,
        delay_s: tuple[float, float] = (0.02, 0.02),
    ) -> None:
        self.seed, self.loss, self.duplication, self.delay_s = seed, loss, duplication, delay_s
        self.now_s = 0.0
        self.phones: dict[Endpoint, Phone] = {}
        self.sent: list[tuple[float, Phone, events.SendDatagram]] = []
        self.directory: Callable[[Phone, str], Fact] = self.find
        self.verdict: Callable[[events.CallOffered], Message] = lambda offer: offer
        self._random = random.Random(seed)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(
        self,
        name: str,
        *,
        codecs: tuple[Codec, ...] = ALL_CODECS,
        names: Mapping[str, str] | None = None,
        pins: Mapping[str, bytes] | None = None,
        ready: bool = True,
        utc_s: float | None = UTC_S,
        packet_ms: int = 20,
        keys_sound: bool = False,
    ) -> Phone:
        """A telephone that has been on for a minute."""
        who = person(name)
        core = Call(
            who.identity,
            random.Random(f"{self.seed}/{name}").randbytes,
            codecs=codecs,
            names=names or {},
            pins=pins or {},
            own_number=who.number if ready else None,
            own_certificate=who.certificate.encode() if ready else None,
            packet_ms=packet_ms,
            keys_sound=keys_sound,
        )
        phone = Phone(who, Endpoint(f"192.0.2.{len(self.phones) + 1}", 6881), core)
        self.phones[phone.endpoint] = phone
        if utc_s is not None:
            core.handle(events.WallClockRead(utc_s + self.now_s - 60.0), self.now_s - 60.0)
        return phone

    def tell(self, phone: Phone, fact: Message) -> list[Message]:
        """One fact, now."""
        return self._perform(phone, phone.core.handle(fact, self.now_s)) if phone.online else []

    def dial(self, phone: Phone, digits: str) -> None:
        self.tell(phone, events.HookLifted())
        for key in digits:
            self.tell(phone, events.KeyPressed(key))

    def run(self, duration_s: float) -> None:
        """Let time pass; on_time is called exactly when the cores want it."""
        until_s = self.now_s + duration_s
        while (next_s := self._next_s()) <= until_s:
            self.now_s = max(self.now_s, next_s)
            if self._agenda and self._agenda[0][0] <= self.now_s:
                heapq.heappop(self._agenda)[2]()
            self._call_on_time()
        self.now_s = until_s

    def wait(self, phone: Phone, state: CallState, timeout_s: float = 20.0) -> None:
        until_s = self.now_s + timeout_s
        while phone.view.state is not state:
            assert self.now_s < until_s, f"never {state} but {phone.view} (seed {self.seed})"
            self.run(0.01)

    def connect(self, caller: Phone, callee: Phone) -> None:
        self.dial(caller, callee.person.number)
        self.wait(callee, CallState.RINGING)
        self.tell(callee, events.HookLifted())
        self.wait(caller, CallState.CONNECTED)

    def deliver(self, phone: Phone, data: bytes, source: Endpoint) -> list[Message]:
        """A datagram from anywhere."""
        return self.tell(phone, events.DatagramReceived(data, source))

    def find(self, _asking: Phone, wanted: str) -> Fact:
        """The directory of this network."""
        for phone in self.phones.values():
            if phone.person.number == wanted:
                certificate = phone.person.certificate.encode()
                return events.NumberResolved(wanted, certificate, (phone.endpoint,))
        return events.NumberUnresolved(wanted)

    def _next_s(self) -> float:
        deadlines = [phone.core.deadline_s() for phone in self.phones.values() if phone.online]
        times = [deadline for deadline in deadlines if deadline is not None]
        return min([*times, *(entry[0] for entry in self._agenda[:1])], default=float("inf"))

    def _call_on_time(self) -> None:
        for phone in self.phones.values():
            deadline_s = phone.core.deadline_s()
            if phone.online and deadline_s is not None and deadline_s <= self.now_s:
                self._perform(phone, phone.core.on_time(self.now_s))
                again_s = phone.core.deadline_s()
                assert again_s is None or again_s > self.now_s, "busy loop"

    def _perform(self, phone: Phone, said: list[Message]) -> list[Message]:
        phone.said += said
        for message in said:
            match message:
                case events.SendDatagram():
                    self._send(phone, message)
                case events.ComputeArgon2(secret=secret, salt=salt):
                    fact = cheap_hash(secret, salt)
                    self.at(phone.hash_s, partial(self.tell, phone, fact))
                case SearchStamp():
                    self.at(phone.hash_s, partial(self.tell, phone, cheap_search(message)))
                case events.CallOffered():
                    self.tell(phone, self.verdict(message))
                case events.OfferEnded():
                    self.tell(phone, message)
                case events.ResolveNumber(number=wanted):
                    self.at(0.2, partial(self.tell, phone, self.directory(phone, wanted)))
        return said

    def at(self, delay_s: float, action: Callable[[], object]) -> None:
        entry = (self.now_s + delay_s, next(self._order), lambda: void(action()))
        heapq.heappush(self._agenda, entry)

    def _send(self, phone: Phone, message: events.SendDatagram) -> None:
        self.sent.append((self.now_s, phone, message))
        copies = 2 if self._random.random() < self.duplication else 1
        for _ in range(copies):
            if self._random.random() >= self.loss and message.to in self.phones:
                callee = self.phones[message.to]
                delay_s = self._random.uniform(*self.delay_s)
                self.at(delay_s, partial(self.deliver, callee, message.data, phone.endpoint))


def void(_: object) -> None:
    """Forget a result."""


def two_phones(link: Link) -> tuple[Phone, Phone]:
    return link.add("Anna"), link.add("Bert")


def ringing(link: Link, anna: Phone, bert: Phone) -> None:
    """Anna calls Bert, and his bell sounds."""
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    link.wait(bert, CallState.RINGING)


def reasons(phone: Phone) -> list[EndReason]:
    """Why the calls of this telephone ended."""
    return [end.reason for end in phone.ended]
