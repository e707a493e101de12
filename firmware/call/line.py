"""The line: what each fact of a person or the peer does to the one call of this telephone.

Every public method is a row of the table in machine.py, which says in which state it is called.
Knows sealing, retransmission and the dial plan only by their results, and nothing of packets of
speech, tones or pictures. Units: `_s` monotonic seconds.
Source: RFC 3261 sections 9, 13 and 15 (CANCEL, INVITE, BYE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.callers import Callers, Proved, common_codec, refusal
from firmware.call.dialplan import (
    CLEAR_KEY,
    FIRST_DIGIT_S,
    NEXT_DIGIT_S,
    SEND_KEY,
    Verdict,
    judge,
    split,
)
from firmware.call.disclosure import Disclosure
from firmware.call.pins import PINS_FILE, Pins
from firmware.call.refusals import REFUSED
from firmware.call.session import CalleeSession, CallerSession, Session
from firmware.call.transaction import Heard, Transactions
from firmware.errors import MalformedError
from firmware.events import Message
from firmware.identity import Certificate
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason
from firmware.number import NUMBER_DIGITS, check_digit

LOOKUP_S_MAX = 30.0  # the directory gives up earlier; this is for when it never answers
RING_CALLER_S = 60.0
RING_CALLEE_S = 70.0  # beyond the caller's, so that normally its CANCEL ends the ringing
REJECT_KEY = "*"  # while it rings: silence the bell, tell the caller

_DIGITS = frozenset("0123456789")


class Line:
    """The present call, if there is one, and what is shown of it."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        codecs: tuple[Codec, ...],
        names: Mapping[str, str],
        pins: Mapping[str, bytes],
        own_certificate: bytes | None,
    ) -> None:
        self.view = CallView()
        self.timer_s: float | None = None  # when the present state has lasted too long
        self.session: Session | None = None  # of the present call, from INVITE to its end
        self._transactions = transactions
        self.pins = Pins(pins)
        self._codecs, self._names = codecs, names
        self._own_certificate = own_certificate
        self._callers = Callers()
        self._number = ""  # of the present call's peer; dialled, or proved by the caller
        self._is_prepared = False  # media has its keys
        self._disclosure = Disclosure()
        self._out: list[Message] = []

    def messages_to_send(self) -> list[Message]:
        """What followed from the facts since the last time this was asked."""
        out, self._out = self._out, []
        return out

    # --- in any state --------------------------------------------------------------------------

    def claim_number(self, fact: events.NumberClaimed, _now_s: float) -> None:
        """Our number exists: from now on we can call and be called."""
        self._transactions.own_number = fact.number
        self._own_certificate = fact.certificate

    def set_clock(self, fact: events.WallClockRead, now_s: float) -> None:
        """The calendar dates our INVITEs and tells fresh ones from recordings."""
        self._transactions.freshness.set_clock(fact.utc_s, now_s)

    def prove_callers(self, fact: events.Argon2Computed, now_s: float) -> None:
        """A hash has come: ring for the caller it proves, or refuse."""
        for caller in self._callers.answer(fact, now_s):
            self._take_caller(caller, now_s)

    def find_addresses(self, fact: events.OwnCandidatesFound, now_s: float) -> None:
        """We can be reached elsewhere: the peer of a conversation learns it at once."""
        self._disclosure.find(fact)
        if self.session is not None:
            self.session.own_candidates = self._disclosure.to_all()
            self.session.update(now_s)

    def follow_path(self, fact: events.PathChanged, _now_s: float) -> None:
        """What is signalled goes where the media go, and where the last signal came from."""
        if self.session is not None:
            self.session.also = fact.endpoints + fact.others

    # --- the caller's side ---------------------------------------------------------------------

    def give_dial_tone(self, _fact: events.HookLifted, now_s: float) -> None:
        """The handset was taken up to dial."""
        self._out.append(events.OpenEarpiece())
        self.view = CallView()
        self._enter(CallState.OFF_HOOK, now_s + FIRST_DIGIT_S)

    def take_key(self, fact: events.KeyPressed, now_s: float) -> None:
        """A digit, `#` (send) or `*` (clear); the other keys do nothing."""
        digits = self.view.digits
        if fact.key == CLEAR_KEY and digits:
            self.view = CallView()
            self._enter(CallState.OFF_HOOK, now_s + FIRST_DIGIT_S)
            return
        if fact.key in _DIGITS or fact.key == CLEAR_KEY:
            digits += fact.key  # a star before all digits begins a code
        elif fact.key != SEND_KEY or not digits:
            return
        self.view = replace(self.view, digits=digits)
        match judge(digits, sent=fact.key == SEND_KEY):
            case Verdict.INCOMPLETE:
                _, number = split(digits)
                if len(number) == NUMBER_DIGITS - 1:  # the check digit is no news
                    self._out.append(events.ExpectNumber(number + check_digit(number)))
                self._enter(CallState.DIALLING, now_s + NEXT_DIGIT_S)
            case Verdict.COMPLETE:
                self._call(digits, now_s)
            case Verdict.WRONG:
                self._fail(EndReason.WRONG_NUMBER, now_s)
            case Verdict.EMERGENCY:
                self._fail(EndReason.EMERGENCY, now_s)
            case Verdict.TEST:
                self._out.append(events.OpenMicrophone())
                self.view = replace(self.view, connected_s=now_s)
                self._enter(CallState.CONNECTED)

    def _call(self, dialled: str, now_s: float) -> None:
        is_relayed, digits = split(dialled)
        if self._own_certificate is None:
            self._fail(EndReason.NOT_READY, now_s)
        elif digits == self._transactions.own_number:
            self._fail(EndReason.BUSY, now_s)  # one line: we are on it
        else:
            self._number, self._disclosure.relayed_only = digits, is_relayed
            self._out.append(events.ResolveNumber(digits))
            self._enter(CallState.CALLING, now_s + LOOKUP_S_MAX)

    def invite(self, fact: events.NumberResolved, now_s: float) -> None:
        """The callee was found: seal an INVITE to it, unless its key has changed.

        It may be found again, elsewhere, while the INVITE is on its way.
        """
        if fact.number != self._number:
            return
        endpoints = self._disclosure.usable(fact.endpoints)
        if isinstance(self.session, CallerSession):
            self.session.learn(fact.certificate, endpoints)
            return
        assert self._own_certificate is not None
        utc_s = self._transactions.freshness.utc_s(now_s)
        invite = messages.Invite(
            *(self._number, self._own_certificate, self._codecs, utc_s),
            candidates=self._disclosure.in_invite(is_contact=self._is_contact(self._number)),
            relayed_only=self._disclosure.relayed_only,
        )
        try:
            callee = Certificate.decode(fact.certificate)
            if self.pins.contradict(self._number, callee.public_key):
                self._fail(EndReason.NUMBER_CHANGED, now_s)
                return
            if not endpoints:
                raise MalformedError("a number without an endpoint that we may use")
            self.session = self._transactions.invite(callee, endpoints, invite, now_s)
        except MalformedError:
            self._fail(EndReason.UNREACHABLE, now_s)
            return
        self.session.own_candidates = self._disclosure.to_all()
        self.view = self._named(self.view, self._number, callee)
        self.timer_s = None  # from here on the session knows when to give up

    def miss_number(self, fact: events.NumberUnresolved, now_s: float) -> None:
        """Nobody proved the number, or two did."""
        if fact.number == self._number and (self.session is None or self.session.channel is None):
            if self.session is not None:
                self.session.end(now_s)  # nobody was where the callee used to be
            reason = EndReason.OFFLINE if fact.offline else EndReason.UNREACHABLE
            if fact.conflict:
                reason = EndReason.NUMBER_CHANGED
            self._fail(reason, now_s)

    def hear_ringback(self, signal: messages.Ringing, now_s: float) -> None:
        """The callee's box says, sealed by its key, that its bell sounds."""
        if self._prepare_media(signal.codec, now_s):
            self.hear_candidates(signal, now_s)
            self._enter(CallState.RINGBACK, now_s + RING_CALLER_S)

    def hear_answer(self, signal: messages.Answered, now_s: float) -> None:
        """The callee has lifted; RINGING may have been lost or overtaken."""
        if self._is_prepared or self._prepare_media(signal.codec, now_s):
            self.hear_candidates(signal, now_s)
            self._talk(now_s)

    def hear_refusal(self, signal: messages.Refusal, now_s: float) -> None:
        """A final response that refuses the call."""
        self._fail(REFUSED[type(signal)], now_s)

    def find_nobody(self, _fact: object, now_s: float) -> None:
        """Neither the directory nor the callee's box said anything in time."""
        if self.session is not None:
            self.session.end(now_s)
        self._fail(EndReason.UNREACHABLE, now_s)

    def stop_waiting(self, _fact: object, now_s: float) -> None:
        """It rang for RING_CALLER_S at the other end."""
        self._hang_up_and_fail(EndReason.NO_ANSWER, now_s)

    # --- the callee's side ---------------------------------------------------------------------

    def hear_invite(self, heard: Heard, now_s: float) -> None:
        """Somebody calls; who it is, a hash will prove, if it has not done so before."""
        assert isinstance(heard.session, CalleeSession)
        proved = self._callers.recognise(heard.session)
        if proved is not None:
            self._take_caller(proved, now_s)
        else:
            self._out.append(self._callers.question(heard.session))

    def _take_caller(self, caller: Proved, now_s: float) -> None:
        is_free = self.view.state is CallState.IDLE
        refused = refusal(caller, self.pins, self._codecs, is_free=is_free)
        view = self._named(CallView(incoming=True), caller.number, caller.session.certificate)
        if refused is not None:
            self._transactions.respond(caller.session, refused.response, now_s)
            self._out.append(events.CallEnded(caller.number, True, refused.reason, 0.0))
            if is_free:
                self.view = replace(view, reason=refused.reason)
            return
        codec = common_codec(caller, self._codecs)
        assert codec is not None
        invite = caller.session.invite
        is_contact = self._is_contact(caller.number)
        self._disclosure.relayed_only = invite.relayed_only
        candidates = self._disclosure.in_ringing(is_contact=is_contact)
        self._transactions.respond(caller.session, messages.Ringing(codec, candidates), now_s)
        if caller.session.is_over:
            return  # no response could be sealed
        self.session, self._number = caller.session, caller.number
        caller.session.own_candidates = self._disclosure.to_all()
        self._out.append(events.StartRinging())
        self.view = view
        self._enter(CallState.RINGING, now_s + RING_CALLEE_S)
        self._prepare_media(codec, now_s)
        if is_contact:
            self.hear_candidates(invite, now_s)

    def answer(self, _fact: events.HookLifted, now_s: float) -> None:
        """The handset was lifted while the bell sounds."""
        assert self.view.codec is not None and isinstance(self.session, CalleeSession)
        candidates = self.session.own_candidates
        self._respond(messages.Answered(self.view.codec, candidates), now_s)
        self.hear_candidates(self.session.invite, now_s)
        self._out += [events.StopRinging(), events.OpenEarpiece()]
        self._talk(now_s)

    def reject(self, fact: events.KeyPressed, now_s: float) -> None:
        """REJECT_KEY refuses the call; any other key does nothing."""
        if fact.key == REJECT_KEY:
            self._respond(messages.Decline(), now_s)
            self._stop_ringing(EndReason.DECLINED, now_s)

    def tire_of_ringing(self, _fact: object, now_s: float) -> None:
        """RING_CALLEE_S are over, and no CANCEL has come."""
        self._respond(messages.TryLater(), now_s)
        self._stop_ringing(EndReason.MISSED, now_s)

    def miss_call(self, _signal: messages.Signal, now_s: float) -> None:
        """The caller gave up."""
        self._stop_ringing(EndReason.MISSED, now_s)

    def _stop_ringing(self, reason: EndReason, now_s: float) -> None:
        self._out.append(events.StopRinging())
        self._finish(reason, now_s)
        self._show_end(CallState.IDLE, reason)  # whose call it was stays in sight

    def _respond(self, response: messages.Signal, now_s: float) -> None:
        assert isinstance(self.session, CalleeSession)
        self._transactions.respond(self.session, response, now_s)

    # --- both sides ----------------------------------------------------------------------------

    def hear_candidates(self, signal: messages.WithCandidates, _now_s: float) -> None:
        """The peer may be reached directly there."""
        if signal.candidates and not self._disclosure.relayed_only:
            self._out.append(events.ProbePeer(signal.candidates))

    def _talk(self, now_s: float) -> None:
        assert self.session is not None and self.session.channel is not None
        key = self.session.certificate.public_key
        if self.pins.add(self._number, key):
            self._out.append(events.PeerPinned(self._number, key))
            self._out.append(events.StoreState(PINS_FILE, self.pins.encode()))
        self._out += [events.StartMedia(), events.OpenMicrophone()]
        digits = self.session.channel.authentication_digits()
        self.view = replace(self.view, connected_s=now_s, authentication_digits=digits)
        self._enter(CallState.CONNECTED)

    def _prepare_media(self, codec: Codec, now_s: float) -> bool:
        """False, and the call has failed, if the peer chose what was not offered."""
        session = self.session
        assert session is not None and session.channel is not None
        if codec not in self._codecs:
            self._hang_up_and_fail(EndReason.NO_COMMON_CODEC, now_s)
            return False
        keys = session.channel.media_keys()
        sending, receiving = keys.caller_to_callee, keys.callee_to_caller
        is_caller = isinstance(session, CallerSession)
        if not is_caller:
            sending, receiving = receiving, sending
        remotes: tuple[Endpoint, ...] = (session.remote,)
        if isinstance(session, CallerSession):
            remotes += tuple(other for other in session.endpoints if other != session.remote)
        path_key = session.channel.path_key()
        self._out += [
            events.PreparePath(path_key, is_caller, remotes, self._disclosure.relayed_only),
            events.PrepareMedia(codec, session.remote, sending, receiving),
        ]
        self._is_prepared = True
        self.view = replace(self.view, codec=codec)
        return True

    def lose_peer(self, _signal: messages.Signal, now_s: float) -> None:
        """The peer hung up; the handset is still lifted."""
        self._fail(EndReason.HUNG_UP_BY_PEER, now_s)

    def lose_connection(self, _fact: object, now_s: float) -> None:
        """Nothing more is heard of the peer."""
        self._hang_up_and_fail(EndReason.CONNECTION_LOST, now_s)

    def time_out(self, _fact: object, now_s: float) -> None:
        """Lifted, but nothing or not enough was dialled."""
        self._fail(EndReason.TIMED_OUT, now_s)

    def replace_handset(self, _fact: events.HookReplaced, now_s: float) -> None:
        """IDLE at once; what the peer must still be told, its session tells by itself."""
        if self.session is not None:
            self.session.hang_up(now_s)
        reason = EndReason.HUNG_UP if self._number else self.view.reason
        self._finish(EndReason.HUNG_UP, now_s)
        self._out.append(events.CloseEarpiece())
        self.view = CallView(reason=reason)

    def _hang_up_and_fail(self, reason: EndReason, now_s: float) -> None:
        assert self.session is not None
        self.session.hang_up(now_s)
        self._fail(reason, now_s)

    def _fail(self, reason: EndReason, now_s: float) -> None:
        """The handset is lifted and hears why, until it is replaced."""
        self._finish(reason, now_s)
        self._show_end(CallState.BUSY if reason is EndReason.BUSY else CallState.FAILED, reason)

    def _finish(self, reason: EndReason, now_s: float) -> None:
        """Let go of the call, if there is one; its session goes on until the peer knows."""
        if self._number:
            since_s = self.view.connected_s
            duration_s = 0.0 if since_s is None else now_s - since_s
            incoming = self.view.incoming
            self._out.append(events.CallEnded(self._number, incoming, reason, duration_s))
        if self.view.state is CallState.CONNECTED:
            self._out.append(events.CloseMicrophone())
        if self._is_prepared:
            self._out.append(events.StopMedia())
        self.session, self._number, self._is_prepared = None, "", False
        self.timer_s = None

    def _is_contact(self, number: str) -> bool:
        """Somebody in the phone book, or with whom a call was answered once."""
        return number in self._names or number in self.pins.keys

    def _named(self, view: CallView, peer_number: str, certificate: Certificate) -> CallView:
        """The phone book's name goes before the one the peer gives itself."""
        name = self._names.get(peer_number) or certificate.name
        return replace(view, peer_number=peer_number, peer_name=name)

    def _show_end(self, state: CallState, reason: EndReason) -> None:
        """Who it was and what was dialled stays in sight; the rest belonged to the call."""
        self.view = replace(
            self.view, reason=reason, authentication_digits="", codec=None, connected_s=None
        )
        self._enter(state)

    def _enter(self, state: CallState, timer_s: float | None = None) -> None:
        self.view = replace(self.view, state=state)
        self.timer_s = timer_s
