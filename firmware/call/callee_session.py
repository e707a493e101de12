"""The callee's side of a session: was sent INVITE; the core decides how it is answered.

Units: `_s` monotonic seconds. Source: RFC 3261 sections 13 and 17 (INVITE), RFC 3262 (PRACK).
"""

from __future__ import annotations

from dataclasses import replace

from firmware.call.commitment import CalleePart
from firmware.call.encoding import encode_signal
from firmware.call.envelope import HANDSHAKE_2_BYTES_MIN, Envelope, Kind
from firmware.call.keys import CalleeHandshake
from firmware.call.messages import (
    Ack,
    Answered,
    Invite,
    Prack,
    Refusal,
    Ringing,
    Signal,
    Trying,
    WithCandidates,
)
from firmware.call.session import LINGER_S, Contradicted, Session
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, SendDatagram
from firmware.identity import Certificate


class CalleeSession(Session):
    """The side that received INVITE; the core decides how it is answered."""

    def __init__(
        self,
        handshake: CalleeHandshake,
        certificate: Certificate,
        session_id: bytes,
        invite: Invite,
        nonce: bytes,
        outbox: list[SendDatagram],
        datagram: DatagramReceived,
    ) -> None:
        part = CalleePart(nonce, session_id, invite.commitment)
        super().__init__(certificate, datagram.source, part, outbox)
        self._attend = part.attend
        self.invite = invite
        self.is_pending = False  # the core has the INVITE and has not responded yet
        self._handshake = handshake
        self._session_id = session_id
        self._first = datagram.data
        self._second = b""  # the datagram that answers each duplicate of the INVITE
        self._response: Signal | None = None
        self._credit_bytes = len(datagram.data)

    @property
    def awaits_prack(self) -> bool:
        """True after TRYING, until the core has the INVITE."""
        return isinstance(self._response, Trying) and not self.is_pending and not self.is_over

    def attend(self, now_s: float) -> None:
        """A person has lifted: our nonce goes with the OK that follows, or is told by UPDATE.

        Not before: else who answers by itself (machine, screening) could be asked for digits
        again and again, with nobody there to notice.
        """
        if self._attend():
            self.update(now_s)

    def respond(self, response: Signal, ephemeral: bytes, now_s: float) -> None:
        """Send a response; one that ends or answers the INVITE is repeated until its ACK.

        The first goes into the handshake, where duplicates of the INVITE fetch it again.
        `ephemeral` is used for the first only.
        """
        if isinstance(response, Answered):
            response = replace(response, nonce=self._part.offer)
        self._response, self.is_pending = response, False
        self._is_answered = self._is_answered or isinstance(response, Answered)
        self.forget_s = now_s + LINGER_S if isinstance(response, Trying) else None
        if isinstance(response, Refusal):
            self.end(now_s)
        if self.channel is None:
            plain = self._fitting(response)
            message, self.channel = self._handshake.finish(ephemeral, plain)
            self._second = Envelope(Kind.HANDSHAKE_2, self._session_id, message).encode()
            self._credit_bytes = max(self._credit_bytes - len(self._second), 0)
            self._outbox.append(SendDatagram(self._second, self.remote))
        elif isinstance(response, Refusal | Answered):
            self._start_repeat(response, now_s)
        else:
            self._transmit(response)

    def hear_again(self, datagram: DatagramReceived) -> None:
        """The INVITE came again: so does the first response, to where the duplicate came from.

        Whoever plays a recording gets fewer bytes than it sent, and moves nothing of the call.
        """
        if datagram.data != self._first:
            raise MalformedError("another INVITE under the same session identifier")
        if self._second:
            self._outbox.append(SendDatagram(self._second, datagram.source))

    def _take(self, signal: Signal, now_s: float) -> Signal | None:
        if isinstance(signal, Ack):
            is_owed = isinstance(self._response, Answered) and bool(self._response.nonce)
            if not self.is_over and not self._hear_nonce(signal.nonce, now_s, is_owed=is_owed):
                return Contradicted()
            self._stop_repeat(Answered, Refusal)
            return signal if signal.candidates and not self.is_over else None
        if isinstance(signal, Prack):
            if self.awaits_prack:
                return signal
            if isinstance(self._response, Ringing):
                self._answer(self._response)
        return None

    def _fitting(self, response: Signal) -> bytes:
        """The first response: not longer than the INVITE, whose source may be forged.

        The last candidates are left out if need be; the peer learns them when it has proved itself.
        """
        room_bytes = len(self._first) - HANDSHAKE_2_BYTES_MIN
        plain = encode_signal(response)
        while len(plain) > room_bytes and isinstance(response, WithCandidates):
            if not response.candidates:
                break
            response = replace(response, candidates=response.candidates[:-1])
            plain = encode_signal(response)
        return plain
