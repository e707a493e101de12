"""Calls that were answered, and how any call ends; the same for caller and callee.

Every public function is a row of a table in machine.py, which says in which state it is called.
Units: `_s` monotonic seconds. Source: RFC 3261 section 15 (BYE), RFC 3311 (UPDATE).
"""

from __future__ import annotations

from firmware import events
from firmware.call import messages
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.model import (
    LOUDER_KEY,
    MUTE_KEY,
    RECALL_KEY,
    SOFTER_KEY,
    CallState,
    CallView,
    EndReason,
)

HANG_UP_KEY = "*"  # of an intercom call, while the handset is down


def hear_candidates(line: Line, leg: Leg, signal: messages.WithCandidates, _now_s: float) -> None:
    """The peer may be reached there, directly or through its exchanges."""
    if leg.session is not None:
        key = leg.session.certificate.public_key
        if places := leg.disclosure.places(signal.candidates, key):
            line.out.append(events.ProbePeer(places, leg.call))


def hear_news(line: Line, signal: messages.WithCandidates, now_s: float) -> None:
    """The peer of the front call has told where it is."""
    hear_candidates(line, line.front, signal, now_s)


def press(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """A key is for the peer, who may be a machine."""
    if line.front.view.screening is not None:
        return  # what its keys mean the service knows that asks for the name
    if line.is_hands_free and fact.key == HANG_UP_KEY:
        line.hang_up_and_fail(EndReason.HUNG_UP, now_s)
    elif fact.key == MUTE_KEY:
        line.is_muted = not line.is_muted
    elif fact.key not in (LOUDER_KEY, SOFTER_KEY, RECALL_KEY):
        line.out.append(events.SendKey(fact.key))


def lose_peer(line: Line, _signal: messages.Signal, now_s: float) -> None:
    """The peer hung up; the handset is still lifted."""
    line.fail(EndReason.HUNG_UP_BY_PEER, now_s)


def lose_connection(line: Line, _fact: object, now_s: float) -> None:
    """Nothing more is heard of the peer."""
    line.hang_up_and_fail(EndReason.CONNECTION_LOST, now_s)


def lose_trust(line: Line, _signal: object, now_s: float) -> None:
    """The peer contradicts itself: somebody may sit between us. Its session has said BYE."""
    line.fail(EndReason.NOT_SECURE, now_s)


def replace_handset(line: Line, _fact: events.HookReplaced, now_s: float) -> None:
    """IDLE at once; what the peers must still be told, their sessions tell by themselves.

    All calls end but that of somebody who waits: for it the bell sounds.
    """
    leg = line.front
    line.choice_s, line.is_muted, line.is_hands_free = None, False, False
    for other in [other for other in line.beside if other.is_talking]:
        line.hang_up(other, now_s)
    if leg.session is not None:
        leg.session.hang_up(now_s)
    reason = EndReason.HUNG_UP if leg.number else leg.view.reason
    line.finish(leg, EndReason.HUNG_UP, now_s)
    line.close_earpiece()
    leg.view = CallView(reason=reason, call=leg.call)
    _ring_for_waiting(line)


def _ring_for_waiting(line: Line) -> None:
    """The handset is down again: who waited in the ear rings the bell."""
    leg = next((leg for leg in line.beside if leg.view.state is CallState.RINGING), None)
    if leg is not None:
        line.beside.remove(leg)
        line.front = leg
        line.ring(leg)
