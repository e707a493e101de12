"""Transactions: all sessions of this telephone, whom they belong to, and their limits.

Turns sealed datagrams into events for the call core and back; knows no call state. Authentic is
not yet proved: that the caller's key owns its number costs an Argon2 hash, which the core asks for.
Units: `_s` monotonic seconds. Source: RFC 3261 section 17; the limits are ours.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware.bucket import Bucket, Buckets
from firmware.call.callee_session import CalleeSession
from firmware.call.caller_session import ENDPOINTS_MAX, CallerSession
from firmware.call.commitment import NONCE_BYTES, CallerPart
from firmware.call.encoding import decode_signal, encode_signal
from firmware.call.envelope import SESSION_BYTES, Envelope, Kind
from firmware.call.freshness import Freshness
from firmware.call.keys import CalleeHandshake, CallerHandshake
from firmware.call.messages import Invite, NotFound, Prack, Signal, Trying, TryLater
from firmware.call.session import LINGER_S, Session
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, SendDatagram
from firmware.handshake import EPHEMERAL_BYTES
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint

SESSIONS_MAX = 16  # one call, and what lingers of earlier ones
INVITES_PENDING_MAX = 4  # one Argon2 hash each, 19 MiB; more are dropped, their callers repeat
HANDSHAKES_PER_S_MAX = 20.0  # 1 ms each on a PC; estimated 10 ms on a Pi Zero 2 W
HANDSHAKES_BURST_MAX = 20.0
INVITES_BURST_MAX = 30.0  # of one caller: each may cost a record on the card and a ring in the room
INVITES_PER_S_MAX = 0.5
CALLERS_MAX = 256  # whose rate is known


@dataclass(frozen=True, slots=True)
class Heard:
    """The peer of `session` said `signal`; an Invite is new and no recording."""

    session: Session
    signal: Signal


@dataclass(frozen=True, slots=True)
class GaveUp:
    """`signal` was repeated to the end and nobody responded."""

    session: Session
    signal: Signal


class Transactions:
    """The sessions by identifier; `dropped` counts what was ignored, by reason."""

    def __init__(self, identity: Identity, random_bytes: Callable[[int], bytes]) -> None:
        self.own_number: str | None = None  # INVITEs are accepted from then on
        self.freshness = Freshness()
        self.dropped: Counter[str] = Counter()
        self.identity = identity
        self.random_bytes = random_bytes
        self._sessions: dict[bytes, Session] = {}
        self._outbox: list[SendDatagram] = []
        # Over all sources: source addresses of UDP can be forged.
        self._handshakes = Bucket(HANDSHAKES_BURST_MAX, HANDSHAKES_PER_S_MAX)
        self._invites = Buckets(INVITES_BURST_MAX, INVITES_PER_S_MAX, CALLERS_MAX)

    def invite(
        self,
        callee: Certificate,
        endpoints: tuple[Endpoint, ...],
        invite: Invite,
        now_s: float,
    ) -> CallerSession:
        """Begin a call; MalformedError if no handshake is possible with the callee's key."""
        assert endpoints
        session_id = self.random_bytes(SESSION_BYTES)
        ephemeral = self.random_bytes(EPHEMERAL_BYTES)
        part = CallerPart(self.random_bytes(NONCE_BYTES), session_id)
        invite = replace(invite, commitment=part.commitment)
        handshake = CallerHandshake(
            self.identity, callee.noise_key, session_id, ephemeral, encode_signal(invite)
        )
        session = CallerSession(
            handshake, callee, session_id, endpoints[:ENDPOINTS_MAX], part, self._outbox
        )
        self._add(session_id, session)
        session.start(invite, now_s)
        return session

    def respond(self, session: CalleeSession, response: Signal, now_s: float) -> None:
        """Answer an INVITE that was Heard, once with RINGING and once with a final response."""
        ephemeral = self.random_bytes(EPHEMERAL_BYTES) if session.channel is None else b""
        try:
            session.respond(response, ephemeral, now_s)
        except MalformedError:
            self._drop("malformed")
            session.end(now_s)

    def skip(self, endpoint: Endpoint) -> None:
        """Nobody is reached there: what INVITEs are on their way go to the next endpoint."""
        for session in self._sessions.values():
            if isinstance(session, CallerSession):
                session.skip(endpoint)

    def receive(self, fact: DatagramReceived, now_s: float) -> Heard | None:
        """Take one sealed datagram; what is malformed, forged or too much is counted and gone."""
        try:
            return self._receive(fact, now_s)
        except MalformedError:
            self._drop("malformed")
            return None

    def on_time(self, now_s: float) -> list[GaveUp]:
        """Repeat, give up and forget what is due."""
        given_up = []
        for session_id, session in list(self._sessions.items()):
            signal = session.on_time(now_s)
            if signal is not None and not session.is_over:
                given_up.append(GaveUp(session, signal))
            if session.forget_s is not None and now_s >= session.forget_s:
                session.is_over = True
                del self._sessions[session_id]
        return given_up

    def deadline_s(self) -> float | None:
        """The earliest deadline of all sessions."""
        deadlines = (session.deadline_s() for session in self._sessions.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def datagrams_to_send(self) -> list[SendDatagram]:
        """What has to be sent since the last time this was asked."""
        datagrams = self._outbox.copy()
        self._outbox.clear()  # the sessions share this list
        return datagrams

    def _receive(self, fact: DatagramReceived, now_s: float) -> Heard | None:
        envelope = Envelope.decode(fact.data)
        session = self._sessions.get(envelope.session_id)
        if envelope.kind is Kind.HANDSHAKE_1:
            if session is None:
                return self._admit(envelope, fact, now_s)
            if isinstance(session, CalleeSession):
                session.hear_again(fact)
            return None
        if session is None:
            raise MalformedError("sealed datagram of an unknown session")
        if envelope.kind is Kind.TRANSPORT:
            signal = session.hear(envelope, fact.source, now_s)
        elif isinstance(session, CallerSession):
            signal = session.hear_second(envelope, fact.source, now_s)
        else:
            raise MalformedError("our own handshake message came back")
        if isinstance(session, CalleeSession) and isinstance(signal, Prack):
            return self._accept(session, now_s)
        return None if signal is None else Heard(session, signal)

    def _admit(self, envelope: Envelope, fact: DatagramReceived, now_s: float) -> Heard | None:
        """The first message of a new session: the cheap checks come first."""
        if self.own_number is None or self._is_pending_full() or not self._has_room():
            self._drop("INVITE over a limit")
            return None
        if not self._handshakes.take(1.0, now_s):
            self._drop("handshake over the limit")
            return None
        handshake = CalleeHandshake(self.identity, envelope.session_id, envelope.sealed)
        invite = decode_signal(handshake.payload)
        if not isinstance(invite, Invite):
            raise MalformedError("first message is no INVITE")
        caller = Certificate.decode(invite.certificate)
        if not hmac.compare_digest(caller.noise_key, handshake.caller_noise_key):
            raise MalformedError("certificate of somebody else")
        nonce, session_id = self.random_bytes(NONCE_BYTES), envelope.session_id
        session = CalleeSession(handshake, caller, session_id, invite, nonce, self._outbox, fact)
        self._add(envelope.session_id, session)
        if invite.callee_number != self.own_number:
            self.respond(session, NotFound(), now_s)
            return None
        if self.freshness.accept(envelope.session_id, invite.utc_s, now_s):
            return self._accept(session, now_s)
        self.respond(session, Trying(), now_s)
        return None

    def _accept(self, session: CalleeSession, now_s: float) -> Heard | None:
        """Tell the core of an INVITE that is no recording.

        Unless too many are waiting for their hash, or this caller comes too often.
        """
        if self._is_pending_full():
            self._drop("INVITE over a limit")  # its PRACK will come again
            return None
        if not self._invites.take(session.certificate.public_key, now_s):
            self._drop("INVITE of a caller over its limit")
            self.respond(session, TryLater(), now_s)
            return None
        session.is_pending = True
        session.forget_s = now_s + LINGER_S
        return Heard(session, session.invite)

    def _is_pending_full(self) -> bool:
        callees = [s for s in self._sessions.values() if isinstance(s, CalleeSession)]
        pending = sum(session.is_pending and not session.is_over for session in callees)
        return pending >= INVITES_PENDING_MAX

    def _add(self, session_id: bytes, session: Session) -> None:
        """At SESSIONS_MAX the oldest that can be spared is forgotten."""
        if len(self._sessions) >= SESSIONS_MAX:
            oldest = min(self._sessions, key=lambda other: _worth(self._sessions[other]))
            self._sessions.pop(oldest).is_over = True
        self._sessions[session_id] = session

    def _has_room(self) -> bool:
        """A stranger's INVITE never displaces what is still being said."""
        if len(self._sessions) < SESSIONS_MAX:
            return True
        return min(_worth(session) for session in self._sessions.values()) <= _WORTH_LITTLE

    def _drop(self, reason: str) -> None:
        """Count what is ignored; never answer it."""
        self.dropped[reason] += 1


_WORTH_LITTLE = 1


def _worth(session: Session) -> int:
    """What would be lost by forgetting it; sessions of the same worth go oldest first."""
    if session.is_over:
        return 2 if session.is_repeating else 0  # a BYE or CANCEL on its way, or only duplicates
    if isinstance(session, CalleeSession) and session.awaits_prack:
        return _WORTH_LITTLE  # perhaps a recording
    return 3
