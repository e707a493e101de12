"""Screening: a stranger is asked for a name by the box, and is heard before anybody talks with it.

The box answers by itself, nothing rings, and no address of ours is told. When the name was said the
bell sounds, while the caller hears ringback (its own box makes it); who lifts hears the name and
decides. What is asked and heard is a service's (firmware/features/name_first.py).
Every public function is a row of a table in machine.py. Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.callee_session import CalleeSession
from firmware.call.callers import common_codec
from firmware.call.dialling import begin
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.talking import hear_candidates
from firmware.events.strangers import AcceptCall, AskName, DismissCall, RingForName
from firmware.model import CallState, CallView, EndReason, Screening

ASK_S_MAX = 20.0  # for the question and the name
RING_S = 30.0
DECIDE_S = 40.0


def ask_name(line: Line, command: AskName, now_s: float) -> None:
    """Answer an offered call by the box; who waits for a line or meets a busy one is refused."""
    caller, leg = line.offers.pop(command.call, (None, None))
    if caller is None or leg is None or caller.session.is_over:
        return
    invite, session = caller.session.invite, caller.session
    if invite.completion is not None:
        line.transactions.respond(session, messages.Decline(), now_s)
        return
    if not line.is_free:
        line.transactions.respond(session, messages.Busy(), now_s)
        ended = events.CallEnded(caller.number, True, EndReason.BUSY, 0.0, leg.call)
        line.out.append(ended)
        return
    codec = common_codec(caller, line.codecs)
    assert codec is not None
    leg.disclosure.relayed_only = invite.relayed_only
    session.screening = Screening.ASKED
    answer = messages.Answered(codec, screening=Screening.ASKED, packet_ms=line.packet_ms)
    line.transactions.respond(session, answer, now_s)
    if session.is_over:
        return  # no response could be sealed
    leg.session, leg.number = session, caller.number
    line.front = leg
    leg.view = replace(leg.view, connected_s=now_s, is_by_box=True, screening=Screening.ASKED)
    line.enter(leg, CallState.CONNECTED, now_s + ASK_S_MAX)
    line.prepare_media(leg, codec, invite.packet_ms, now_s)
    line.out.append(events.StartMedia(leg.call))


def ring(line: Line, command: RingForName, now_s: float) -> None:
    """The name was said: the bell sounds, and the caller hears ringback."""
    leg = line.front
    if leg.call != command.call or leg.view.screening is not Screening.ASKED:
        return
    _tell(leg, Screening.RINGS, now_s)
    leg.was_answered = True
    leg.view = replace(leg.view, connected_s=None, is_by_box=False, screening=Screening.RINGS)
    line.ring(leg)
    line.enter(leg, CallState.RINGING, now_s + RING_S)


def hear_name(line: Line, leg: Leg, now_s: float) -> None:
    """Somebody has lifted: it hears the name first; the caller still hears ringback."""
    if leg.rings:
        leg.rings = False
        line.out.append(events.StopRinging())
    _tell(leg, Screening.RINGS, now_s)
    leg.was_answered = False
    line.out.append(events.SpeakWith(()))
    line.open_earpiece()
    leg.view = replace(leg.view, connected_s=now_s, is_by_box=False, screening=Screening.HEARD)
    line.enter(leg, CallState.CONNECTED, now_s + DECIDE_S)


def accept(line: Line, command: AcceptCall, now_s: float) -> None:
    """From now on it is a call like any other."""
    leg = line.front
    if leg.call != command.call or leg.view.screening is not Screening.HEARD:
        return
    assert isinstance(leg.session, CalleeSession)
    leg.session.own_candidates = leg.disclosure.to_all()
    leg.view = replace(leg.view, screening=None)
    leg.session.screening = None
    leg.session.attend(now_s)
    hear_candidates(line, leg, leg.session.invite, now_s)
    line.talk(now_s)


def dismiss(line: Line, command: DismissCall, now_s: float) -> None:
    """Not wanted, or it has said nothing."""
    if line.front.call == command.call and line.front.view.screening is not None:
        _end(line, EndReason.MISSED if command.is_missed else EndReason.DECLINED, now_s)


def tire(line: Line, _fact: object, now_s: float) -> None:
    """Nobody has decided."""
    if line.front.view.screening is not None:
        _end(line, EndReason.MISSED, now_s)


def _end(line: Line, reason: EndReason, now_s: float) -> None:
    leg = line.front
    assert leg.session is not None
    is_lifted = leg.view.screening is Screening.HEARD
    if leg.rings:
        leg.rings = False
        line.out.append(events.StopRinging())
    leg.session.hang_up(now_s)
    leg.view = replace(leg.view, connected_s=None)
    line.finish(leg, reason, now_s)
    if is_lifted:
        begin(line, now_s)
    else:
        line.front = line.new_leg()
        line.front.view = CallView(reason=reason, call=line.front.call)


def _tell(leg: Leg, screening: Screening, now_s: float) -> None:
    """The caller's box learns how far we are."""
    assert leg.session is not None
    if leg.session.screening is not screening:
        leg.session.screening = screening
        leg.session.update(now_s)
