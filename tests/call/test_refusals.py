"""Calls that do not come about: busy, unanswered, refused, another key."""

from __future__ import annotations

from firmware import events
from firmware.call.incoming import RING_CALLEE_S
from firmware.call.outgoing import RING_CALLER_S
from firmware.call.session import GIVE_UP_S
from firmware.events.store import Kind, SaveRecord
from firmware.model import CallState, CallView, Codec, EndReason
from tests.call.link import Link, person, reasons, ringing, two_phones

ANNA, BERT = person("Anna"), person("Bert")


def test_callee_with_lifted_handset_is_busy_and_logs_the_call() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.tell(bert, events.HookLifted())
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.BUSY)
    assert anna.view.reason is EndReason.BUSY
    assert not bert.rings
    assert bert.view == CallView(CallState.OFF_HOOK)
    assert bert.ended == [events.CallEnded(ANNA.number, True, EndReason.BUSY, 0.0)]
    assert anna.asked(events.PrepareMedia) == []


def test_third_caller_is_told_busy_and_disturbs_nobody() -> None:
    link = Link()
    anna, bert = two_phones(link)
    clara = link.add("Clara")
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    before = bert.view
    link.dial(clara, bert.person.number)
    link.wait(clara, CallState.BUSY)
    assert bert.view == before


def test_two_who_call_each_other_at_once_are_both_busy() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.dial(bert, anna.person.number)
    link.run(2.0)
    assert anna.view.state is bert.view.state is CallState.BUSY
    for phone in (anna, bert):
        link.tell(phone, events.HookReplaced())
    link.run(1.0)
    link.connect(anna, bert)


def test_caller_gives_up_after_a_minute_and_the_bell_stops() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    link.run(RING_CALLER_S - 1.0)
    assert bert.rings
    link.run(1.2)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.NO_ANSWER)
    assert not bert.rings
    missed = CallView(
        incoming=True, peer_number=ANNA.number, peer_name="Anna", reason=EndReason.MISSED
    )
    assert bert.view == missed
    assert reasons(bert) == [EndReason.MISSED]


def test_bell_stops_by_itself_when_the_caller_has_vanished() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    anna.online = False
    link.run(RING_CALLEE_S - 0.2)
    assert bert.rings
    link.run(0.3)
    assert not bert.rings
    assert bert.view.reason is EndReason.MISSED


def test_reject_key_silences_the_bell_and_tells_the_caller() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    link.tell(bert, events.KeyPressed("5"))
    assert bert.rings
    link.tell(bert, events.KeyPressed("*"))
    assert not bert.rings
    assert bert.view.state is CallState.IDLE
    link.run(0.1)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.DECLINED)
    link.run(30.0)
    assert bert.core.deadline_s() is None  # the refusal was confirmed


def test_no_common_codec_is_told_at_both_ends() -> None:
    link = Link()
    anna, bert = link.add("Anna", codecs=(Codec.OPUS,)), link.add("Bert", codecs=(Codec.PCMA,))
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.NO_COMMON_CODEC
    assert reasons(bert) == [EndReason.NO_COMMON_CODEC]
    assert not bert.asked(events.StartRinging)


def test_box_that_has_another_number_now_is_unreachable() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.tell(bert, events.NumberClaimed(ANNA.number, b""))
    link.dial(anna, bert.person.number)
    link.run(1.0)
    assert anna.view.reason is EndReason.UNREACHABLE
    assert not bert.asked(events.ComputeArgon2)


def test_caller_that_hangs_up_as_the_callee_lifts_ends_both() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    link.tell(anna, events.HookReplaced())
    link.tell(bert, events.HookLifted())
    assert bert.view.state is CallState.CONNECTED
    link.run(1.0)
    assert bert.view.reason is EndReason.HUNG_UP_BY_PEER
    assert anna.view.state is CallState.IDLE
    assert not anna.asked(events.StartMedia)


def test_callee_that_lifts_and_replaces_at_once_ends_both() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    link.tell(bert, events.HookLifted())
    link.tell(bert, events.HookReplaced())
    link.run(1.0)
    assert anna.view.reason is EndReason.HUNG_UP_BY_PEER
    assert bert.view.state is CallState.IDLE


def test_caller_that_hangs_up_before_any_response_leaves_no_bell_ringing() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.run(0.21)
    assert anna.view.digits == bert.person.number
    assert len(link.sent) == 1
    link.tell(anna, events.HookReplaced())
    assert anna.view.state is CallState.IDLE
    link.run(1.0)
    assert not bert.rings
    assert reasons(bert) == [EndReason.MISSED]
    ringing(link, anna, bert)  # and the line is free again


def test_new_call_may_begin_while_the_last_bye_is_still_repeated() -> None:
    link = Link()
    anna, bert = two_phones(link)
    clara = link.add("Clara")
    link.connect(anna, bert)
    bert.online = False
    link.tell(anna, events.HookReplaced())
    link.connect(anna, clara)
    link.run(GIVE_UP_S + 1.0)
    assert anna.view.state is CallState.CONNECTED


def test_key_is_pinned_and_stored_at_the_first_conversation_only() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    assert not anna.asked(events.PeerPinned) + bert.asked(events.PeerPinned)
    link.tell(bert, events.HookLifted())
    link.wait(anna, CallState.CONNECTED)
    assert anna.asked(events.PeerPinned) == [
        events.PeerPinned(BERT.number, BERT.identity.public_key)
    ]
    saved = SaveRecord(Kind.PIN, BERT.number, BERT.identity.public_key)
    assert anna.asked(SaveRecord) == [saved]
    for phone in (anna, bert):
        link.tell(phone, events.HookReplaced())
    link.run(1.0)
    link.connect(anna, bert)
    assert len(anna.asked(SaveRecord)) == 1


def test_pinned_number_with_another_key_is_never_called() -> None:
    link = Link()
    anna, bert = link.add("Anna", pins={BERT.number: bytes(32)}), link.add("Bert")
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.NUMBER_CHANGED
    link.run(5.0)
    assert link.sent == []


def test_caller_whose_number_is_pinned_to_another_key_never_rings() -> None:
    link = Link()
    anna, bert = link.add("Anna"), link.add("Bert", pins={ANNA.number: bytes(32)})
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.DECLINED
    assert not bert.asked(events.StartRinging)
    assert bert.view == CallView(
        incoming=True, peer_number=ANNA.number, peer_name="Anna", reason=EndReason.NUMBER_CHANGED
    )
    assert reasons(bert) == [EndReason.NUMBER_CHANGED]
    assert bert.core.pins == {ANNA.number: bytes(32)}


def test_pinned_number_with_its_own_key_rings() -> None:
    link = Link()
    anna = link.add("Anna")
    bert = link.add("Bert", pins={ANNA.number: ANNA.identity.public_key})
    ringing(link, anna, bert)
    assert anna.core.pins == {}
    assert bert.core.pins.keys() == {ANNA.number}
