"""The call core: which fact does what in which state, read top to bottom.

Knows no packet of speech, no tone and no picture; what a row does is in line.py.
Units: `_s` monotonic seconds.
Source: RFC 3261 (INVITE transaction), for a telephone with one handset and a few calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware import events
from firmware.call import (
    beside,
    completion,
    dialling,
    incoming,
    messages,
    outgoing,
    recall,
    screening,
    talking,
    transfer,
    work,
)
from firmware.call.deliveries import Deliveries
from firmware.call.errands import Errands
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.refusals import REFUSED
from firmware.call.session import Contradicted
from firmware.call.transaction import GaveUp, Heard, Transactions
from firmware.codes import plan_of
from firmware.events import Message, services, strangers
from firmware.events.messages import UseHandset
from firmware.events.store import RecordsLoaded
from firmware.identity import Identity
from firmware.model import PACKET_MS_USUAL, RECALL_KEY, CallState, CallView, Codec


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The present state has lasted too long."""


Handler = Callable[[Line, Any, float], None]
LegHandler = Callable[[Line, Leg, Any, float], None]

IN_ANY_STATE: dict[type, Handler] = {
    events.NumberClaimed: Line.claim_number,
    events.WallClockRead: Line.set_clock,
    RecordsLoaded: Line.load_pins,
    events.OwnCandidatesFound: Line.find_addresses,
    events.PathChanged: Line.follow_path,
    services.WithholdChanged: Line.withhold,
    services.RestoreWishes: completion.restore,
    # who may ring: the hash proves the caller, then everybody who has a say is asked
    events.Argon2Computed: incoming.prove_callers,
    events.OfferEnded: incoming.end_offer,
    events.AdmitCall: incoming.admit,
    events.SilenceCall: incoming.silence,
    events.AnswerCall: incoming.answer_by_itself,
    events.RefuseCall: incoming.refuse,
    events.DivertCall: incoming.divert,
    strangers.DemandStamp: work.demand,
    strangers.StampSearched: incoming.hear_hashes,
    strangers.AskName: screening.ask_name,
    strangers.RingForName: screening.ring,
    strangers.AcceptCall: screening.accept,
    strangers.DismissCall: screening.dismiss,
}

# (state, fact or signal): handler.  A pair that is not here is ignored and counted.
NEXT: dict[tuple[CallState, type], Handler] = {
    # the handset is down
    (CallState.IDLE, events.HookLifted): dialling.give_dial_tone,
    # dial tone
    (CallState.OFF_HOOK, events.KeyPressed): dialling.take_key,
    (CallState.OFF_HOOK, TimerExpired): dialling.time_out,
    (CallState.OFF_HOOK, services.MenuUsed): dialling.wait_for_menu,
    (CallState.OFF_HOOK, events.HookFlashed): recall.flash_back,
    (CallState.OFF_HOOK, events.HookReplaced): talking.replace_handset,
    # some digits
    (CallState.DIALLING, events.KeyPressed): dialling.take_key,
    (CallState.DIALLING, TimerExpired): dialling.time_out,
    (CallState.DIALLING, events.HookFlashed): recall.flash_back,
    (CallState.DIALLING, events.HookReplaced): talking.replace_handset,
    # lookup, then INVITE
    (CallState.CALLING, events.NumberResolved): outgoing.invite,
    (CallState.CALLING, events.NumberUnresolved): outgoing.miss_number,
    (CallState.CALLING, messages.Ringing): outgoing.hear_ringback,
    (CallState.CALLING, messages.Answered): outgoing.hear_answer,
    (CallState.CALLING, messages.Moved): outgoing.follow_diversion,
    **{(CallState.CALLING, refusal): outgoing.hear_refusal for refusal in REFUSED},
    (CallState.CALLING, messages.StampWanted): work.begin,
    (CallState.CALLING, messages.Bye): talking.lose_peer,
    (CallState.CALLING, GaveUp): outgoing.find_nobody,
    (CallState.CALLING, TimerExpired): outgoing.find_nobody,
    (CallState.CALLING, events.HookFlashed): recall.flash_back,
    (CallState.CALLING, events.HookReplaced): transfer.hang_up,
    # the other bell sounds
    (CallState.RINGBACK, messages.Answered): outgoing.hear_answer,
    (CallState.RINGBACK, messages.Moved): outgoing.follow_diversion,
    **{(CallState.RINGBACK, refusal): outgoing.hear_refusal for refusal in REFUSED},
    (CallState.RINGBACK, messages.Bye): talking.lose_peer,
    (CallState.RINGBACK, TimerExpired): outgoing.stop_waiting,
    (CallState.RINGBACK, events.KeyPressed): recall.choose,
    (CallState.RINGBACK, events.HookFlashed): recall.flash_while_it_rings,
    (CallState.RINGBACK, events.HookReplaced): transfer.hang_up,
    # our bell sounds; the handset is down, so it cannot be replaced
    (CallState.RINGING, events.HookLifted): incoming.answer,
    (CallState.RINGING, events.KeyPressed): incoming.reject,
    (CallState.RINGING, services.AnswerByBox): incoming.answer_by_box,
    (CallState.RINGING, messages.Cancel): incoming.miss_call,
    (CallState.RINGING, messages.Bye): incoming.miss_call,
    (CallState.RINGING, TimerExpired): incoming.tire_of_ringing,
    (CallState.RINGING, Contradicted): incoming.break_off,
    # speech
    (CallState.CONNECTED, events.KeyPressed): recall.press_or_choose,
    (CallState.CONNECTED, events.HookFlashed): recall.flash,
    (CallState.CONNECTED, messages.Bye): talking.lose_peer,
    (CallState.CONNECTED, messages.Cancel): talking.lose_peer,  # gave up as we lifted
    (CallState.CONNECTED, messages.Ack): talking.hear_news,
    (CallState.CONNECTED, messages.Update): talking.hear_news,
    (CallState.CONNECTED, messages.Updated): talking.hear_news,
    (CallState.CONNECTED, messages.Refer): transfer.follow,
    (CallState.CONNECTED, TimerExpired): screening.tire,
    (CallState.CONNECTED, GaveUp): talking.lose_connection,  # our answer was never confirmed
    (CallState.CONNECTED, events.MediaLost): talking.lose_connection,
    (CallState.CONNECTED, Contradicted): talking.lose_trust,
    (CallState.CONNECTED, events.HookLifted): incoming.take_over,
    (CallState.CONNECTED, services.HangUpByBox): incoming.hang_up_by_box,
    (CallState.CONNECTED, services.ServiceEnded): dialling.leave_service,
    (CallState.CONNECTED, services.DialNumber): dialling.dial,
    (CallState.CONNECTED, events.HookReplaced): transfer.hang_up,
    # over, but the handset is still lifted; a call on hold comes back
    (CallState.BUSY, events.KeyPressed): completion.ask,
    (CallState.BUSY, UseHandset): dialling.use_handset,
    (CallState.FAILED, UseHandset): dialling.use_handset,
    **{
        (over, kind): handler
        for over in (CallState.BUSY, CallState.FAILED)
        for kind, handler in (
            (TimerExpired, recall.come_back),
            (events.HookFlashed, recall.flash_back),
            (events.HookReplaced, talking.replace_handset),
        )
    },
}

# The same for a call that the handset is not in.
BESIDE: dict[tuple[CallState, type], LegHandler] = {
    # it waits: a tone in the ear says so
    (CallState.RINGING, messages.Cancel): beside.miss,
    (CallState.RINGING, messages.Bye): beside.miss,
    (CallState.RINGING, TimerExpired): beside.tire,
    # on hold, or in conference
    (CallState.CONNECTED, messages.Bye): beside.leave,
    (CallState.CONNECTED, messages.Cancel): beside.leave,
    (CallState.CONNECTED, messages.Ack): talking.hear_candidates,
    (CallState.CONNECTED, messages.Update): talking.hear_candidates,
    (CallState.CONNECTED, messages.Updated): talking.hear_candidates,
    (CallState.CONNECTED, messages.Refer): transfer.stay,
    (CallState.CONNECTED, GaveUp): beside.lose,
    (CallState.CONNECTED, events.MediaLost): beside.lose,
    (CallState.CONNECTED, Contradicted): beside.lose_trust,
}

# The same for a call that the handset has left, because the two others shall be connected.
PARTING: dict[type, LegHandler] = {
    messages.Bye: transfer.let_go,
    messages.Cancel: transfer.let_go,
    messages.ReferRefused: transfer.take_back,
    messages.Refer: transfer.stay,
    GaveUp: transfer.give_up,
    TimerExpired: transfer.give_up,
    events.MediaLost: transfer.give_up,
    Contradicted: transfer.give_up,
}


class Call:
    """The calls of this telephone; a Core. `ignored` counts pairs that are not in the table."""

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
        country: str = "DE",
        packet_ms: int = PACKET_MS_USUAL,
        keys_sound: bool = False,
    ) -> None:
        """`keys_sound`: the keys are heard by the microphone, as those of an analog telephone."""
        self.ignored: Counter[tuple[CallState, str]] = Counter()
        self._transactions = Transactions(identity, random_bytes)
        self._transactions.own_number = own_number
        self._line = Line(
            self._transactions,
            codecs=codecs,
            names=names,
            pins=pins,
            own_certificate=own_certificate,
            plan=plan_of(country),
            packet_ms=packet_ms,
            keys_sound=keys_sound,
        )
        self._errands = Errands(self._line)
        self._deliveries = Deliveries(self._line)
        self._shown = self.view
        self._wishes = self._line.wishes.kept()

    @property
    def view(self) -> CallView:
        """What is shown of the call at present."""
        return self._line.view

    def calls(self) -> list[CallView]:
        """Every call that is not over, the front one first."""
        return [leg.view for leg in self._line.legs() if leg.number]

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
        if isinstance(fact, events.KeyPressed) and fact.key == RECALL_KEY:
            fact = events.HookFlashed()
        if isinstance(fact, events.DatagramReceived):
            heard = self._transactions.receive(fact, now_s)
            if heard is not None:
                self._hear(heard, now_s)
        elif isinstance(fact, events.EndpointRefused):
            self._transactions.skip(fact.endpoint)
        elif isinstance(fact, events.CallOffered):
            return [events.OfferEnded(fact.call)]  # the others have heard of it before
        elif isinstance(fact, events.MediaLost):
            self._step_of(self._line.leg_named(fact.call), fact, now_s)
        else:
            self._errands.handle(fact, now_s)
            self._deliveries.handle(fact, now_s)
            self._step(fact, now_s)
        return self._flush(now_s)

    def on_time(self, now_s: float) -> list[Message]:
        """Repeat, give up, and leave a state that has lasted too long."""
        for gave_up in self._transactions.on_time(now_s):
            self._errands.end(gave_up.session, now_s)
            self._deliveries.give_up(gave_up.session, now_s)
            self._step_of(self._line.leg_of(gave_up.session), gave_up, now_s)
        self._deliveries.on_time(now_s)
        if self._line.choice_s is not None and now_s >= self._line.choice_s:
            recall.choose_nothing(self._line, now_s)
        for leg in self._line.all_legs():
            if leg.timer_s is not None and now_s >= leg.timer_s:
                leg.timer_s = None
                self._step_of(leg, TimerExpired(), now_s)
        return self._flush(now_s)

    def deadline_s(self) -> float | None:
        """The end of the state, or the next retransmission."""
        timers = (leg.timer_s for leg in self._line.all_legs())
        others = self._line.choice_s, completion.deadline_s(self._line)
        parts = self._transactions.deadline_s(), self._deliveries.deadline_s()
        deadlines = (*timers, *others, *parts)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _hear(self, heard: Heard, now_s: float) -> None:
        if isinstance(heard.signal, messages.Invite):
            incoming.hear_invite(self._line, heard, now_s)
        else:
            if isinstance(heard.signal, messages.Refusal):
                self._errands.end(heard.session, now_s, heard.signal)
            self._deliveries.hear(heard.session, heard.signal, now_s)
            self._step_of(self._line.leg_of(heard.session), heard.signal, now_s)

    def _step_of(self, leg: Leg | None, fact: object, now_s: float) -> None:
        """What happens to one call, if it is not over."""
        if leg is None:
            return
        if leg is self._line.front:
            self._step(fact, now_s)
            return
        is_parting = leg in self._line.parting
        table = PARTING.get(type(fact)) if is_parting else None
        handler = table or BESIDE.get((leg.view.state, type(fact)))
        if handler is None:
            self.ignored[leg.view.state, type(fact).__name__] += 1
        else:
            handler(self._line, leg, fact, now_s)

    def _step(self, fact: object, now_s: float) -> None:
        handler = IN_ANY_STATE.get(type(fact)) or NEXT.get((self.view.state, type(fact)))
        if handler is None:
            self.ignored[self.view.state, type(fact).__name__] += 1
            return
        handler(self._line, fact, now_s)
        transfer.return_if_lost(self._line, now_s)

    def _flush(self, now_s: float) -> list[Message]:
        completion.watch(self._line, now_s)
        self._errands.begin_wanted()
        out = [*self._line.messages_to_send(), *self._transactions.datagrams_to_send()]
        if self.view != self._shown:
            self._shown = self.view
            out.append(events.CallChanged(self.view))
        if (wishes := self._line.wishes.kept()) != self._wishes:
            self._wishes = wishes
            out.append(services.WishesChanged(wishes))
        return out
