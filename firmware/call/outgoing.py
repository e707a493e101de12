"""The caller's side: what a number, the directory and the callee's responses do.

Every public function is a row of the table in machine.py, which says in which state it is called.
Units: `_s` monotonic seconds. Source: RFC 3261 section 13 (INVITE).
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.caller_session import CallerSession
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.refusals import REFUSED
from firmware.call.talking import hear_candidates
from firmware.errors import MalformedError
from firmware.identity import Certificate
from firmware.model import CallState, Endpoint, EndReason, Wish
from firmware.number import is_valid

LOOKUP_S_MAX = 30.0  # the directory gives up earlier; this is for when it never answers
RING_CALLER_S = 60.0
RING_TRANSFERRED_S = 30.0  # then back to who has put us through
DIVERSIONS_MAX = 3  # of one call


def call(line: Line, dialled: str, now_s: float) -> None:
    """A number is complete: look for it."""
    is_relayed, digits = line.plan.split(dialled)
    is_relayed = is_relayed or line.relays_always
    if line.own_certificate is None:
        line.fail(EndReason.NOT_READY, now_s)
    elif digits == line.transactions.own_number:
        line.fail(EndReason.BUSY, now_s)  # we are on it
    else:
        line.front.number, line.front.disclosure.relayed_only = digits, is_relayed
        line.out.append(events.ResolveNumber(digits))
        line.enter(line.front, CallState.CALLING, now_s + LOOKUP_S_MAX)


def invite(line: Line, fact: events.NumberResolved, now_s: float) -> None:
    """The callee was found: seal an INVITE to it, unless its key has changed.

    It may be found again, elsewhere, while the INVITE is on its way.
    """
    leg = line.front
    if fact.number != leg.number:
        return
    endpoints = leg.disclosure.usable(fact.endpoints)
    if leg.demand is not None:
        return  # it is being worked for: work.py calls again, where the callee was reached
    if isinstance(leg.session, CallerSession):
        leg.session.learn(fact.certificate, endpoints)
        return
    line.wishes.withdraw(leg.number)
    send_invite(line, leg, fact.certificate, endpoints, now_s)


def send_invite(
    line: Line, leg: Leg, certificate: bytes, endpoints: tuple[Endpoint, ...], now_s: float
) -> None:
    """Seal an INVITE to who has this certificate, and go through its places."""
    assert line.own_certificate is not None
    utc_s = line.transactions.freshness.utc_s(now_s)
    request = messages.Invite(
        *(leg.number, line.own_certificate, line.codecs, utc_s),
        candidates=leg.disclosure.in_invite(is_contact=line.is_contact(leg.number)),
        relayed_only=leg.disclosure.relayed_only,
        is_anonymous=leg.disclosure.relayed_only,
        via=leg.via,
        referral=leg.referral,
        is_returned=leg.is_return,
        stamp=leg.stamp,
        packet_ms=line.packet_ms,
    )
    try:
        callee = Certificate.decode(certificate)
        if line.pins.contradict(leg.number, callee.public_key):
            line.fail(EndReason.NUMBER_CHANGED, now_s)
            return
        if not endpoints:
            raise MalformedError("a number without an endpoint that we may use")
        leg.session = line.transactions.invite(callee, endpoints, request, now_s)
    except MalformedError:
        line.fail(EndReason.UNREACHABLE, now_s)
        return
    leg.session.own_candidates = leg.disclosure.to_all()
    leg.view = line.named(leg.view, leg.number, callee)
    leg.timer_s = None  # from here on the session knows when to give up


def miss_number(line: Line, fact: events.NumberUnresolved, now_s: float) -> None:
    """Nobody proved the number, or two did."""
    session = line.front.session
    if fact.number == line.front.number and (session is None or session.channel is None):
        if session is not None:
            session.end(now_s)  # nobody was where the callee used to be
        reason = EndReason.OFFLINE if fact.offline else EndReason.UNREACHABLE
        if fact.conflict:
            reason = EndReason.NUMBER_CHANGED
        line.fail(reason, now_s)


def hear_ringback(line: Line, signal: messages.Ringing, now_s: float) -> None:
    """The callee's box says, sealed by its key, that its bell sounds."""
    if line.prepare_media(line.front, signal.codec, signal.packet_ms, now_s):
        hear_candidates(line, line.front, signal, now_s)
        rings_s = RING_TRANSFERRED_S if line.front.returns_to else RING_CALLER_S
        line.enter(line.front, CallState.RINGBACK, now_s + rings_s)


def hear_answer(line: Line, signal: messages.Answered, now_s: float) -> None:
    """The callee has lifted; RINGING may have been lost or overtaken."""
    chosen = signal.codec, signal.packet_ms
    if line.front.is_prepared or line.prepare_media(line.front, *chosen, now_s):
        hear_candidates(line, line.front, signal, now_s)
        line.talk(now_s)


def hear_refusal(line: Line, signal: messages.Refusal, now_s: float) -> None:
    """A final response that refuses the call; who is busy can be waited for."""
    line.fail(REFUSED[type(signal)], now_s)
    if isinstance(signal, messages.Busy) and line.front.view.state is CallState.BUSY:
        line.front.view = replace(line.front.view, wish=Wish.OFFERED)


def follow_diversion(line: Line, signal: messages.Moved, now_s: float) -> None:
    """The callee wants its calls elsewhere: that number is called, and shown, instead.

    At most DIVERSIONS_MAX times, so that numbers which divert to each other end in a tone.
    """
    before = line.front
    count = before.diversions + 1
    is_own = signal.number == line.transactions.own_number
    if count > DIVERSIONS_MAX or is_own or not is_valid(signal.number):
        line.fail(EndReason.UNREACHABLE, now_s)
        return
    leg = line.new_leg()
    leg.diversions, leg.via = count, before.number
    leg.consults, leg.returns_to = before.consults, before.returns_to
    leg.number, leg.disclosure.relayed_only = signal.number, before.disclosure.relayed_only
    via = before.view.peer_name or before.number
    leg.view = replace(leg.view, digits=signal.number, via=via)
    line.drop(before)
    line.front = leg
    line.out.append(events.ResolveNumber(signal.number))
    line.enter(leg, CallState.CALLING, now_s + LOOKUP_S_MAX)


def find_nobody(line: Line, _fact: object, now_s: float) -> None:
    """Neither the directory nor the callee's box said anything in time."""
    if line.front.session is not None:
        line.front.session.end(now_s)
    line.fail(EndReason.UNREACHABLE, now_s)


def stop_waiting(line: Line, _fact: object, now_s: float) -> None:
    """It rang for RING_CALLER_S at the other end."""
    line.hang_up_and_fail(EndReason.NO_ANSWER, now_s)
