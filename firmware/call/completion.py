"""Completion: the busy tone offers that the call comes about by itself when the line is free.

The caller's box asks the callee's, without ringing; that one tells it once, when its handset has
been down for a moment; the caller's bell sounds, and who lifts is calling already.
Units: `_s` monotonic seconds. Source: ETSI ETS 300 357 (CCBS: idle guard and recall timers).
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.callers import Proved
from firmware.call.dialling import begin
from firmware.call.line import Line
from firmware.call.messages import Completion
from firmware.call.outgoing import call
from firmware.call.wishes import Errand, Free
from firmware.events.services import RestoreWishes
from firmware.model import CallState, CallView, Wish

ASK_KEY = "5"  # with the busy tone
REST_S = 3.0  # the handset is down for so long before anybody is told: its owner may lift again
TURN_S = 25.0  # for whom it was told to, before the next is
RECALL_S = 20.0  # of the bell


def ask(line: Line, fact: events.KeyPressed, now_s: float) -> None:
    """ASK_KEY asks the callee's box to tell us when it is free; other keys do nothing."""
    view, is_relayed = line.front.view, line.front.disclosure.relayed_only
    if fact.key != ASK_KEY or view.wish is not Wish.OFFERED:
        return
    has_room = line.wishes.ask(view.peer_number, now_s, is_relayed=is_relayed)
    line.front.view = replace(view, wish=Wish.ASKED if has_room else Wish.DENIED)
    if has_room:
        errand = Errand(view.peer_number, completion=Completion.ASK, is_relayed=is_relayed)
        line.wishes.errands.append(errand)


def end_errand(line: Line, errand: Errand, *, is_told: bool) -> None:
    """The other box has noted what we said, or has not."""
    if errand.completion is not Completion.ASK:
        return
    if not is_told:
        line.wishes.withdraw(errand.number)
    view = line.front.view
    if view.wish is Wish.ASKED and view.peer_number == errand.number:
        line.front.view = replace(view, wish=Wish.GRANTED if is_told else Wish.DENIED)


def hear(line: Line, caller: Proved, now_s: float) -> None:
    """Somebody whose number is proved waits for us, or tells what we wait for: nothing rings yet.

    Only who could ring may wait, so everybody who has a say about callers is asked. Nobody may
    tell us what we have not asked for, nor tell it twice.
    """
    certificate = caller.session.certificate
    if line.pins.contradict(caller.number, certificate.public_key):
        line.transactions.respond(caller.session, messages.Decline(), now_s)
    elif caller.session.invite.completion is Completion.FREE:
        is_asked = line.wishes.hear_free(caller.number, certificate, now_s)
        response = messages.Noted() if is_asked else messages.Decline()
        line.transactions.respond(caller.session, response, now_s)
    else:
        leg = line.new_leg()
        name = line.names.get(caller.number) or certificate.name
        line.offers[leg.call] = caller, leg
        line.out.append(
            events.CallOffered(
                *(leg.call, caller.number, name),
                is_contact=line.is_contact(caller.number),
                is_anonymous=caller.session.invite.is_anonymous,
                is_waiting=False,
            )
        )


def grant(line: Line, caller: Proved, now_s: float) -> None:
    """Nobody has anything against this caller."""
    has_room = line.wishes.grant(caller.number, now_s)
    response = messages.Noted() if has_room else messages.TryLater()
    line.transactions.respond(caller.session, response, now_s)


def watch(line: Line, now_s: float) -> None:
    """Each time something has happened: is our line free, and who waits for that?"""
    wishes = line.wishes
    if line.is_free and wishes.free:
        _ring(line, wishes.free.pop(0), now_s)
    if not line.is_free:
        wishes.next_s = None
    elif wishes.next_s is None:
        wishes.next_s = now_s + REST_S
    elif now_s >= wishes.next_s:
        number = wishes.pop_asker(now_s)
        if number is not None:
            wishes.errands.append(Errand(number, completion=Completion.FREE))
            wishes.next_s = now_s + TURN_S


def restore(line: Line, command: RestoreWishes, now_s: float) -> None:
    """The box was switched off while somebody waited."""
    line.wishes.restore(command.wishes, now_s)


def deadline_s(line: Line) -> float | None:
    """When the next asker is told."""
    return line.wishes.next_s if line.wishes.has_askers else None


def call_back(line: Line, now_s: float) -> None:
    """The handset was lifted: the call comes about."""
    leg = line.front
    digits, is_relayed = leg.view.peer_number, leg.disclosure.relayed_only
    dialled = line.plan.relayed_prefixes[0] + digits if is_relayed else digits
    leg.rings = False
    line.out.append(events.StopRinging())
    line.open_earpiece()
    begin(line, now_s)
    line.front.view = replace(line.front.view, digits=dialled)
    call(line, dialled, now_s)


def give_up(line: Line) -> None:
    """Nobody lifts, or a key says that it is not wanted any more."""
    line.out.append(events.StopRinging())
    line.front = line.new_leg()


def _ring(line: Line, free: Free, now_s: float) -> None:
    leg = line.new_leg()
    leg.disclosure.relayed_only = free.is_relayed
    view = CallView(call=leg.call, wish=Wish.FREE)
    leg.view = line.named(view, free.number, free.certificate)
    line.front = leg
    line.ring(leg)
    line.enter(leg, CallState.RINGING, now_s + RECALL_S)
