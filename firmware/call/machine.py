"""The call core: which fact does what in which state, read top to bottom.

Knows no packet of speech, no tone and no picture; what a row does is in line.py.
Units: `_s` monotonic seconds.
Source: RFC 3261 (INVITE transaction), for a telephone with one line and no call waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware import events
from firmware.call import messages
from firmware.call.line import Line
from firmware.call.refusals import REFUSED
from firmware.call.transaction import GaveUp, Heard, Transactions
from firmware.events import Message
from firmware.identity import Identity
from firmware.model import CallState, CallView, Codec


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The present state has lasted too long."""


Handler = Callable[[Line, Any, float], None]

IN_ANY_STATE: dict[type, Handler] = {
    events.NumberClaimed: Line.claim_number,
    events.WallClockRead: Line.set_clock,
    events.Argon2Computed: Line.prove_callers,
    events.OwnCandidatesFound: Line.find_addresses,
    events.PathChanged: Line.follow_path,
}

# (state, fact or signal): handler.  A pair that is not here is ignored and counted.
NEXT: dict[tuple[CallState, type], Handler] = {
    # the handset is down
    (CallState.IDLE, events.HookLifted): Line.give_dial_tone,
    # dial tone
    (CallState.OFF_HOOK, events.KeyPressed): Line.take_key,
    (CallState.OFF_HOOK, TimerExpired): Line.time_out,
    (CallState.OFF_HOOK, events.HookReplaced): Line.replace_handset,
    # some digits
    (CallState.DIALLING, events.KeyPressed): Line.take_key,
    (CallState.DIALLING, TimerExpired): Line.time_out,
    (CallState.DIALLING, events.HookReplaced): Line.replace_handset,
    # lookup, then INVITE
    (CallState.CALLING, events.NumberResolved): Line.invite,
    (CallState.CALLING, events.NumberUnresolved): Line.miss_number,
    (CallState.CALLING, messages.Ringing): Line.hear_ringback,
    (CallState.CALLING, messages.Answered): Line.hear_answer,
    **{(CallState.CALLING, refusal): Line.hear_refusal for refusal in REFUSED},
    (CallState.CALLING, messages.Bye): Line.lose_peer,
    (CallState.CALLING, GaveUp): Line.find_nobody,
    (CallState.CALLING, TimerExpired): Line.find_nobody,
    (CallState.CALLING, events.HookReplaced): Line.replace_handset,
    # the other bell sounds
    (CallState.RINGBACK, messages.Answered): Line.hear_answer,
    **{(CallState.RINGBACK, refusal): Line.hear_refusal for refusal in REFUSED},
    (CallState.RINGBACK, messages.Bye): Line.lose_peer,
    (CallState.RINGBACK, TimerExpired): Line.stop_waiting,
    (CallState.RINGBACK, events.HookReplaced): Line.replace_handset,
    # our bell sounds; the handset is down, so it cannot be replaced
    (CallState.RINGING, events.HookLifted): Line.answer,
    (CallState.RINGING, events.KeyPressed): Line.reject,
    (CallState.RINGING, messages.Cancel): Line.miss_call,
    (CallState.RINGING, messages.Bye): Line.miss_call,
    (CallState.RINGING, TimerExpired): Line.tire_of_ringing,
    # speech
    (CallState.CONNECTED, messages.Bye): Line.lose_peer,
    (CallState.CONNECTED, messages.Cancel): Line.lose_peer,  # gave up as we lifted
    (CallState.CONNECTED, messages.Ack): Line.hear_candidates,
    (CallState.CONNECTED, messages.Update): Line.hear_candidates,
    (CallState.CONNECTED, messages.Updated): Line.hear_candidates,
    (CallState.CONNECTED, GaveUp): Line.lose_connection,  # our answer was never confirmed
    (CallState.CONNECTED, events.MediaLost): Line.lose_connection,
    (CallState.CONNECTED, events.HookReplaced): Line.replace_handset,
    # over, but the handset is still lifted
    (CallState.BUSY, events.HookReplaced): Line.replace_handset,
    (CallState.FAILED, events.HookReplaced): Line.replace_handset,
}


class Call:
    """The one line of this telephone; a Core. `ignored` counts pairs that are not in the table."""

    def __init__(
        self,
        identity: Identity,
        random_bytes: Callable[[int], bytes],
        *,
        codecs: tuple[Codec, ...],
        names: Mapping[str, str],
        pins: Mapping[str, bytes],
        own_number: str | None = None,
        own_certificate: bytes | None = None,
    ) -> None:
        self.ignored: Counter[tuple[CallState, str]] = Counter()
        self._transactions = Transactions(identity, random_bytes)
        self._transactions.own_number = own_number
        self._line = Line(
            self._transactions,
            codecs=codecs,
            names=names,
            pins=pins,
            own_certificate=own_certificate,
        )
        self._shown = self.view

    @property
    def view(self) -> CallView:
        """What is shown of the call at present."""
        return self._line.view

    @property
    def pins(self) -> dict[str, bytes]:
        """The pinned keys, number to Ed25519 public key; the live table."""
        return self._line.pins.keys

    @property
    def dropped(self) -> Counter[str]:
        """Datagrams that were ignored, by reason."""
        return self._transactions.dropped

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take one fact of a person, the directory, the media or the network."""
        if isinstance(fact, events.DatagramReceived):
            heard = self._transactions.receive(fact, now_s)
            if heard is not None:
                self._hear(heard, now_s)
        elif isinstance(fact, events.EndpointRefused):
            self._transactions.skip(fact.endpoint)
        else:
            self._step(fact, now_s)
        return self._flush()

    def on_time(self, now_s: float) -> list[Message]:
        """Repeat, give up, and leave a state that has lasted too long."""
        for gave_up in self._transactions.on_time(now_s):
            if gave_up.session is self._line.session:
                self._step(gave_up, now_s)
        if self._line.timer_s is not None and now_s >= self._line.timer_s:
            self._line.timer_s = None
            self._step(TimerExpired(), now_s)
        return self._flush()

    def deadline_s(self) -> float | None:
        """The end of the state, or the next retransmission."""
        deadlines = (self._line.timer_s, self._transactions.deadline_s())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _hear(self, heard: Heard, now_s: float) -> None:
        if isinstance(heard.signal, messages.Invite):
            self._line.hear_invite(heard, now_s)
        elif heard.session is self._line.session:
            self._step(heard.signal, now_s)

    def _step(self, fact: object, now_s: float) -> None:
        handler = IN_ANY_STATE.get(type(fact)) or NEXT.get((self.view.state, type(fact)))
        if handler is None:
            self.ignored[self.view.state, type(fact).__name__] += 1
            return
        handler(self._line, fact, now_s)

    def _flush(self) -> list[Message]:
        out = [*self._line.messages_to_send(), *self._transactions.datagrams_to_send()]
        if self.view != self._shown:
            self._shown = self.view
            out.append(events.CallChanged(self.view))
        return out
