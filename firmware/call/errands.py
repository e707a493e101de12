"""Errands: tells another box something without ringing, beside the calls of the handset.

An errand is an INVITE that rings nothing and is answered by 202. It says when we have called in
vain, that we wait for a busy line, or that ours is free. Knows neither when to try again nor what
was kept; firmware/features/slips.py and completion.py do.
Units: `_s` monotonic seconds, `utc_s` Unix time.
"""

from __future__ import annotations

from firmware import events
from firmware.call import completion, messages
from firmware.call.caller_session import CallerSession
from firmware.call.callers import Proved
from firmware.call.line import Line
from firmware.call.session import Session
from firmware.call.wishes import Errand
from firmware.errors import MalformedError
from firmware.events.messages import MessageCame
from firmware.events.services import (
    MissedTold,
    PeerReturned,
    SlipCame,
    SlipNoted,
    SlipOutcome,
    TellBack,
    TellMissed,
)
from firmware.identity import Certificate

ERRANDS_MAX = 4  # at the same time

Key = tuple[str, str]  # one errand of a kind to one number
_RESPONSES: dict[SlipOutcome, messages.Refusal] = {
    SlipOutcome.KEPT: messages.Noted(),
    SlipOutcome.REFUSED: messages.Decline(),
    SlipOutcome.LATER: messages.TryLater(),
}


class Errands:
    """Those that are on their way."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted: dict[Key, Errand] = {}
        self._sessions: dict[Key, CallerSession] = {}

    def handle(self, fact: object, now_s: float) -> None:
        """Begin, go, or give up; what is not about an errand is nothing."""
        match fact:
            case TellMissed(number=number, utc_s=utc_s):
                self._begin(Errand(number, missed_utc_s=utc_s))
            case TellBack(number=number, utc_s=utc_s):
                self._begin(Errand(number, back_utc_s=utc_s))
            case SlipNoted():
                self._answer(fact, now_s)
            case events.NumberResolved(number=number):
                for key in self._keys_of(number):
                    self._go(key, fact, now_s)
            case events.NumberUnresolved(number=number):
                for key in self._keys_of(number):
                    session = self._sessions.get(key)
                    if session is None or session.channel is None:
                        self._end(key, now_s, is_told=False)

    def begin_wanted(self) -> None:
        """What was wished for in this step."""
        wanted, self._line.wishes.errands = self._line.wishes.errands, []
        for errand in wanted:
            self._begin(errand)

    def end(self, session: Session, now_s: float, answer: messages.Signal | None = None) -> None:
        """The callee has answered, or nobody has; who does not want to be told is told enough."""
        for key, one in list(self._sessions.items()):
            if one is session:
                is_missed = self._wanted[key].missed_utc_s is not None
                is_enough = isinstance(answer, messages.Decline) and is_missed
                self._end(key, now_s, is_told=is_enough or isinstance(answer, messages.Noted))

    def _keys_of(self, number: str) -> list[Key]:
        return [key for key in self._wanted if key[0] == number]

    def _begin(self, errand: Errand) -> None:
        if self._line.own_certificate is None or len(self._wanted) >= ERRANDS_MAX:
            self._tell(errand, is_told=False)
            return
        self._wanted[errand.number, errand.kind] = errand
        self._line.out.append(events.ResolveNumber(errand.number))

    def _go(self, key: Key, fact: events.NumberResolved, now_s: float) -> None:
        line, errand = self._line, self._wanted[key]
        disclosure = line.new_disclosure()
        disclosure.relayed_only = line.relays_always or errand.is_relayed
        endpoints = disclosure.usable(fact.endpoints)
        if key in self._sessions:
            self._sessions[key].learn(fact.certificate, endpoints)
            return
        assert line.own_certificate is not None
        utc_s = line.transactions.freshness.utc_s(now_s)
        invite = messages.Invite(
            *(errand.number, line.own_certificate, (), utc_s),
            is_anonymous=errand.is_relayed,
            missed_utc_s=errand.missed_utc_s,
            completion=errand.completion,
            back_utc_s=errand.back_utc_s,
        )
        try:
            callee = Certificate.decode(fact.certificate)
            if not endpoints or line.pins.contradict(errand.number, callee.public_key):
                raise MalformedError("nobody there whom we called")
            self._sessions[key] = line.transactions.invite(callee, endpoints, invite, now_s)
        except MalformedError:
            self._end(key, now_s, is_told=False)

    def _end(self, key: Key, now_s: float, *, is_told: bool) -> None:
        errand = self._wanted.pop(key)
        session = self._sessions.pop(key, None)
        if session is not None:
            session.end(now_s)
        self._tell(errand, is_told=is_told)

    def _tell(self, errand: Errand, *, is_told: bool) -> None:
        if errand.missed_utc_s is not None:
            self._line.out.append(MissedTold(errand.number, is_told=is_told))
        elif errand.completion is not None:
            completion.end_errand(self._line, errand, is_told=is_told)

    def _answer(self, told: SlipNoted, now_s: float) -> None:
        """What we were told of is on the card, or never will be."""
        tellers, self._line.tellers = self._line.tellers, []
        for teller in tellers:
            if (teller.number, teller.session.invite.missed_utc_s) != (told.number, told.utc_s):
                self._line.tellers.append(teller)
            elif not teller.session.is_over:
                self._line.transactions.respond(teller.session, _RESPONSES[told.outcome], now_s)


def note(line: Line, caller: Proved, now_s: float) -> None:
    """Somebody tells us of a call that we have missed, or that it is back, or has a message.

    Nothing rings. Answered by SlipNoted, at once, or by MessageAnswered.
    """
    invite = caller.session.invite
    if line.pins.contradict(caller.number, caller.session.certificate.public_key):
        line.transactions.respond(caller.session, messages.Decline(), now_s)
    elif invite.missed_utc_s is not None:
        line.tellers = [one for one in line.tellers if not one.session.is_over]
        line.tellers.append(caller)
        line.out.append(SlipCame(caller.number, invite.missed_utc_s))
    elif invite.back_utc_s is not None:
        line.transactions.respond(caller.session, messages.Noted(), now_s)
        line.out.append(PeerReturned(caller.number, invite.back_utc_s))
    elif invite.spoken is not None:
        line.depositors = [one for one in line.depositors if not one.session.is_over]
        line.depositors.append(caller)
        line.out.append(MessageCame(caller.number, *invite.spoken))
