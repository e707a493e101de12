"""An exchange with nobody around it: what it is told and what it says, datagram by datagram."""

from __future__ import annotations

import random
from dataclasses import dataclass

from firmware import channel
from firmware.channel import Frame
from firmware.events import Message, SendDatagram
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Answer, GetCertificate, Refusal, Register
from firmware.overlay.dht.node import Node
from firmware.overlay.exchange.exchange import Exchange
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.lease import ASK, LEASE_S, Entry, Lease, Outcome, Reception

UTC_S = 1_800_000_000.0
HASH = b"h" * 20


@dataclass(slots=True)
class Person:
    """A box that speaks to the exchange by hand."""

    identity: Identity
    certificate: Certificate
    endpoint: Endpoint
    registration_id: bytes = b""

    @property
    def target(self) -> bytes:
        return channel.target_of(self.identity.public_key)


class Office:
    """The exchange, its clock, and what it sent last."""

    def __init__(self, limits: Limits | None = None, seed: int = 1) -> None:
        self.now_s = 1000.0
        self.dice = random.Random(seed)
        source = random.Random(seed + 1).randbytes
        identity = Identity.generate(self.dice.randbytes(64))
        self.node = Node((), source)
        self.exchange = Exchange(identity, self.node, source, limits)
        self.exchange.set_clock(UTC_S, self.now_s)

    def person(self, index: int, *, host: str = "") -> Person:
        identity = Identity.generate(self.dice.randbytes(64))
        host = host or f"198.51.{index >> 8}.{index & 255}"
        return Person(identity, identity.certify(bytes(16), ""), Endpoint(host, 6881))

    def reception(self, request: bytes, source: Endpoint) -> Reception:
        answer = self.exchange.register(Register(request), source, self.now_s)
        assert isinstance(answer, Answer) and answer.registration is not None
        return Reception.decode(answer.registration)

    def token(self, source: Endpoint) -> bytes:
        reception = self.reception(ASK, source)
        assert reception.outcome is Outcome.TOKEN
        return reception.token

    def entry(self, who: Person, hashes: tuple[bytes, ...] = (HASH,)) -> Entry:
        """A right one, with a fresh token."""
        token, key = self.token(who.endpoint), self.exchange.public_key
        expires_utc_s = int(UTC_S) + LEASE_S
        lease = Lease.sign(who.identity.sign, key, expires_utc_s, token, hashes)
        return Entry(token, hashes, lease, who.certificate.encode())

    def register(self, who: Person, hashes: tuple[bytes, ...] = (HASH,)) -> Outcome:
        reception = self.reception(self.entry(who, hashes).encode(), who.endpoint)
        if reception.outcome is Outcome.REGISTERED:
            who.registration_id = reception.registration_id
        return reception.outcome

    def ask(self, info_hash: bytes, nonce: bytes = b"n" * 16) -> Answer | None:
        asker = Endpoint("203.0.113.9", 6881)
        return self.exchange.certificate(GetCertificate(info_hash, nonce), asker)

    def send(self, frame: Frame | bytes, source: Endpoint) -> list[tuple[Frame, Endpoint]]:
        """The frames that follow."""
        data = frame if isinstance(frame, bytes) else frame.encode()
        return _frames(self.exchange.receive(data, source, self.now_s) or [])

    def wait(self, duration_s: float) -> list[tuple[Frame, Endpoint]]:
        """Time passes; what was sent meanwhile."""
        until_s = self.now_s + duration_s
        sent: list[Message] = []
        while (due_s := self.exchange.deadline_s()) is not None and due_s <= until_s:
            self.now_s = max(self.now_s, due_s)
            sent += self.exchange.advance(self.now_s)
        self.now_s = until_s
        return _frames(sent)


def _frames(messages: list[Message]) -> list[tuple[Frame, Endpoint]]:
    sent = [message for message in messages if isinstance(message, SendDatagram)]
    return [(channel.decode(message.data), message.to) for message in sent]


def is_refused(answer: object) -> bool:
    return isinstance(answer, Refusal)
