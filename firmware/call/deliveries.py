"""Deliveries: spoken messages that are handed to another box without ringing, and taken from one.

An INVITE says how long the message is; READY wants it; pieces follow; 202 says that it is on the
other's card. Knows neither when to try nor what was kept: features/outbox.py and inbox.py do.
Units: `_s` monotonic seconds. Source: ours, docs/protocol.md section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware import events
from firmware.call import messages
from firmware.call.callee_session import CalleeSession
from firmware.call.caller_session import CallerSession
from firmware.call.callers import Proved
from firmware.call.line import Line
from firmware.call.pieces import Got, Piece, Receiver, Sender
from firmware.call.session import Session
from firmware.call.spoken import Spoken
from firmware.errors import MalformedError
from firmware.events.messages import (
    DeliverMessage,
    Delivery,
    MessageAnswered,
    MessageDelivered,
    MessageKept,
    MessageTaken,
    Welcome,
)
from firmware.identity import Certificate

LOOKUP_S_MAX = 30.0
SILENCE_S_MAX = 10.0  # of the other box, before it is given up
INCOMING_S_MAX = 300.0  # for 256 pieces at the slowest pace, each of them lost once
INCOMING_MAX = 2  # at the same time; who is one more comes later
_RESPONSES: dict[Welcome, messages.Refusal] = {
    Welcome.KNOWN: messages.Noted(),
    Welcome.REFUSED: messages.Decline(),
    Welcome.FULL: messages.TryLater(),
}


@dataclass(slots=True, eq=False)
class _Outgoing:
    wanted: DeliverMessage
    until_s: float  # without a sign of the other box
    session: CallerSession | None = None
    sender: Sender | None = None  # from READY on


@dataclass(slots=True, eq=False)
class _Incoming:
    number: str
    utc_s: int
    session: CalleeSession
    receiver: Receiver
    until_s: float
    end_s: float
    is_complete: bool = False


class Deliveries:
    """One to others at a time, and INCOMING_MAX to us."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._outgoing: _Outgoing | None = None
        self._incoming: list[_Incoming] = []

    def handle(self, fact: object, now_s: float) -> None:
        """What the directory finds, and what the services say."""
        match fact:
            case DeliverMessage():
                self._begin(fact, now_s)
            case events.NumberResolved() if self._is_awaited(fact.number):
                self._go(fact, now_s)
            case events.NumberUnresolved() if self._is_awaited(fact.number):
                session = self._outgoing.session if self._outgoing else None
                if session is None or session.channel is None:
                    self._end(Delivery.LATER, now_s)
            case MessageAnswered():
                self._answer(fact, now_s)
            case MessageKept():
                self._confirm(fact, now_s)

    def hear(self, session: Session, signal: messages.Signal, now_s: float) -> None:
        """Something on one of our sessions; others are ignored."""
        going = self._outgoing
        if going is not None and going.session is session:
            self._hear_callee(going, signal, now_s)
            return
        coming = next((one for one in self._incoming if one.session is session), None)
        if coming is not None and isinstance(signal, Piece):
            self._take(coming, signal, now_s)

    def give_up(self, session: Session, now_s: float) -> None:
        """Nobody has answered the INVITE."""
        if self._outgoing is not None and self._outgoing.session is session:
            self._end(Delivery.LATER, now_s)

    def on_time(self, now_s: float) -> None:
        """The next piece; and who is silent for too long is given up."""
        going = self._outgoing
        if going is not None and now_s >= going.until_s:
            self._end(Delivery.LATER, now_s)
        elif going is not None and going.sender is not None and going.session is not None:
            while now_s >= going.sender.next_s and not going.sender.is_done:
                piece = going.sender.pop(now_s)
                if piece is None:
                    break
                going.session.send(piece)
        for coming in list(self._incoming):
            if now_s >= coming.until_s:
                self._incoming.remove(coming)
                coming.session.end(now_s)

    def deadline_s(self) -> float | None:
        """Of the next piece, or of somebody's patience."""
        due = [coming.until_s for coming in self._incoming]
        if self._outgoing is not None:
            due.append(self._outgoing.until_s)
            sender = self._outgoing.sender
            due += [sender.next_s] if sender is not None and not sender.is_done else []
        return min(due, default=None)

    # --- to another box ------------------------------------------------------------------------

    def _is_awaited(self, number: str) -> bool:
        return self._outgoing is not None and self._outgoing.wanted.number == number

    def _begin(self, wanted: DeliverMessage, now_s: float) -> None:
        if self._outgoing is not None or self._line.own_certificate is None:
            self._line.out.append(MessageDelivered(wanted.number, wanted.utc_s, Delivery.LATER))
            return
        self._outgoing = _Outgoing(wanted, now_s + LOOKUP_S_MAX)
        self._line.out.append(events.ResolveNumber(wanted.number))

    def _go(self, fact: events.NumberResolved, now_s: float) -> None:
        line, going = self._line, self._outgoing
        assert going is not None and line.own_certificate is not None
        disclosure = line.new_disclosure()
        disclosure.relayed_only = line.relays_always
        endpoints = disclosure.usable(fact.endpoints)
        if going.session is not None:
            going.session.learn(fact.certificate, endpoints)
            return
        wanted, utc_s = going.wanted, line.transactions.freshness.utc_s(now_s)
        spoken = Spoken(wanted.utc_s, len(wanted.recording))
        who = wanted.number, line.own_certificate, (), utc_s
        invite = messages.Invite(*who, spoken=spoken)
        try:
            callee = Certificate.decode(fact.certificate)
            if not endpoints or line.pins.contradict(wanted.number, callee.public_key):
                raise MalformedError("nobody there for whom it was spoken")
            going.session = line.transactions.invite(callee, endpoints, invite, now_s)
        except MalformedError:
            self._end(Delivery.LATER, now_s)

    def _hear_callee(self, going: _Outgoing, signal: messages.Signal, now_s: float) -> None:
        match signal:
            case messages.Ready() if going.sender is None:
                going.sender = Sender(going.wanted.recording, now_s)
                going.until_s = now_s + SILENCE_S_MAX
            case Got() if going.sender is not None:
                if going.sender.hear(signal, now_s):
                    going.until_s = now_s + SILENCE_S_MAX
            case messages.Noted():
                self._end(Delivery.KEPT, now_s)
            case messages.Decline() | messages.NotFound():
                self._end(Delivery.REFUSED, now_s)
            case messages.Refusal() | messages.Bye() | messages.Cancel():
                self._end(Delivery.LATER, now_s)

    def _end(self, delivery: Delivery, now_s: float) -> None:
        going, self._outgoing = self._outgoing, None
        assert going is not None
        if going.session is not None and not going.session.is_over:
            going.session.end(now_s)
        told = MessageDelivered(going.wanted.number, going.wanted.utc_s, delivery)
        self._line.out.append(told)

    # --- from another box ----------------------------------------------------------------------

    def _answer(self, fact: MessageAnswered, now_s: float) -> None:
        asking, self._line.depositors = self._line.depositors, []
        for caller in asking:
            spoken = caller.session.invite.spoken
            assert spoken is not None
            if (caller.number, spoken.utc_s) != (fact.number, fact.utc_s):
                self._line.depositors.append(caller)
            elif not caller.session.is_over:
                self._welcome(caller, spoken, fact.welcome, now_s)

    def _welcome(self, caller: Proved, spoken: Spoken, welcome: Welcome, now_s: float) -> None:
        is_new = all(one.number != caller.number for one in self._incoming)
        if welcome is Welcome.TAKE and (len(self._incoming) >= INCOMING_MAX or not is_new):
            welcome = Welcome.FULL
        if welcome is not Welcome.TAKE:
            self._line.transactions.respond(caller.session, _RESPONSES[welcome], now_s)
            return
        self._line.transactions.respond(caller.session, messages.Ready(), now_s)
        receiver = Receiver(spoken.size_bytes)
        who = caller.number, spoken.utc_s, caller.session, receiver
        times = now_s + SILENCE_S_MAX, now_s + INCOMING_S_MAX
        self._incoming.append(_Incoming(*who, *times))

    def _take(self, coming: _Incoming, piece: Piece, now_s: float) -> None:
        is_new = not coming.receiver.has(piece)
        try:
            coming.session.send(coming.receiver.push(piece))
        except MalformedError:
            return
        if is_new:  # who only repeats itself keeps no place
            coming.until_s = min(now_s + SILENCE_S_MAX, coming.end_s)
        recording = coming.receiver.data
        if recording is not None and not coming.is_complete:
            coming.is_complete = True
            self._line.out.append(MessageTaken(coming.number, coming.utc_s, recording))

    def _confirm(self, fact: MessageKept, now_s: float) -> None:
        for coming in list(self._incoming):
            if coming.is_complete and (coming.number, coming.utc_s) == (fact.number, fact.utc_s):
                self._incoming.remove(coming)
                response = _RESPONSES[fact.welcome]
                self._line.transactions.respond(coming.session, response, now_s)
