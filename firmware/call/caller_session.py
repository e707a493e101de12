"""The caller's side of a session: sends INVITE, and tries the callee's endpoints in turn.

Units: `_s` monotonic seconds.
Source: RFC 3261 sections 9 and 13 (CANCEL, INVITE), RFC 3262 (PRACK).
"""

from __future__ import annotations

from firmware.call.commitment import CallerPart
from firmware.call.encoding import decode_signal
from firmware.call.envelope import Envelope, Kind
from firmware.call.keys import CallerHandshake
from firmware.call.messages import (
    Ack,
    Answered,
    Cancel,
    Invite,
    Prack,
    Ready,
    Refusal,
    Ringing,
    Signal,
    Trying,
)
from firmware.call.session import Contradicted, Session
from firmware.events import SendDatagram
from firmware.identity import Certificate
from firmware.model import Endpoint

ENDPOINTS_MAX = 4  # of a callee, tried in turn


class CallerSession(Session):
    """The side that sends INVITE; tries the callee's endpoints in turn until one answers."""

    def __init__(
        self,
        handshake: CallerHandshake,
        certificate: Certificate,
        session_id: bytes,
        endpoints: tuple[Endpoint, ...],
        part: CallerPart,
        outbox: list[SendDatagram],
    ) -> None:
        super().__init__(certificate, endpoints[0], part, outbox)
        self._handshake = handshake
        self.endpoints = endpoints
        self._attempts = 0
        self._first = Envelope(Kind.HANDSHAKE_1, session_id, handshake.first_message).encode()

    def start(self, invite: Invite, now_s: float) -> None:
        """Send the INVITE that is sealed in the handshake, and repeat it."""
        self._start_repeat(invite, now_s)

    def hang_up(self, now_s: float) -> None:
        """As the base; before the first response there is no key to seal a CANCEL with.

        Then the INVITE is repeated on: if only its response was lost, a bell is sounding there,
        and the next response lets us silence it.
        """
        if self.channel is not None:
            super().hang_up(now_s)
        elif self._repeat is not None:
            self.is_over = True
            self.forget_s = self._repeat.give_up_s

    def learn(self, certificate: bytes, endpoints: tuple[Endpoint, ...]) -> None:
        """The owner of `certificate` may be there, too: INVITE goes there next."""
        if certificate != self.certificate.encode():
            return
        new = [endpoint for endpoint in endpoints if endpoint not in self.endpoints]
        if new and self._repeat is not None and isinstance(self._repeat.signal, Invite):
            self.endpoints = (*new, *self.endpoints)[:ENDPOINTS_MAX]
            self._attempts = 0
            self._transmit(self._repeat.signal)

    def skip(self, endpoint: Endpoint) -> None:
        """The callee is not reached there: INVITE goes on at once to the next, if there is one."""
        others = tuple(other for other in self.endpoints if other != endpoint)
        if not others or len(others) == len(self.endpoints):
            return
        self.endpoints = others
        if self._repeat is not None and isinstance(self._repeat.signal, Invite):
            self._transmit(self._repeat.signal)

    def hear_second(self, envelope: Envelope, source: Endpoint, now_s: float) -> Signal | None:
        """Finish the handshake; returns what the core must know. Raises MalformedError."""
        if self.channel is not None:
            return None  # a duplicate
        payload, channel = self._handshake.finish(envelope.sealed)
        signal = decode_signal(payload)
        self.channel = channel
        self._hear_from(source, len(envelope.encode()))
        if not self.is_over:
            return self._take(signal, now_s)
        self.end(now_s)  # hung up meanwhile
        if not isinstance(signal, Refusal):
            self._start_repeat(Cancel(), now_s)
        return None

    def _take(self, signal: Signal, now_s: float) -> Signal | None:
        if isinstance(signal, Refusal):
            self._answer(Ack())  # also for duplicates: this is what stops them
        if isinstance(signal, Refusal) and not self._is_answered:
            was_over = self.is_over
            self.end(now_s)
            return None if was_over else signal
        if self.is_over or not isinstance(signal, Trying | Ready | Ringing | Answered):
            return None
        was_invite = self._repeat is not None and isinstance(self._repeat.signal, Invite)
        self._stop_repeat(Invite)
        if isinstance(signal, Trying):
            if was_invite:
                self._start_repeat(Prack(), now_s)
            return None
        self._stop_repeat(Prack)
        if isinstance(signal, Answered):
            if not self._hear_nonce(signal.nonce, now_s):
                return Contradicted()
            if not self._is_answered:
                self.peer_screening = signal.screening
            self._is_answered = True
            reveal = self._part.reveal if signal.nonce else b""
            self._answer(Ack(self.own_candidates, reveal))
        return signal

    def _is_proved(self, endpoint: Endpoint) -> bool:
        return endpoint in self.endpoints or super()._is_proved(endpoint)

    def _transmit(self, signal: Signal) -> None:
        if not isinstance(signal, Invite):
            super()._transmit(signal)
            return
        endpoint = self.endpoints[self._attempts % len(self.endpoints)]
        self._attempts += 1
        self._outbox.append(SendDatagram(self._first, endpoint))
