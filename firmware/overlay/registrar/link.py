"""One exchange as a box sees it: asked, registered with, kept, lost.

Decides nothing about other exchanges. Sends KRPC through the node and frames by itself.
Units: `_s` monotonic seconds, `_utc_s` Unix time. Source: ours, docs/protocol.md section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from firmware.channel import Elsewhere, Keep, Kept, Refusal, Refused, Standing
from firmware.errors import MalformedError
from firmware.events import Message, SendDatagram
from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.krpc import Register
from firmware.overlay.dht.node import Node
from firmware.overlay.lease import ASK, LEASE_S, Entry, Lease, Outcome, Reception

KEEP_S = 20.0  # 18 to 22: below the 30 s after which some NATs forget us
REPEATS_S = (0.7, 1.0, 1.5, 2.0)  # of a Keep that is not answered; then the exchange is lost
ATTEMPTS = 3  # of a question


class State(Enum):
    """How far we are with an exchange."""

    ASKED = "asked"  # for a token: how far away it is, and how busy
    OFFERED = "offered"  # it would take us
    ENTERING = "entering"
    REGISTERED = "registered"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who wants to be registered, and under which hashes."""

    identity: Identity
    certificate: bytes
    hashes: tuple[bytes, ...]


class Link:
    """Its `state` is changed by answers and by time; the registrar decides what follows."""

    def __init__(self, endpoint: Endpoint, node: Node, random_bytes: Callable[[int], bytes]):
        self.endpoint = endpoint
        self.state = State.LOST
        self.key = b""
        self.load = 0
        self.tls_port: int | None = None  # where it takes tunnels
        self.utc_s: int | None = None  # its clock, when it answered last
        self.rtt_s = 0.0
        self.retry_s = 0  # it asks us to wait so long
        self.has_token = False  # for one registration
        self.is_leaving = False  # it will stop soon: registered, and not to be counted on
        self.observed: Endpoint | None = None
        self.registered_s = 0.0
        self.rung_s = -math.inf  # when a call to us came through last (ringer.py)
        self.ring_due_s = math.inf
        self.rings_failed = 0  # in a row
        self.is_suspect = False  # it answers us, and lets no call through
        self.registration_id = b""
        self.hashes: tuple[bytes, ...] = ()  # under which we are registered
        self._node = node
        self._random_bytes = random_bytes
        self._token = b""
        self._question: int | None = None
        self._asked_s = 0.0
        self._renew_s = 0.0
        self._keep_s = 0.0  # when the next Keep is due
        self._repeats = 0
        self._count = 0

    def ask(self, now_s: float) -> None:
        """Get to know it."""
        self.state, self._asked_s = State.ASKED, now_s
        self._question = self._node.ask(Register(ASK), self.endpoint, now_s, attempts_max=ATTEMPTS)

    def enter(self, applicant: Applicant, utc_s: float, now_s: float) -> None:
        """Register, or renew; it has given us a token."""
        if self.state is State.OFFERED:
            self.state = State.ENTERING
        self.has_token = False
        sign, expires_utc_s = applicant.identity.sign, int(utc_s) + LEASE_S
        lease = Lease.sign(sign, self.key, expires_utc_s, self._token, applicant.hashes)
        entry = Entry(self._token, applicant.hashes, lease, applicant.certificate)
        self.hashes = applicant.hashes
        self._renew_s = now_s + LEASE_S / 2
        self._question = self._node.ask(
            Register(entry.encode()), self.endpoint, now_s, attempts_max=ATTEMPTS
        )

    def renew(self, now_s: float) -> None:
        """Ask for a new token, and then register again; still registered meanwhile."""
        self._question = self._node.ask(Register(ASK), self.endpoint, now_s, attempts_max=ATTEMPTS)

    def redate(self, now_s: float) -> None:
        """Our clock was set: the lease ends earlier or later than we said."""
        self._renew_s = min(self._renew_s, now_s)

    def is_renewal_due(self, now_s: float, hashes: tuple[bytes, ...]) -> bool:
        """True if half of the lease is over, or our hashes are others, and nothing is asked."""
        is_due = now_s >= self._renew_s or self.hashes != hashes
        return self._question is None and not self.has_token and is_due

    def hear(self, fact: Answered, now_s: float) -> bool:
        """True if it was about this link."""
        if fact.handle != self._question:
            return False
        self._question = None
        registration = None if fact.answer is None else fact.answer.registration
        try:
            reception = Reception.decode(registration or b"")
        except MalformedError:
            self.state = State.LOST
            return True
        if fact.answer is not None:
            self.tls_port = fact.answer.tls_port or self.tls_port
            self.utc_s = fact.answer.utc_s
        self._take(reception, now_s)
        return True

    def receive(self, frame: Kept | Refusal | Elsewhere, now_s: float) -> None:
        """Of its address; ignored unless it is about our registration."""
        if self.state is not State.REGISTERED:
            return
        match frame:
            case Elsewhere(kept_id) if kept_id == self.registration_id:
                self.is_leaving = True
            case Kept(kept_id, count, standing, load):
                if kept_id == self.registration_id and count == self._count:
                    self.load = load
                    self.is_leaving = standing is Standing.DRAINING
                    self._await_next(now_s)
            case Refusal(about, why):
                is_ours = about == self.registration_id and self._question is None
                if is_ours and why is Refused.UNKNOWN_ID:
                    self.renew(now_s)  # we have another address, or it has begun anew

    def on_time(self, now_s: float) -> list[Message]:
        """Keep the registration, and the hole in our router."""
        if self.state is not State.REGISTERED or now_s < self._keep_s:
            return []
        if self._repeats == len(REPEATS_S):
            self.state = State.LOST
            return []
        if not self._repeats:
            self._count = self._count + 1 & 0xFFFF
        self._keep_s = now_s + REPEATS_S[self._repeats]
        self._repeats += 1
        frame = Keep(self.registration_id, self._count)
        return [SendDatagram(frame.encode(), self.endpoint)]

    def deadline_s(self) -> float | None:
        """Of the next Keep or renewal."""
        if self.state is not State.REGISTERED:
            return None
        return self._keep_s if self._question is not None else min(self._keep_s, self._renew_s)

    def leave(self) -> list[Message]:
        """Give the registration up, if there is one."""
        was_registered = self.state is State.REGISTERED
        self.end()
        if not was_registered:
            return []
        frame = Keep(self.registration_id, 0, is_last=True)
        return [SendDatagram(frame.encode(), self.endpoint)]

    def end(self) -> None:
        """Nothing more is said to it."""
        if self._question is not None:
            self._node.cancel(self._question)
        self._question, self.state = None, State.LOST

    def _take(self, reception: Reception, now_s: float) -> None:
        self.load, self.retry_s = reception.load, reception.retry_s
        self.observed, self._token = reception.observed, reception.token
        match reception.outcome:
            case Outcome.TOKEN:
                self.has_token = True
                if self.state is State.ASKED:
                    self.rtt_s = now_s - self._asked_s
                    self.key, self.state = reception.exchange_key, State.OFFERED
            case Outcome.REGISTERED if reception.exchange_key == self.key:
                if self.state is not State.REGISTERED:
                    self.registered_s = self.ring_due_s = now_s
                self.state, self.is_leaving = State.REGISTERED, False
                self.registration_id = reception.registration_id
                self._await_next(now_s)
            case _:
                self.state = State.LOST

    def _await_next(self, now_s: float) -> None:
        dice = int.from_bytes(self._random_bytes(2), "big") / 65536
        self._repeats, self._keep_s = 0, now_s + KEEP_S * (0.9 + 0.2 * dice)
