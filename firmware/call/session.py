"""One session: the signalling of one call with one peer, from INVITE to the last duplicate.

Repeats what must arrive, answers duplicates, seals and opens; knows no call state and no person.
A request is repeated until its response, a final response until its ACK; each repetition is sealed
anew, so a recorded one is worth nothing. Units: `_s` monotonic seconds.
Source: RFC 3261 sections 13, 15 and 17 (INVITE, BYE, transactions), RFC 3262 (PRACK).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from firmware.bucket import Bucket
from firmware.call.commitment import Part
from firmware.call.encoding import encode_signal
from firmware.call.envelope import Envelope
from firmware.call.keys import Channel
from firmware.call.messages import (
    Answered,
    Bye,
    Cancel,
    Ended,
    Refer,
    ReferRefused,
    Signal,
    Update,
    Updated,
)
from firmware.call.pieces import Got, Piece, decode_any
from firmware.errors import MalformedError
from firmware.events import SendDatagram
from firmware.identity import Certificate
from firmware.model import Candidate, Endpoint, Screening

# 17 attempts in GIVE_UP_S: with 30 % lost each way, request and response fail together once in
# 90,000 calls. Two datagrams a second of at most 400 bytes load no path, so no longer pauses
# (SIP's T2 is 4 s: its servers carry thousands of calls).
REPEAT_ANSWER_S = 0.1  # of OK to INVITE: somebody is already saying hello
REPEAT_FIRST_S = 0.25  # above most round trips, half of SIP's T1
REPEAT_MAX_S = 0.5
GIVE_UP_S = 8.0  # as long as a person listens to nothing
LINGER_S = 10.0  # beyond the peer's GIVE_UP_S: its last duplicate still finds us
# Of one peer, but for its last word: each may cost a signature's verification, and is answered.
SIGNALS_BURST_MAX = 32.0
SIGNALS_PER_S_MAX = 8.0  # two repeated things, doubled by the line


@dataclass(frozen=True, slots=True)
class Contradicted(Signal):
    """Not said, but found out: the peer's nonce is not the one it has committed itself to."""


@dataclass(slots=True)
class Repeat:
    """What is sent again and again, and until when."""

    signal: Signal
    next_s: float
    interval_s: float
    give_up_s: float


class Session(ABC):
    """What both roles share; `remote` is where the last authentic datagram came from.

    `also` are other ways to the peer: what is sealed goes there too. `own_candidates` is what the
    peer is told of our addresses once the call is answered. A source address can be forged, even by
    the peer: where it has not proved to be, it gets no more bytes of answers than came from there.
    """

    def __init__(
        self, certificate: Certificate, remote: Endpoint, part: Part, outbox: list[SendDatagram]
    ) -> None:
        self.certificate = certificate  # the peer's
        self.remote = remote
        self.channel: Channel | None = None  # when the handshake is finished
        self.is_over = False  # nothing is left to tell the core
        self.forget_s: float | None = None
        self.authentication_digits = ""  # as soon as both parts are known, and the peer's is sure
        self._part = part
        self._outbox = outbox
        self.also: tuple[Endpoint, ...] = ()
        self.own_candidates: tuple[Candidate, ...] = ()
        self._repeat: Repeat | None = None
        self._update: Repeat | None = None  # beside what else is repeated
        self._updates = 0
        self._is_offered = False  # our nonce, with the latest UPDATE
        self._is_answered = False
        self.holds = False  # we do not listen; the peer is told by the next UPDATE
        self.peer_holds = False
        self.screening: Screening | None = None  # our box is there, but nobody yet
        self.peer_screening: Screening | None = None
        self._update_heard: int | None = None  # the newest of the peer's
        self._signals = Bucket(SIGNALS_BURST_MAX, SIGNALS_PER_S_MAX)
        self._credit_bytes = 0  # came from `remote`, and was not answered

    @property
    def is_repeating(self) -> bool:
        """True while something of ours waits for its response."""
        return self._repeat is not None

    def hang_up(self, now_s: float) -> None:
        """End the call from this side; goes on by itself until the peer knows."""
        if not self.is_over:
            self.end(now_s)
            self._start_repeat(Bye() if self._is_answered else Cancel(), now_s)

    def end(self, now_s: float) -> None:
        """No event will come any more; duplicates are still answered for LINGER_S."""
        self.is_over = True
        self.forget_s = now_s + LINGER_S
        self._repeat = self._update = None

    def update(self, now_s: float) -> None:
        """Tell the peer `own_candidates`, repeated until it answers; replaces an earlier one."""
        if self.is_over or not self._is_answered:
            return
        self._updates = (self._updates + 1) % 256
        offer = self._part.offer
        self._is_offered = bool(offer)
        told = self.own_candidates, self.holds, self.screening, offer
        self._update = _repeat(Update(self._updates, *told), now_s)
        self._transmit(self._update.signal)

    def refer(self, refer: Refer, now_s: float) -> None:
        """Send the peer to somebody else; ends by its BYE, a refusal, or the silence of both."""
        self._start_repeat(refer, now_s)

    def send(self, piece: Piece | Got) -> None:
        """Once; who wants to be sure sends it again."""
        assert self.channel is not None
        self._outbox.append(SendDatagram(self.channel.seal(piece.encode()), self.remote))

    def refuse_refer(self) -> None:
        """We stay; told again for each repetition."""
        self._answer(ReferRefused())

    def hear(self, envelope: Envelope, source: Endpoint, now_s: float) -> Signal | None:
        """Open a transport message; returns what the core must know. Raises MalformedError."""
        if self.channel is None:
            raise MalformedError("transport message before the handshake is finished")
        signal = decode_any(self.channel.open(envelope))
        self._hear_from(source, len(envelope.encode()))
        if isinstance(signal, Piece | Got):
            return None if self.is_over else signal
        if isinstance(signal, Bye | Cancel):
            return self._take_end(signal, now_s)
        if isinstance(signal, Ended):
            self._stop_repeat(Bye, Cancel)
            return None
        if not self._signals.take(1.0, now_s):
            raise MalformedError("more signals than any call needs")
        if isinstance(signal, Update | Updated):
            return self._take_update(signal, now_s)
        if isinstance(signal, Refer | ReferRefused):
            return self._take_refer(signal)
        return self._take(signal, now_s)

    def on_time(self, now_s: float) -> Signal | None:
        """Repeat what is due; returns what was repeated in vain until GIVE_UP_S."""
        if self._update is not None and not self._repeat_if_due(self._update, now_s):
            self._update = None  # the call goes on; whether it can, the media will tell
        repeat = self._repeat
        if repeat is None or self._repeat_if_due(repeat, now_s):
            return None
        self._repeat = None
        return repeat.signal

    def deadline_s(self) -> float | None:
        """When something must be repeated, given up or forgotten."""
        times = [] if self.forget_s is None else [self.forget_s]
        for repeat in (self._repeat, self._update):
            if repeat is not None:
                times += [repeat.next_s, repeat.give_up_s]
        return min(times, default=None)

    @abstractmethod
    def _take(self, signal: Signal, now_s: float) -> Signal | None:
        """What one role does with an authentic message."""

    def _take_end(self, signal: Signal, now_s: float) -> Signal | None:
        """BYE and CANCEL mean the same at any moment: the peer has gone."""
        self._transmit(Ended())  # 4 bytes longer than BYE: that much may be had for nothing
        was_over = self.is_over
        self.end(now_s)
        return None if was_over else signal

    def _take_refer(self, signal: Refer | ReferRefused) -> Signal | None:
        if self.is_over or not self._is_answered:
            return None
        if isinstance(signal, ReferRefused):
            is_asked = self._repeat is not None and isinstance(self._repeat.signal, Refer)
            self._stop_repeat(Refer)
            return signal if is_asked else None
        return signal

    def _take_update(self, signal: Update | Updated, now_s: float) -> Signal | None:
        if self.is_over or not self._is_answered:
            return None  # before the answer our addresses are not for everybody: disclosure.py
        is_answer = isinstance(signal, Updated) and signal.sequence == self._updates
        if not self._hear_nonce(signal.nonce, now_s, is_owed=is_answer and self._is_offered):
            return Contradicted()
        if isinstance(signal, Update):
            reveal = self._part.reveal if signal.nonce else b""
            self._answer(Updated(signal.sequence, self.own_candidates, reveal))
            before = self._update_heard
            if before is not None and (signal.sequence - before) % 256 >= 128:
                return None  # an older one, overtaken
            if signal.sequence != before:
                self._update_heard, self.peer_holds = signal.sequence, signal.is_held
                self.peer_screening = signal.screening
            return signal
        if self._update is not None and signal.sequence == self._updates:
            self._update = None
        return signal if signal.candidates else None

    def _hear_nonce(self, nonce: bytes, now_s: float, *, is_owed: bool = False) -> bool:
        """False if it is wrong, or owed and not there: then the call is at its end."""
        if (nonce and not self._part.hear(nonce)) or (is_owed and not nonce):
            self.hang_up(now_s)
            return False
        if self._part.both and not self.authentication_digits:
            assert self.channel is not None
            self.authentication_digits = self.channel.authentication_digits(self._part.both)
        return True

    def _is_proved(self, endpoint: Endpoint) -> bool:
        """The peer is there, or our own search has found it there."""
        return endpoint in self.also

    def _hear_from(self, source: Endpoint, size_bytes: int) -> None:
        """Something authentic has come from there: that allows for as many bytes back."""
        if source != self.remote:
            self._credit_bytes = 0
        self.remote = source
        self._credit_bytes += size_bytes

    def _answer(self, signal: Signal) -> None:
        """What the peer has asked for by its last signal; it repeats itself if it hears nothing."""
        self._seal_and_send(signal, is_answer=True)

    def _transmit(self, signal: Signal) -> None:
        """What we say by our own will."""
        self._seal_and_send(signal, is_answer=False)

    def _seal_and_send(self, signal: Signal, *, is_answer: bool) -> None:
        assert self.channel is not None
        sealed = self.channel.seal(encode_signal(signal))
        ways = dict.fromkeys((self.remote, *self.also))
        if not self._is_proved(self.remote):
            is_bounded = is_answer or len(ways) > 1
            if is_bounded and self._credit_bytes < len(sealed):
                del ways[self.remote]
            else:
                self._credit_bytes = max(self._credit_bytes - len(sealed), 0)
        self._outbox += [SendDatagram(sealed, endpoint) for endpoint in ways]

    def _start_repeat(self, signal: Signal, now_s: float) -> None:
        self._repeat = _repeat(signal, now_s)
        self._transmit(signal)

    def _repeat_if_due(self, repeat: Repeat, now_s: float) -> bool:
        """False if it has been repeated for long enough."""
        if now_s >= repeat.give_up_s:
            return False
        if now_s >= repeat.next_s:
            self._transmit(repeat.signal)
            repeat.interval_s = min(2 * repeat.interval_s, REPEAT_MAX_S)
            repeat.next_s = now_s + repeat.interval_s
        return True

    def _stop_repeat(self, *kinds: type[Signal]) -> None:
        if self._repeat is not None and isinstance(self._repeat.signal, kinds):
            self._repeat = None


def _repeat(signal: Signal, now_s: float) -> Repeat:
    first_s = REPEAT_ANSWER_S if isinstance(signal, Answered) else REPEAT_FIRST_S
    return Repeat(signal, now_s + first_s, first_s, now_s + GIVE_UP_S)
