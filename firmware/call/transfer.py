"""Transfer: who hangs up during a second call that it has dialled connects the two others.

The transferrer tells the one on hold whom to call (REFER) and gives it a signed referral. At the
target that call takes the place of the transferrer's own, without ringing (attended), or the bell
rings again (blind: hung up before the answer). If nobody is reached the transferee calls the
transferrer back. The two others talk in a session of their own, sealed as any.
Only a peer with whom we talk can send us anywhere, once, and the lists of the target hold.
Units: `_s` monotonic seconds. Source: RFC 3515 (REFER), RFC 3891 (Replaces), RFC 5589.
"""

from __future__ import annotations

from dataclasses import replace

from firmware import events
from firmware.call import messages
from firmware.call.callers import Proved, common_codec
from firmware.call.leg import Leg
from firmware.call.line import Line
from firmware.call.outgoing import LOOKUP_S_MAX
from firmware.call.referral import NO_SESSION, Referral
from firmware.call.session import GIVE_UP_S
from firmware.call.talking import hear_candidates, replace_handset
from firmware.errors import MalformedError
from firmware.model import CallState, CallView, EndReason, Transfer
from firmware.number import is_valid

RECALL_S = 20.0  # of the bell, when who should be put through is still there
RETURN_S_MAX = 120.0  # within which who was put through may come back
SENT_AWAY_MAX = 8
FRESH_S = 120.0  # between two clocks, for a referral without a session

_DIALLED = (CallState.CALLING, CallState.RINGBACK, CallState.CONNECTED)
_ENDED = (CallState.BUSY, CallState.FAILED)


# --- the transferrer -----------------------------------------------------------------------------


def hang_up(line: Line, fact: events.HookReplaced, now_s: float) -> None:
    """The handset goes down: the two others are connected, if this is what was prepared."""
    pair = _pair(line)
    if pair is not None:
        _put_through(line, *pair, now_s)
    replace_handset(line, fact, now_s)


def _put_through(line: Line, transferee: Leg, target: Leg, now_s: float) -> None:
    assert transferee.session is not None
    is_attended = target.is_talking and target.session is not None
    replaces = NO_SESSION
    if is_attended and target.session is not None and target.session.channel is not None:
        replaces = target.session.channel.session_id
    identity, own = line.transactions.identity, line.transactions.own_number
    utc_s = line.transactions.freshness.utc_s(now_s) or 0
    numbers = own or "", transferee.number, target.number
    referral = Referral(identity.public_key, *numbers, utc_s, replaces).sign(identity)
    transferee.session.refer(messages.Refer(target.number, referral), now_s)
    _remember(line, transferee.number, target.number, now_s)
    for leg in (transferee, target):
        line.hold(leg, now_s, on=True)
        leg.is_joined = False
        if leg in line.beside:
            line.beside.remove(leg)
    line.front = line.new_leg()
    line.front.view = CallView(reason=EndReason.HUNG_UP, call=line.front.call)
    if is_attended:
        line.parting.append(target)
        target.timer_s = now_s + GIVE_UP_S
    else:
        line.hang_up(target, now_s)
    line.parting.append(transferee)


def _pair(line: Line) -> tuple[Leg, Leg] | None:
    """Who is put through, and to whom: two in conference, or who is on hold to who was dialled."""
    held = [leg for leg in line.beside if leg.is_talking]
    front = line.front
    if len(held) != 1 or front.view.state not in _DIALLED or not front.number:
        return None
    other = held[0]
    if other.number == front.number:
        return None
    if other.is_joined or front.consults:
        return other, front
    return (front, other) if other.consults and front.is_talking else None


def _remember(line: Line, transferee: str, target: str, now_s: float) -> None:
    kept = {who: sent for who, sent in line.sent_away.items() if sent[0] > now_s}
    kept.pop(transferee, None)
    kept[transferee] = now_s + RETURN_S_MAX, target
    line.sent_away = dict(list(kept.items())[-SENT_AWAY_MAX:])


def let_go(line: Line, leg: Leg, _signal: object, now_s: float) -> None:
    """It has gone where it was sent; or the target has its new peer."""
    line.forget(leg, EndReason.HUNG_UP, now_s)


def give_up(line: Line, leg: Leg, _fact: object, now_s: float) -> None:
    """Nothing more came of it."""
    line.hang_up(leg, now_s)


def take_back(line: Line, leg: Leg, _signal: object, now_s: float) -> None:
    """Who should be put through stays: our bell sounds, and who lifts goes on talking with it."""
    _, target = line.sent_away.pop(leg.number, (0.0, ""))
    for other in [other for other in line.parting if other.number == target]:
        line.hang_up(other, now_s)
    if not line.is_free:
        line.hang_up(leg, now_s)
        return
    line.parting.remove(leg)
    line.front = leg
    leg.was_answered = True
    leg.view = replace(leg.view, transfer=Transfer.RETURNED, via="")
    line.ring(leg)
    line.enter(leg, CallState.RINGING, now_s + RECALL_S)


def go_on(line: Line, leg: Leg, now_s: float) -> None:
    """The handset was lifted for take_back."""
    leg.was_answered = leg.rings = False
    line.out.append(events.StopRinging())
    line.open_earpiece()
    leg.view = replace(leg.view, transfer=None)
    line.enter(leg, CallState.CONNECTED)
    line.open_microphone()
    line.hold(leg, now_s, on=False)


# --- the transferee ------------------------------------------------------------------------------


def follow(line: Line, signal: messages.Refer, now_s: float) -> None:
    """The peer we talk with sends us to somebody else: that number is called instead."""
    before = line.front
    assert before.session is not None
    if line.is_hands_free or before.view.is_by_box or not _is_sound(line, before, signal):
        before.session.refuse_refer()
        return
    line.choice_s = None
    leg = line.new_leg()
    leg.referral, leg.returns_to, leg.number = signal.referral, before.number, signal.number
    leg.disclosure.relayed_only = before.disclosure.relayed_only
    _call(line, leg, _name(before), Transfer.PUT_THROUGH, now_s)
    before.session.hang_up(now_s)
    line.finish(before, EndReason.HUNG_UP_BY_PEER, now_s)


def stay(_line: Line, leg: Leg, _signal: object, _now_s: float) -> None:
    """We are not listening to who wants to send us away: we stay."""
    assert leg.session is not None
    leg.session.refuse_refer()


def return_if_lost(line: Line, now_s: float) -> None:
    """Whom we were put through to is not reached: call back who has done so, once."""
    before = line.front
    if not before.returns_to or before.view.state not in _ENDED:
        return
    leg = line.new_leg()
    leg.number, leg.is_return = before.returns_to, True
    leg.via = before.view.peer_number or before.view.digits
    leg.disclosure.relayed_only = before.disclosure.relayed_only
    _call(line, leg, _name(before), Transfer.RETURNED, now_s)


def _is_sound(line: Line, leg: Leg, signal: messages.Refer) -> bool:
    """It is the peer's own referral, of us, to somebody else; once in a call."""
    own = line.transactions.own_number
    if not is_valid(signal.number) or signal.number in (own, leg.number) or own is None:
        return False
    assert leg.session is not None
    try:
        referral = Referral.decode(signal.referral)
    except MalformedError:
        return False
    is_peers = referral.is_by(leg.session.certificate.public_key)
    return is_peers and referral.is_for(own, signal.number)


def _call(line: Line, leg: Leg, via: str, transfer: Transfer, now_s: float) -> None:
    """No digits were dialled: neither redial nor slips know of it."""
    name = line.names.get(leg.number, "")
    leg.view = replace(leg.view, peer_number=leg.number, peer_name=name, via=via, transfer=transfer)
    line.front = leg
    line.out.append(events.ResolveNumber(leg.number))
    line.enter(leg, CallState.CALLING, now_s + LOOKUP_S_MAX)


def _name(leg: Leg) -> str:
    return leg.view.peer_name or leg.view.peer_number or leg.number


# --- the target, and the transferrer when somebody returns ---------------------------------------


def introduce(line: Line, caller: Proved, leg: Leg, now_s: float) -> bool:
    """Find out how an INVITE has come about, as far as that is proved.

    True if we expect it: it takes the place of a call of ours, or we have sent the caller away.
    """
    invite = caller.session.invite
    if invite.is_returned:
        until_s, target = line.sent_away.pop(caller.number, (0.0, ""))
        if until_s <= now_s:
            return False
        via = line.names.get(target, target)
        leg.view = replace(leg.view, via=via, transfer=Transfer.RETURNED)
        return True
    try:
        referral = Referral.decode(invite.referral)
    except MalformedError:
        return False
    if not referral.is_for(caller.number, line.transactions.own_number or ""):
        return False
    leg.replaces = _replaced(line, referral)
    if leg.replaces is None and not _is_known(line, referral, now_s):
        return False
    via = line.names.get(referral.transferrer, referral.transferrer)
    if leg.replaces is not None:
        via = _name(leg.replaces)
    leg.view = replace(leg.view, via=via, transfer=Transfer.PUT_THROUGH)
    return leg.replaces is not None


def _replaced(line: Line, referral: Referral) -> Leg | None:
    """The call of ours with who has signed it, if a person is in it."""
    for leg in line.legs():
        if not leg.is_talking or leg.session is None or leg.session.channel is None:
            continue
        is_named = leg.session.channel.session_id == referral.replaces
        is_signers = referral.is_by(leg.session.certificate.public_key)
        if is_named and is_signers and not (line.is_hands_free or leg.view.is_by_box):
            return leg
    return None


def _is_known(line: Line, referral: Referral, now_s: float) -> bool:
    """We know the key of who has signed it, and it was signed just now."""
    pinned = line.pins.keys.get(referral.transferrer)
    utc_s = line.transactions.freshness.utc_s(now_s)
    if pinned is None or utc_s is None or abs(utc_s - referral.utc_s) > FRESH_S:
        return False
    return referral.is_by(pinned)


def take_place(line: Line, caller: Proved, leg: Leg, now_s: float) -> None:
    """Answer at once, in the place of the call that is replaced; nothing rings."""
    old, session = leg.replaces, caller.session
    codec = common_codec(caller, line.codecs)
    assert old is not None and codec is not None
    hidden = session.invite.relayed_only or old.disclosure.relayed_only
    leg.disclosure.relayed_only, leg.replaces = hidden, None
    session.own_candidates = leg.disclosure.to_all()
    session.attend(now_s)
    answer = messages.Answered(codec, session.own_candidates, packet_ms=line.packet_ms)
    line.transactions.respond(session, answer, now_s)
    if session.is_over:
        return  # no response could be sealed
    leg.session, leg.number, leg.is_joined = session, caller.number, old.is_joined
    if old is line.front:
        line.front = leg
    else:
        line.beside[line.beside.index(old)] = leg
    line.prepare_media(leg, codec, session.invite.packet_ms, now_s)
    hear_candidates(line, leg, session.invite, now_s)
    line.talk(now_s, leg)
    line.hang_up(old, now_s)
    if leg in line.beside and not leg.is_joined:
        line.hold(leg, now_s, on=True)
