"""The callee's side: who calls, whether it may ring, and how it is answered or refused.

Every public function is a row of a table in machine.py, which says in which state it is called.
Between proof and bell everybody who has a say is asked once: CallOffered, events/call.py.
Units: `_s` monotonic seconds. Source: RFC 3261 sections 9 and 13 (CANCEL, INVITE).
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call import completion, messages, screening, transfer, work
from firmware.call.callee_session import CalleeSession
from firmware.call.callers import Proved, common_codec, refusal
from firmware.call.errands import note
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.refusals import RESPONSES
from firmware.call.session import Contradicted
from firmware.call.talking import hear_candidates
from firmware.call.transaction import Heard
from firmware.events.services import AnswerByBox, HangUpByBox
from firmware.events.strangers import StampSearched
from firmware.model import CallState, EndReason, Screening, Wish
from firmware.number import is_valid

ANNOUNCE_S = 2.0  # of the bell, before an intercom call opens the microphone
RING_CALLEE_S = 70.0  # beyond the caller's, so that normally its CANCEL ends the ringing
REJECT_KEY = "*"  # while it rings: silence the bell, tell the caller


def hear_invite(line: Line, heard: Heard, now_s: float) -> None:
    """Somebody calls; who it is, a hash will prove, if it has not done so before."""
    assert isinstance(heard.session, CalleeSession)
    proved = line.callers.recognise(heard.session)
    if proved is not None:
        _offer(line, proved, now_s)
    elif line.callers.may_ask(heard.session, line.pins, now_s):
        line.out.append(line.callers.question(heard.session))
    else:
        line.transactions.respond(heard.session, messages.TryLater(), now_s)


def prove_callers(line: Line, fact: events.Argon2Computed, now_s: float) -> None:
    """A hash has come: offer the caller it proves, or refuse."""
    for caller in line.callers.answer(fact, now_s):
        _offer(line, caller, now_s)


def hear_hashes(line: Line, fact: StampSearched, now_s: float) -> None:
    """Of a caller's stamp, or of our own work for one."""
    for caller in work.weigh(line, fact):
        _offer(line, caller, now_s)
    work.go_on(line, fact, now_s)


def end_offer(line: Line, fact: events.OfferEnded, now_s: float) -> None:
    """Nobody had anything to say about this caller."""
    _admit(line, fact.call, now_s)


def admit(line: Line, fact: events.AdmitCall, now_s: float) -> None:
    """Somebody wants it to ring."""
    _admit(line, fact.call, now_s)


def silence(line: Line, fact: events.SilenceCall, now_s: float) -> None:
    """It is shown, and rings for the caller only."""
    _admit(line, fact.call, now_s, is_silent=True)


def answer_by_itself(line: Line, fact: events.AnswerCall, now_s: float) -> None:
    """The bell announces it for ANNOUNCE_S; then it is answered, though nobody lifts."""
    _admit(line, fact.call, now_s)
    leg = line.leg_named(fact.call)
    if leg is line.front and leg.rings:
        leg.answers_itself = True
        leg.timer_s = now_s + ANNOUNCE_S


def refuse(line: Line, fact: events.RefuseCall, now_s: float) -> None:
    """Somebody wants it to end before it is answered."""
    response = RESPONSES.get(fact.reason, messages.Decline())
    _turn_away(line, fact.call, response, fact.reason, now_s)


def divert(line: Line, fact: events.DivertCall, now_s: float) -> None:
    """The caller is told another number; whether to call it is the caller's affair."""
    if is_valid(fact.to) and fact.to != line.transactions.own_number:
        _turn_away(line, fact.call, messages.Moved(fact.to), EndReason.DIVERTED, now_s)


def answer(line: Line, _fact: events.HookLifted, now_s: float) -> None:
    """The handset was lifted while the bell sounds."""
    leg = line.front
    if leg.view.wish is Wish.FREE:
        completion.call_back(line, now_s)
        return
    if leg.was_answered:
        go_on = transfer.go_on if leg.view.screening is None else screening.hear_name
        go_on(line, leg, now_s)
        return
    _attend(leg, now_s)
    _accept(line, leg, now_s)
    if leg.rings:
        leg.rings = False
        line.out.append(events.StopRinging())
    line.open_earpiece()
    line.talk(now_s)


def answer_by_box(line: Line, command: AnswerByBox, now_s: float) -> None:
    """The answering machine lifts: no microphone, no earpiece, and it pins nobody."""
    leg = line.front
    if leg.call != command.call or leg.session is None or leg.was_answered:
        return
    _accept(line, leg, now_s)
    if leg.rings:
        leg.rings = False
        line.out.append(events.StopRinging())
    line.out.append(events.StartMedia(leg.call))
    leg.view = replace(leg.view, connected_s=now_s, is_by_box=True)
    line.enter(leg, CallState.CONNECTED)


def take_over(line: Line, _fact: events.HookLifted, now_s: float) -> None:
    """Somebody lifts while the box talks by itself: from now on it is a call like any other."""
    line.is_hands_free = False
    if line.front.view.screening is Screening.ASKED:
        screening.hear_name(line, line.front, now_s)
    elif line.front.view.is_by_box:
        line.front.view = replace(line.front.view, is_by_box=False)
        line.open_earpiece()
        _attend(line.front, now_s)
        line.talk(now_s)


def hang_up_by_box(line: Line, command: HangUpByBox, now_s: float) -> None:
    """The answering machine has heard enough."""
    leg = line.front
    if leg.call == command.call and leg.view.is_by_box:
        line.hang_up_and_fail(EndReason.MISSED, now_s)


def answer_waiting(line: Line, leg: Leg, now_s: float) -> None:
    """Who waited is in front now, and is answered."""
    _attend(leg, now_s)
    _accept(line, leg, now_s)
    line.talk(now_s)


def reject(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """REJECT_KEY refuses the call; any other key does nothing."""
    if fact.key == REJECT_KEY and line.front.view.wish is Wish.FREE:
        completion.give_up(line)
    elif fact.key == REJECT_KEY:
        _end_ringing(line, messages.Decline(), now_s)
        _stop_ringing(line, EndReason.DECLINED, now_s)


def tire_of_ringing(line: Line, _fact: object, now_s: float) -> None:
    """RING_CALLEE_S are over, and no CANCEL has come; or intercom has been announced."""
    if line.front.answers_itself:
        line.is_hands_free = True
        answer(line, events.HookLifted(), now_s)
        return
    if line.front.view.wish is Wish.FREE:
        completion.give_up(line)
        return
    _end_ringing(line, messages.TryLater(), now_s)
    _stop_ringing(line, EndReason.MISSED, now_s)


def miss_call(line: Line, _signal: messages.Signal, now_s: float) -> None:
    """The caller gave up."""
    _stop_ringing(line, EndReason.MISSED, now_s)


def break_off(line: Line, _signal: Contradicted, now_s: float) -> None:
    """It rings for us, but was answered before; and now its caller contradicts itself."""
    _stop_ringing(line, EndReason.NOT_SECURE, now_s)


def _attend(leg: Leg, now_s: float) -> None:
    assert isinstance(leg.session, CalleeSession)
    leg.session.attend(now_s)


def _accept(line: Line, leg: Leg, now_s: float) -> None:
    assert leg.view.codec is not None and isinstance(leg.session, CalleeSession)
    candidates = leg.session.own_candidates
    answer = messages.Answered(leg.view.codec, candidates, packet_ms=line.packet_ms)
    line.respond(leg, answer, now_s)
    hear_candidates(line, leg, leg.session.invite, now_s)


def _offer(line: Line, caller: Proved, now_s: float) -> None:
    invite = caller.session.invite
    errands = (invite.missed_utc_s, invite.back_utc_s, invite.spoken)
    if any(errand is not None for errand in errands):
        note(line, caller, now_s)
        return
    if invite.completion is not None:
        completion.hear(line, caller, now_s)
        return
    if caller.zero_bits is None and work.is_looked_at(line, caller, now_s):
        return
    line.wishes.forget_asker(caller.number)
    leg = line.new_leg()
    leg.view = line.named(leg.view, caller.number, caller.session.certificate)
    leg.view = replace(leg.view, incoming=True, via=caller.session.invite.via)
    is_referred = transfer.introduce(line, caller, leg, now_s)
    refused = refusal(caller, line.pins, line.codecs)
    if refused is not None:
        line.transactions.respond(caller.session, refused.response, now_s)
        _log_refused(line, caller, leg.call, refused.reason)
        if line.is_free:
            line.front.view = replace(leg.view, reason=refused.reason)
        return
    line.offers[leg.call] = caller, leg
    line.out.append(
        events.CallOffered(
            leg.call,
            caller.number,
            leg.view.peer_name,
            is_contact=line.is_contact(caller.number),
            is_anonymous=caller.session.invite.is_anonymous,
            is_waiting=not line.is_free,
            is_referred=is_referred,
            zero_bits=caller.zero_bits or 0,
        )
    )


def _admit(line: Line, call: int, now_s: float, *, is_silent: bool = False) -> None:
    """Let the call ring, if it is still only offered."""
    caller, leg = line.offers.pop(call, (None, None))
    if caller is None or leg is None or caller.session.is_over:
        return
    if caller.session.invite.completion is not None:
        completion.grant(line, caller, now_s)
        return
    if leg.replaces is not None:
        transfer.take_place(line, caller, leg, now_s)
        return
    codec = common_codec(caller, line.codecs)
    assert codec is not None
    if not (line.is_free or line.may_wait):  # and nobody has sent the caller elsewhere
        line.transactions.respond(caller.session, messages.Busy(), now_s)
        _log_refused(line, caller, call, EndReason.BUSY)
        return
    invite = caller.session.invite
    is_contact = line.is_contact(caller.number)
    leg.disclosure.relayed_only, leg.disclosure.is_callee = invite.relayed_only, True
    candidates = leg.disclosure.in_ringing(is_contact=is_contact)
    ringing = messages.Ringing(codec, candidates, line.packet_ms)
    line.transactions.respond(caller.session, ringing, now_s)
    if caller.session.is_over:
        return  # no response could be sealed
    leg.session, leg.number = caller.session, caller.number
    caller.session.own_candidates = leg.disclosure.to_all()
    if line.is_free:
        line.front = leg
        leg.rings = not is_silent
    else:
        line.beside.append(leg)
    if leg.rings:
        line.ring(leg)
    line.enter(leg, CallState.RINGING, now_s + RING_CALLEE_S)
    line.prepare_media(leg, codec, invite.packet_ms, now_s)
    if is_contact:
        hear_candidates(line, leg, invite, now_s)


def _turn_away(
    line: Line, call: int, response: messages.Refusal, reason: EndReason, now_s: float
) -> None:
    """End an offer, or a call that rings; nothing if it is neither any more."""
    caller, _ = line.offers.pop(call, (None, None))
    if caller is not None:
        line.transactions.respond(caller.session, response, now_s)
        if caller.session.invite.completion is None:
            _log_refused(line, caller, call, reason)
        return
    leg = line.leg_named(call)
    if leg is None or leg.session is None or leg.view.state is not CallState.RINGING:
        return
    if leg.was_answered and isinstance(response, messages.Moved):
        return  # too late: it cannot be sent elsewhere any more
    if leg is line.front:
        _end_ringing(line, response, now_s)
        _stop_ringing(line, reason, now_s)
    else:
        line.respond(leg, response, now_s)
        line.forget(leg, reason, now_s)


def _log_refused(line: Line, caller: Proved, call: int, reason: EndReason) -> None:
    line.out.append(events.CallEnded(caller.number, True, reason, 0.0, call))


def _end_ringing(line: Line, response: messages.Refusal, now_s: float) -> None:
    """The caller is told; a call that was answered before ends like any call."""
    leg = line.front
    if leg.was_answered and leg.session is not None:
        leg.was_answered = False
        leg.session.hang_up(now_s)
    else:
        line.respond(leg, response, now_s)


def _stop_ringing(line: Line, reason: EndReason, now_s: float) -> None:
    leg = line.front
    if leg.rings:
        leg.rings = False
        line.out.append(events.StopRinging())
    line.finish(leg, reason, now_s)
    line.show_end(leg, CallState.IDLE, reason)  # whose call it was stays in sight
