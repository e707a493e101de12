"""The line: the calls this telephone holds, and the steps that all rows of the table are made of.

`front` is the call that the handset is in, or would be; `beside` are those that wait or are held.
Knows sealing, retransmission and the dial plan only by their results, and nothing of packets of
speech, tones or pictures. Units: `_s` monotonic seconds.
Source: RFC 3261 sections 9, 13 and 15 (CANCEL, INVITE, BYE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.callee_session import CalleeSession
from firmware.call.caller_session import CallerSession
from firmware.call.callers import Callers, Proved
from firmware.call.disclosure import Disclosure
from firmware.call.leg import Leg
from firmware.call.pins import Pins
from firmware.call.session import Session
from firmware.call.stamps import SEED_BYTES, Stamp, StampAccount
from firmware.call.transaction import Transactions
from firmware.call.wishes import Wishes
from firmware.codes import CodePlan
from firmware.events import Message, OwnCandidatesFound, services
from firmware.events.store import RecordsLoaded
from firmware.identity import Certificate
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason, OtherCall, Place

RETURN_S = 4.0  # of the tone that ends a call, before the one on hold comes back
LEGS_MAX = 3  # the front call, one on hold, one that waits; or all of them in conference


class Line:
    """All calls of this telephone, and what is shown of them."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        codecs: tuple[Codec, ...],
        names: Mapping[str, str],
        pins: Mapping[str, bytes],
        own_certificate: bytes | None,
        plan: CodePlan,
        packet_ms: int,
        keys_sound: bool,
    ) -> None:
        """`keys_sound`: the microphone hears the keys, so it is needed to dial."""
        self.transactions = transactions
        self.packet_ms = packet_ms  # of speech, in what we want to receive
        self.pins = Pins(pins)
        self.codecs, self.names = codecs, names
        self.own_certificate = own_certificate
        self.plan, self.relays_always = plan, False
        self.callers = Callers()
        self.wishes = Wishes()
        self.stamps = StampAccount(transactions.random_bytes(SEED_BYTES))
        self.unstamped: list[tuple[bytes, Stamp, Proved]] = []  # being weighed; by their question
        self.tellers: list[Proved] = []  # of calls that we missed; not answered yet
        self.depositors: list[Proved] = []  # who have spoken a message; not answered yet
        self.offers: dict[int, tuple[Proved, Leg]] = {}  # asked about, in this step
        self.out: list[Message] = []
        self._found = OwnCandidatesFound((), ())
        self._calls = 0
        self._keys_sound = keys_sound
        self._microphone_is_open = False
        self._speaking: tuple[int, ...] = ()  # as media knows it
        self.is_muted = False
        self.is_hands_free = False  # an intercom call, and the handset is down
        self.choice_s: float | None = None  # until then a digit after a flash is awaited
        self.beside: list[Leg] = []
        self.parting: list[Leg] = []  # the handset has left them; transfer.py ends them
        self.sent_away: dict[str, tuple[float, str]] = {}  # may return: until when; whence
        self.front = self.new_leg()

    @property
    def view(self) -> CallView:
        """What is shown."""
        front = self.front
        is_on_hold = front.is_talking and front.session is not None and front.session.peer_holds
        screened, digits = None, ""
        if front.is_talking and front.session is not None:
            screened = front.session.peer_screening
            digits = front.session.authentication_digits
        if not (self.beside or is_on_hold or self.is_muted or screened or digits):
            return front.view
        return replace(
            front.view,
            others=tuple(_other(leg) for leg in self.beside),
            is_on_hold=is_on_hold,
            is_choosing=self.choice_s is not None,
            is_muted=self.is_muted,
            screened=screened,
            authentication_digits=digits,
        )

    @property
    def is_free(self) -> bool:
        """The bell may ring."""
        return self.front.view.state is CallState.IDLE and not self.beside

    def messages_to_send(self) -> list[Message]:
        """What followed from the facts since the last time this was asked."""
        speaking = tuple(leg.call for leg in self.legs() if leg.is_talking and self._is_in_ear(leg))
        if speaking != self._speaking:
            self._speaking = speaking
            self.out.append(events.SpeakWith(speaking))
        out, self.out = self.out, []
        return out

    def legs(self) -> list[Leg]:
        """All of them, the front first."""
        return [self.front, *self.beside]

    def all_legs(self) -> list[Leg]:
        """The same, and those that the handset has left."""
        return [*self.legs(), *self.parting]

    def leg_of(self, session: Session) -> Leg | None:
        """The call that `session` signals for, if it is not over."""
        return next((leg for leg in self.all_legs() if leg.session is session), None)

    def leg_named(self, call: int) -> Leg | None:
        """The call with this identifier; 0 = the one in front."""
        if not call:
            return self.front
        return next((leg for leg in self.all_legs() if leg.call == call), None)

    @property
    def is_conference(self) -> bool:
        """The handset speaks with more than one."""
        return any(leg.is_joined for leg in self.beside)

    @property
    def may_wait(self) -> bool:
        """One more caller may announce itself in the ear."""
        is_waiting = any(leg.view.state is CallState.RINGING for leg in self.beside)
        has_room = len(self.legs()) < LEGS_MAX
        is_talking = self.front.is_talking and not self.front.view.is_by_box
        return is_talking and has_room and not is_waiting

    def next_beside(self) -> Leg:
        """Whom a flash takes: who waits, else who has been aside for longest."""
        return min(self.beside, key=lambda leg: leg.view.state is not CallState.RINGING)

    def new_leg(self) -> Leg:
        """A call that has yet to begin."""
        self._calls += 1
        return Leg(self._calls, self.new_disclosure(), CallView(call=self._calls))

    def new_disclosure(self) -> Disclosure:
        """What a peer may learn of our addresses."""
        return Disclosure(self._found)

    # --- in any state --------------------------------------------------------------------------

    def withhold(self, fact: services.WithholdChanged, _now_s: float) -> None:
        """Whether calls are relayed only, so that no address of ours is told."""
        self.relays_always = fact.is_on

    def claim_number(self, fact: events.NumberClaimed, _now_s: float) -> None:
        """Our number exists: from now on we can call and be called."""
        self.transactions.own_number = fact.number
        self.own_certificate = fact.certificate

    def load_pins(self, fact: RecordsLoaded, _now_s: float) -> None:
        """What is on the card."""
        self.out += self.pins.load(fact.records)

    def set_clock(self, fact: events.WallClockRead, now_s: float) -> None:
        """The calendar dates our INVITEs and tells fresh ones from recordings."""
        self.transactions.freshness.set_clock(fact.utc_s, now_s)

    def find_addresses(self, fact: OwnCandidatesFound, now_s: float) -> None:
        """We can be reached elsewhere: the peers of all conversations learn it at once."""
        self._found = fact
        for leg in self.legs():
            leg.disclosure.find(fact)
            if leg.session is not None and leg.view.screening is None:
                leg.session.own_candidates = leg.disclosure.to_all()
                leg.session.update(now_s)

    def follow_path(self, fact: events.PathChanged, _now_s: float) -> None:
        """What is signalled goes where the media go, and where the last signal came from."""
        leg = self.leg_named(fact.call)
        if leg is not None and leg.session is not None:
            proved = tuple(one for one in fact.endpoints if one not in fact.unproved)
            leg.session.also = proved + fact.others

    # --- steps of many rows ----------------------------------------------------------------------

    def enter(self, leg: Leg, state: CallState, timer_s: float | None = None) -> None:
        """`leg` is in `state` from now on, until `timer_s` at the latest."""
        leg.view = replace(leg.view, state=state)
        leg.timer_s = timer_s

    def respond(self, leg: Leg, response: messages.Signal, now_s: float) -> None:
        """Answer the caller of `leg`."""
        assert isinstance(leg.session, CalleeSession)
        self.transactions.respond(leg.session, response, now_s)

    def prepare_media(self, leg: Leg, codec: Codec, packet_ms: int, now_s: float) -> bool:
        """False, and the call has failed, if the peer chose what was not offered.

        `packet_ms` of speech in a packet are what the peer wants to receive.
        """
        session = leg.session
        assert session is not None and session.channel is not None
        if codec not in self.codecs:
            self.hang_up_and_fail(EndReason.NO_COMMON_CODEC, now_s)
            return False
        keys = session.channel.media_keys()
        sending, receiving = keys.caller_to_callee, keys.callee_to_caller
        is_caller = isinstance(session, CallerSession)
        if not is_caller:
            sending, receiving = receiving, sending
        remotes: tuple[Endpoint, ...] = (session.remote,)
        if isinstance(session, CallerSession):
            remotes += tuple(other for other in session.endpoints if other != session.remote)
        path_key, is_relayed = session.channel.path_key(), leg.disclosure.relayed_only
        self.out += [
            events.PreparePath(path_key, is_caller, remotes, is_relayed, leg.call),
            events.PrepareMedia(codec, session.remote, sending, receiving, leg.call, packet_ms),
        ]
        leg.is_prepared = True
        leg.view = replace(leg.view, codec=codec)
        return True

    def talk(self, now_s: float, taken: Leg | None = None) -> None:
        """The front call, or `taken`, was answered: both voices from now on."""
        leg = taken or self.front
        assert leg.session is not None and leg.session.channel is not None
        key = leg.session.certificate.public_key
        saved = self.pins.add(leg.number, key)
        if saved is not None:
            self.out += [events.PeerPinned(leg.number, key), saved]
        self.wishes.forget(leg.number)
        self.out.append(events.StartMedia(leg.call))
        self._speaking = (leg.call,)
        self.open_microphone()
        leg.view = replace(leg.view, connected_s=now_s)
        leg.returns_to = ""
        self.enter(leg, CallState.CONNECTED)

    def open_earpiece(self) -> None:
        """Somebody listens from now on, and may press keys."""
        self.out.append(events.OpenEarpiece())
        if self._keys_sound:
            self.open_microphone()

    def close_earpiece(self) -> None:
        """Nobody listens any more."""
        self.out.append(events.CloseEarpiece())
        self._close_microphone()

    def open_microphone(self) -> None:
        """For the first call that is answered."""
        if not self._microphone_is_open:
            self._microphone_is_open = True
            self.out.append(events.OpenMicrophone())

    def _close_microphone(self) -> None:
        if self._microphone_is_open:
            self._microphone_is_open = False
            self.out.append(events.CloseMicrophone())

    def hold(self, leg: Leg, now_s: float, *, on: bool) -> None:
        """Tell the peer of `leg` that nobody listens to it, or that somebody does again."""
        if leg.session is not None and leg.session.holds is not on:
            leg.session.holds = on
            leg.session.update(now_s)

    def hang_up(self, leg: Leg, now_s: float) -> None:
        """End a call by our own will; nothing of it stays in sight."""
        if leg.session is not None:
            leg.session.hang_up(now_s)
        self.forget(leg, EndReason.HUNG_UP, now_s)

    def forget(self, leg: Leg, reason: EndReason, now_s: float) -> None:
        """A call that is over and was not the one in front, or is so no longer."""
        self.finish(leg, reason, now_s)
        for legs in (self.beside, self.parting):
            if leg in legs:
                legs.remove(leg)

    def hang_up_and_fail(self, reason: EndReason, now_s: float) -> None:
        """The front call ends by our own will."""
        assert self.front.session is not None
        self.front.session.hang_up(now_s)
        self.fail(reason, now_s)

    def fail(self, reason: EndReason, now_s: float) -> None:
        """The handset is lifted and hears why, until it is replaced or another call comes back.

        Of a conference the next one is in front, and the conversation goes on. If the box was in
        the call by itself, nobody listens: somebody has called in vain.
        """
        self.choice_s = None
        leg = self.front
        is_by_box = leg.view.is_by_box
        reason = EndReason.MISSED if is_by_box else reason
        self.finish(leg, reason, now_s)
        joined = next((other for other in self.beside if other.is_joined), None)
        if joined is not None:
            self.beside.remove(joined)
            joined.is_joined = False
            self.front = joined
            return
        if self.is_hands_free:
            self.close_hands_free(reason)
            return
        state = CallState.BUSY if reason is EndReason.BUSY else CallState.FAILED
        is_held = any(other.is_talking for other in self.beside)
        leg.view = replace(leg.view, is_by_box=False)
        self.show_end(leg, CallState.IDLE if is_by_box else state, reason)
        leg.timer_s = now_s + RETURN_S if is_held else None

    def close_hands_free(self, reason: EndReason) -> None:
        """An intercom call is over: nobody has to put anything down."""
        self.is_hands_free = False
        self.close_earpiece()
        self.front.view = CallView(reason=reason, call=self.front.call)
        waiting = self.beside.pop(0) if self.beside else None  # with hands free nothing is held
        if waiting is not None:
            self.front = waiting
            self.ring(waiting)

    def ring(self, leg: Leg) -> None:
        """The bell sounds for it."""
        leg.rings = True
        self.out.append(events.StartRinging())

    def finish(self, leg: Leg, reason: EndReason, now_s: float) -> None:
        """Let go of a call, if there is one; its session goes on until the peer knows."""
        if leg.number:
            since_s = leg.view.connected_s
            duration_s = 0.0 if since_s is None else now_s - since_s
            ended = (leg.number, leg.view.incoming, reason, duration_s, leg.call)
            self.out.append(events.CallEnded(*ended))
        connected = (one for one in self.legs() if one.view.state is CallState.CONNECTED)
        if not self._keys_sound and all(one is leg for one in connected):
            self._close_microphone()
        self.drop(leg)

    def drop(self, leg: Leg) -> None:
        """Forget a call without a line in the log."""
        if leg.is_prepared:
            self.out.append(events.StopMedia(leg.call))
            self._speaking = tuple(call for call in self._speaking if call != leg.call)
        leg.session, leg.number, leg.is_prepared, leg.timer_s = None, "", False, None

    def show_end(self, leg: Leg, state: CallState, reason: EndReason) -> None:
        """Who it was and what was dialled stays in sight; the rest belonged to the call."""
        leg.view = replace(
            leg.view,
            reason=reason,
            codec=None,
            connected_s=None,
            screening=None,
        )
        self.enter(leg, state)

    def _is_in_ear(self, leg: Leg) -> bool:
        return leg is self.front or leg.is_joined

    def is_contact(self, number: str) -> bool:
        """Somebody in the phone book, or with whom a call was answered once."""
        return number in self.names or number in self.pins.keys

    def named(self, view: CallView, peer_number: str, certificate: Certificate) -> CallView:
        """The phone book's name goes before the one the peer gives itself."""
        name = self.names.get(peer_number) or certificate.name
        return replace(view, peer_number=peer_number, peer_name=name)


def _other(leg: Leg) -> OtherCall:
    """A call that is not in front, as it is shown."""
    place = Place.WAITING if leg.view.state is CallState.RINGING else Place.HELD
    if leg.is_joined:
        place = Place.JOINED
    return OtherCall(place, leg.view.peer_number, leg.view.peer_name)
