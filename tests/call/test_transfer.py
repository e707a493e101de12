"""Transfer: whose hand goes down when two others are in it, and what a stranger cannot do by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware import events
from firmware.call import messages
from firmware.call.line import Line
from firmware.call.outgoing import RING_TRANSFERRED_S
from firmware.call.referral import NO_SESSION, Referral
from firmware.call.transfer import RECALL_S
from firmware.model import CallState, EndReason, Transfer
from tests.call.link import Link, Phone, reasons
from tests.call.test_several import Party


def line_of(phone: Phone) -> Line:
    return phone.core._line


def dial_second(party: Party, callee: Phone) -> None:
    """Anna puts Bert on hold and dials."""
    party.flash(party.anna)
    for key in callee.person.number:
        party.tell(party.anna, events.KeyPressed(key))


def assert_talking(one: Phone, other: Phone) -> None:
    for here, there in ((one, other), (other, one)):
        assert here.view.state is CallState.CONNECTED
        assert here.view.peer_number == there.person.number
        assert not here.view.is_on_hold
    assert one.view.authentication_digits == other.view.authentication_digits


def assert_at_rest(*phones: Phone) -> None:
    for phone in phones:
        assert phone.view.state is CallState.IDLE and phone.core.calls() == []
        assert not line_of(phone).parting and not phone.rings
        for opens, closes in (
            (events.OpenMicrophone, events.CloseMicrophone),
            (events.PrepareMedia, events.StopMedia),
        ):
            assert len(phone.asked(opens)) == len(phone.asked(closes))


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_who_hangs_up_in_a_second_call_connects_the_two_others_without_a_ring(loss: float) -> None:
    party = Party(loss=loss)
    party.consult()
    rung = len(party.clara.asked(events.StartRinging))
    party.tell(party.anna, events.HookReplaced())
    assert party.anna.view.state is CallState.IDLE
    party.run(1.5)
    assert_talking(party.bert, party.clara)
    assert len(party.clara.asked(events.StartRinging)) == rung
    assert party.clara.view.transfer is Transfer.PUT_THROUGH and party.clara.view.via == "Anna"
    party.run(12.0)
    assert_at_rest(party.anna)
    assert reasons(party.anna) == [EndReason.HUNG_UP, EndReason.HUNG_UP]


def test_who_has_swapped_back_connects_them_as_well() -> None:
    party = Party()
    party.consult()
    party.flash(party.anna, "2")
    party.tell(party.anna, events.HookReplaced())
    party.run(1.5)
    assert_talking(party.bert, party.clara)


def test_who_leaves_a_conference_leaves_the_two_others_together() -> None:
    party = Party()
    party.consult()
    party.flash(party.anna, "3")
    party.tell(party.anna, events.HookReplaced())
    party.run(1.5)
    assert_talking(party.bert, party.clara)


def test_two_callers_of_whom_none_was_dialled_beside_the_other_are_not_connected() -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    party.flash(party.anna, "2")
    party.wait(party.clara, CallState.CONNECTED)
    party.tell(party.anna, events.HookReplaced())
    party.run(1.5)
    assert party.bert.view.state is CallState.FAILED
    assert party.clara.view.state is CallState.FAILED


@pytest.mark.parametrize("is_ringing", [True, False])
def test_who_hangs_up_before_the_answer_lets_the_bell_ring_for_the_other(is_ringing: bool) -> None:
    party = Party()
    dial_second(party, party.clara)
    if is_ringing:
        party.wait(party.anna, CallState.RINGBACK)
    party.tell(party.anna, events.HookReplaced())
    party.run(1.0)
    assert party.bert.view.state is CallState.RINGBACK
    assert party.bert.view.transfer is Transfer.PUT_THROUGH and party.bert.view.via == "Anna"
    assert party.clara.rings and party.clara.view.peer_number == party.bert.person.number
    party.tell(party.clara, events.HookLifted())
    party.run(0.5)
    assert_talking(party.bert, party.clara)
    assert_at_rest(party.anna)


def test_target_reads_who_has_put_the_call_through_if_it_knows_that_key() -> None:
    party = Party()
    line_of(party.clara).pins.add(party.anna.person.number, party.anna.person.identity.public_key)
    dial_second(party, party.clara)
    party.tell(party.anna, events.HookReplaced())
    party.run(1.0)
    assert party.clara.view.via == party.anna.person.number


def test_transferee_who_reaches_nobody_calls_the_transferrer_back_and_says_why() -> None:
    party = Party()
    dial_second(party, party.clara)
    party.tell(party.anna, events.HookReplaced())
    party.run(RING_TRANSFERRED_S + 2.0)
    assert not party.clara.rings and party.anna.rings
    assert party.anna.view.peer_number == party.bert.person.number
    assert party.anna.view.transfer is Transfer.RETURNED
    assert party.anna.view.via == party.clara.person.number
    party.tell(party.anna, events.HookLifted())
    party.run(0.5)
    assert_talking(party.anna, party.bert)


def test_return_that_is_not_answered_ends_and_is_not_repeated() -> None:
    party = Party()
    dial_second(party, party.clara)
    party.clara.online = False
    party.tell(party.anna, events.HookReplaced())
    party.run(120.0)
    assert_at_rest(party.anna)
    assert party.bert.view.state is CallState.FAILED
    assert reasons(party.bert).count(EndReason.NO_ANSWER) == 1


def test_attended_target_that_has_vanished_is_no_dead_end() -> None:
    party = Party()
    party.consult()
    party.clara.online = False
    party.tell(party.anna, events.HookReplaced())
    party.run(12.0)
    assert party.anna.rings, "Bert comes back"
    party.tell(party.anna, events.HookLifted())
    party.run(1.0)
    assert_talking(party.anna, party.bert)


def test_blocked_transferee_does_not_take_the_place_of_a_call() -> None:
    party = Party()
    party.consult()
    offers: list[events.CallOffered] = []

    def refuse(offer: events.CallOffered) -> events.Message:
        offers.append(offer)
        return events.RefuseCall(offer.call, EndReason.DECLINED)

    party.verdict = refuse
    party.tell(party.anna, events.HookReplaced())
    party.run(3.0)
    assert offers[0].is_referred and offers[0].number == party.bert.person.number
    assert party.clara.view.peer_number != party.bert.person.number


def test_somebody_on_hold_cannot_be_sent_away_from_another_conversation() -> None:
    """Bert talks with Dora while Anna, on hold, wants to put him through: Anna's bell sounds."""
    party = Party()
    party.call_waiting(party.dora, party.bert)
    party.flash(party.bert, "2")
    party.wait(party.dora, CallState.CONNECTED)
    party.consult()
    party.tell(party.anna, events.HookReplaced())
    party.run(1.0)
    assert party.bert.view.peer_number == party.dora.person.number
    assert party.anna.rings and party.anna.view.transfer is Transfer.RETURNED
    party.run(RECALL_S + 1.0)
    assert_at_rest(party.anna)
    assert party.bert.view.others == ()


def test_who_lifts_for_somebody_who_stayed_goes_on_with_that_call() -> None:
    party = Party()
    party.call_waiting(party.dora, party.bert)
    party.flash(party.bert, "2")
    party.wait(party.dora, CallState.CONNECTED)
    party.consult()
    party.tell(party.anna, events.HookReplaced())
    party.run(1.0)
    party.tell(party.anna, events.HookLifted())
    party.flash(party.bert, "1")
    party.run(0.5)
    assert_talking(party.anna, party.bert)
    party.tell(party.anna, events.HookReplaced())
    party.run(1.0)
    assert_at_rest(party.anna)


def refer(party: Party, referral: bytes, number: str) -> None:
    """Anna's box, which may be anything, sends Bert away."""
    session = line_of(party.anna).front.session
    assert session is not None
    session.refer(messages.Refer(number, referral), party.now_s)
    party.tell(party.anna, events.WallClockRead(1.8e9 + party.now_s))
    party.run(0.5)


def referral_of(party: Party, **other: str | bytes) -> Referral:
    anna, bert, clara = (phone.person for phone in (party.anna, party.bert, party.clara))
    good = Referral(anna.identity.public_key, anna.number, bert.number, clara.number, 1)
    return replace(good, **other)  # type: ignore[arg-type]  # a test names fields by word


REFERRALS = ["good", "forged", "of_another", "truncated", "own", "other_target"]


@pytest.mark.parametrize("what", REFERRALS)
def test_telephone_follows_its_peers_own_referral_and_no_other(what: str) -> None:
    party = Party()
    identity, number = party.anna.person.identity, party.clara.person.number
    good = referral_of(party).sign(identity)
    bad = {
        "forged": good[:-1] + bytes([good[-1] ^ 1]),
        "of_another": referral_of(party).sign(party.dora.person.identity),
        "truncated": good[:-1],
        "own": referral_of(party, target=party.bert.person.number).sign(identity),
        "other_target": referral_of(party, target=party.dora.person.number).sign(identity),
    }
    if what == "own":
        number = party.bert.person.number
    refer(party, bad.get(what, good), number)
    is_sent = party.bert.view.peer_number != party.anna.person.number
    assert is_sent is (what == "good")
    if what != "good":
        assert_talking(party.anna, party.bert)


@pytest.mark.parametrize("what", ["other_session", "signed_by_caller", "other_transferee"])
def test_referral_that_does_not_name_this_call_lets_the_bell_ring_like_any_caller(
    what: str,
) -> None:
    """Dora wants to get into the call of Anna and Bert without being let in."""
    link = Link()
    anna, bert, dora = (link.add(name) for name in ("Anna", "Bert", "Dora"))
    link.connect(anna, bert)
    session = line_of(anna).front.session
    assert session is not None and session.channel is not None
    replaces = session.channel.session_id
    good = Referral(
        anna.person.identity.public_key,
        *(anna.person.number, dora.person.number, bert.person.number),
        *(1_800_000_000, replaces),
    )
    match what:
        case "other_session":
            shown = replace(good, replaces=b"12345678").sign(anna.person.identity)
        case "signed_by_caller":
            key = dora.person.identity.public_key
            shown = replace(good, public_key=key).sign(dora.person.identity)
        case _:
            shown = replace(good, transferee=anna.person.number).sign(anna.person.identity)
    link.dial(dora, bert.person.number[:-1])
    line_of(dora).front.referral = shown
    link.tell(dora, events.KeyPressed(bert.person.number[-1]))
    link.run(1.0)
    assert bert.view.peer_number == anna.person.number
    assert [other.peer_number for other in bert.view.others] == [dora.person.number]


def test_referral_of_long_ago_names_nobody() -> None:
    link = Link()
    anna, bert, dora = (link.add(name) for name in ("Anna", "Bert", "Dora"))
    line_of(bert).pins.add(anna.person.number, anna.person.identity.public_key)
    numbers = anna.person.number, dora.person.number, bert.person.number
    for utc_s, via in ((1_799_999_000, ""), (1_800_000_000, anna.person.number)):
        referral = Referral(anna.person.identity.public_key, *numbers, utc_s, NO_SESSION)
        link.dial(dora, bert.person.number[:-1])
        line_of(dora).front.referral = referral.sign(anna.person.identity)
        link.tell(dora, events.KeyPressed(bert.person.number[-1]))
        link.wait(bert, CallState.RINGING)
        assert bert.view.via == via
        link.tell(dora, events.HookReplaced())
        link.run(1.0)


def test_return_of_somebody_who_was_never_sent_away_is_a_call_like_any() -> None:
    link = Link()
    anna, bert = link.add("Anna"), link.add("Bert")
    offers: list[events.CallOffered] = []

    def admit(offer: events.CallOffered) -> events.Message:
        offers.append(offer)
        return offer

    link.verdict = admit
    link.dial(anna, bert.person.number[:-1])
    line_of(anna).front.is_return = True
    link.tell(anna, events.KeyPressed(bert.person.number[-1]))
    link.wait(bert, CallState.RINGING)
    assert bert.view.transfer is None and not offers[0].is_referred
