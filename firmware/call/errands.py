"""Errands: tells a box that was away that we have called it, beside the calls of the handset.

An errand is an INVITE that rings nothing: it says when the call was missed, and is answered by 202.
Knows neither when to try again nor what was kept; firmware/features/slips.py does.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

from firmware import events
from firmware.call import messages
from firmware.call.callers import Proved
from firmware.call.line import Line
from firmware.call.session import CallerSession, Session
from firmware.errors import MalformedError
from firmware.feature_events import CallMissed, MissedTold, TellMissed
from firmware.identity import Certificate

ERRANDS_MAX = 4  # at the same time


class Errands:
    """Those that are on their way, by the number they go to."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._missed: dict[str, int] = {}  # when, utc_s
        self._sessions: dict[str, CallerSession] = {}

    def handle(self, fact: object, now_s: float) -> None:
        """Begin, go, or give up; what is not about an errand is nothing."""
        match fact:
            case TellMissed(number=number, utc_s=utc_s):
                self._begin(number, utc_s)
            case events.NumberResolved(number=number) if number in self._missed:
                self._go(fact, now_s)
            case events.NumberUnresolved(number=number) if number in self._missed:
                session = self._sessions.get(number)
                if session is None or session.channel is None:
                    self._end(number, now_s, is_told=False)

    def end(self, session: Session, now_s: float, *, is_told: bool) -> None:
        """The callee has answered, or nobody has."""
        for number, one in list(self._sessions.items()):
            if one is session:
                self._end(number, now_s, is_told=is_told)

    def _begin(self, number: str, utc_s: int) -> None:
        if self._line.own_certificate is None or len(self._missed) >= ERRANDS_MAX:
            self._line.out.append(MissedTold(number, is_told=False))
            return
        self._missed[number] = utc_s
        self._line.out.append(events.ResolveNumber(number))

    def _go(self, fact: events.NumberResolved, now_s: float) -> None:
        line, number = self._line, fact.number
        disclosure = line.new_disclosure()
        disclosure.relayed_only = line.relays_always
        endpoints = disclosure.usable(fact.endpoints)
        if number in self._sessions:
            self._sessions[number].learn(fact.certificate, endpoints)
            return
        assert line.own_certificate is not None
        utc_s = line.transactions.freshness.utc_s(now_s)
        own = (line.own_certificate, (), utc_s)
        invite = messages.Invite(number, *own, missed_utc_s=self._missed[number])
        try:
            callee = Certificate.decode(fact.certificate)
            if not endpoints or line.pins.contradict(number, callee.public_key):
                raise MalformedError("nobody there whom we called")
            self._sessions[number] = line.transactions.invite(callee, endpoints, invite, now_s)
        except MalformedError:
            self._end(number, now_s, is_told=False)

    def _end(self, number: str, now_s: float, *, is_told: bool) -> None:
        self._missed.pop(number, None)
        session = self._sessions.pop(number, None)
        if session is not None:
            session.end(now_s)
        self._line.out.append(MissedTold(number, is_told=is_told))


def note(line: Line, caller: Proved, now_s: float) -> None:
    """Somebody tells us of a call that we have missed: nothing rings."""
    missed_utc_s = caller.session.invite.missed_utc_s
    assert missed_utc_s is not None
    if line.pins.contradict(caller.number, caller.session.certificate.public_key):
        line.transactions.respond(caller.session, messages.Decline(), now_s)
        return
    line.transactions.respond(caller.session, messages.Noted(), now_s)
    line.out.append(CallMissed(caller.number, missed_utc_s))
