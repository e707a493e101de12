from __future__ import annotations

import pytest

from firmware import events
from firmware.call.dialplan import FIRST_DIGIT_S, NEXT_DIGIT_S
from firmware.call.line import LOOKUP_S_MAX, RING_CALLEE_S, RING_CALLER_S
from firmware.call.pins import decode_pins
from firmware.call.session import GIVE_UP_S
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason
from tests.call.link import Link, Phone, person, two_phones

ANNA, BERT = person("Anna"), person("Bert")


def ringing(link: Link, anna: Phone, bert: Phone) -> None:
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.RINGBACK)
    link.wait(bert, CallState.RINGING)


def reasons(phone: Phone) -> list[EndReason]:
    return [end.reason for end in phone.ended]


# --- dialling ----------------------------------------------------------------------------------


def test_lifting_opens_the_earpiece_and_nothing_else() -> None:
    link = Link()
    anna, _ = two_phones(link)
    said = link.tell(anna, events.HookLifted())
    view = CallView(state=CallState.OFF_HOOK)
    assert said == [events.OpenEarpiece(), events.CallChanged(view)]


def test_each_digit_is_shown() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.tell(anna, events.HookLifted())
    for i, key in enumerate(bert.person.number[:11], start=1):
        link.tell(anna, events.KeyPressed(key))
        assert anna.view == CallView(CallState.DIALLING, digits=bert.person.number[:i])
    assert anna.asked(events.ResolveNumber) == []
    link.tell(anna, events.KeyPressed(bert.person.number[11]))
    assert anna.view.state is CallState.CALLING
    assert anna.asked(events.ResolveNumber) == [events.ResolveNumber(bert.person.number)]


def test_wrong_check_digit_fails_at_the_twelfth_digit_with_no_packet() -> None:
    link = Link()
    anna, bert = two_phones(link)
    last = str((int(bert.person.number[-1]) + 1) % 10)
    link.dial(anna, bert.person.number[:-1] + last)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.WRONG_NUMBER)
    link.run(30.0)
    assert link.sent == []
    assert anna.asked(events.ResolveNumber) == anna.asked(events.CallEnded) == []


@pytest.mark.parametrize("digits", ["112", "911", "110", "999", "000", "118"])
def test_emergency_number_is_told_at_once(digits: str) -> None:
    link = Link()
    anna = link.add("Anna", ready=False)
    link.dial(anna, digits)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.EMERGENCY)
    assert anna.view.digits == digits


def test_send_key_ends_a_number_that_is_too_short() -> None:
    link = Link()
    anna, _ = two_phones(link)
    link.dial(anna, "#")
    assert anna.view.state is CallState.OFF_HOOK
    for key in "47#":
        link.tell(anna, events.KeyPressed(key))
    assert anna.view.reason is EndReason.WRONG_NUMBER


def test_clear_key_gives_dial_tone_again() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, "4711*")
    assert anna.view == CallView(CallState.OFF_HOOK)
    for key in bert.person.number:
        link.tell(anna, events.KeyPressed(key))
    assert anna.view.state is CallState.CALLING


def test_letter_keys_do_nothing() -> None:
    link = Link()
    anna, _ = two_phones(link)
    link.dial(anna, "ABCD")
    assert anna.view == CallView(CallState.OFF_HOOK)


@pytest.mark.parametrize(("digits", "limit_s"), [("", FIRST_DIGIT_S), ("47", NEXT_DIGIT_S)])
def test_waiting_too_long_with_a_digit_times_out(digits: str, limit_s: float) -> None:
    link = Link()
    anna, _ = two_phones(link)
    link.dial(anna, digits)
    link.run(limit_s - 0.1)
    assert anna.view.state in (CallState.OFF_HOOK, CallState.DIALLING)
    link.run(0.2)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.TIMED_OUT)


def test_calling_before_our_number_exists_is_not_ready() -> None:
    link = Link()
    anna, bert = link.add("Anna", ready=False), link.add("Bert")
    link.dial(anna, bert.person.number)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.NOT_READY)
    link.tell(anna, events.HookReplaced())
    link.tell(anna, events.NumberClaimed(ANNA.number, ANNA.certificate.encode()))
    ringing(link, anna, bert)


def test_our_own_number_is_busy_with_no_packet() -> None:
    link = Link()
    anna, _ = two_phones(link)
    link.dial(anna, anna.person.number)
    link.run(5.0)
    assert (anna.view.state, anna.view.reason) == (CallState.BUSY, EndReason.BUSY)
    assert link.sent == []


# --- finding the callee --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "reason"), [(False, EndReason.UNREACHABLE), (True, EndReason.NUMBER_CHANGED)]
)
def test_number_that_nobody_or_two_prove_fails(conflict: bool, reason: EndReason) -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.directory = lambda _, wanted: events.NumberUnresolved(wanted, conflict)
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is reason
    assert anna.ended == [events.CallEnded(BERT.number, False, reason, 0.0)]


def test_directory_that_never_answers_ends_the_call() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.directory = lambda _asking, _wanted: events.NumberUnresolved("another")
    link.dial(anna, bert.person.number)
    link.run(LOOKUP_S_MAX - 0.1)
    assert anna.view.state is CallState.CALLING
    link.run(0.2)
    assert anna.view.reason is EndReason.UNREACHABLE


@pytest.mark.parametrize("certificate", [b"", b"x" * 150])
def test_certificate_that_cannot_be_read_is_unreachable(certificate: bytes) -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.directory = lambda _, wanted: events.NumberResolved(wanted, certificate, (bert.endpoint,))
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.UNREACHABLE


def test_callee_without_an_endpoint_is_unreachable() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.directory = lambda _, wanted: events.NumberResolved(wanted, BERT.certificate.encode(), ())
    link.dial(anna, bert.person.number)
    link.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.UNREACHABLE


def test_callee_that_is_switched_off_is_unreachable_after_the_give_up_time() -> None:
    link = Link()
    anna, bert = two_phones(link)
    bert.online = False
    link.dial(anna, bert.person.number)
    link.run(0.2 + GIVE_UP_S - 0.1)
    assert anna.view.state is CallState.CALLING
    link.run(0.2)
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.UNREACHABLE)


def test_second_endpoint_is_tried_when_the_first_is_dead() -> None:
    link = Link()
    anna, bert = two_phones(link)
    dead = link.add("Clara")
    dead.online = False
    endpoints = (dead.endpoint, bert.endpoint)
    link.directory = lambda _, wanted: events.NumberResolved(
        wanted, BERT.certificate.encode(), endpoints
    )
    link.connect(anna, bert)
    assert [sent.to for _, _, sent in link.sent][:2] == list(endpoints)


# --- a call --------------------------------------------------------------------------------------


def test_call_goes_through_every_state_and_says_what_the_others_must_do() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(10.0)
    link.tell(anna, events.HookReplaced())
    link.wait(bert, CallState.FAILED)
    link.tell(bert, events.HookReplaced())
    states = [
        [said.view.state.value for said in phone.said if isinstance(said, events.CallChanged)]
        for phone in (anna, bert)
    ]
    assert list(dict.fromkeys(states[0])) == (
        ["off_hook", "dialling", "calling", "ringback", "connected", "idle"]
    )
    assert list(dict.fromkeys(states[1])) == ["ringing", "connected", "failed", "idle"]
    deeds = [
        [
            type(said).__name__
            for said in phone.said
            if not isinstance(said, events.CallChanged | events.SendDatagram)
        ]
        for phone in (anna, bert)
    ]
    assert " ".join(deeds[0]) == (
        "OpenEarpiece ExpectNumber ResolveNumber PrepareMedia PeerPinned StoreState StartMedia"
        " OpenMicrophone CallEnded CloseMicrophone StopMedia CloseEarpiece"
    )
    assert " ".join(deeds[1]) == (
        "ComputeArgon2 StartRinging PrepareMedia StopRinging OpenEarpiece"
        " PeerPinned StoreState StartMedia OpenMicrophone"
        " CallEnded CloseMicrophone StopMedia CloseEarpiece"
    )


def test_callee_sees_who_calls_while_it_rings() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    assert bert.rings
    assert bert.view == CallView(
        CallState.RINGING,
        incoming=True,
        peer_number=ANNA.number,
        peer_name="Anna",
        codec=Codec.OPUS,
    )


def test_phone_book_goes_before_the_name_of_the_certificate() -> None:
    link = Link()
    anna = link.add("Anna", names={BERT.number: "Grandpa"})
    bert = link.add("Bert", names={ANNA.number: "Granddaughter"})
    ringing(link, anna, bert)
    assert (anna.view.peer_name, bert.view.peer_name) == ("Grandpa", "Granddaughter")


def test_ringback_comes_after_one_round_trip_and_one_hash() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.dial(anna, bert.person.number)
    link.run(0.2 + 0.02 + bert.hash_s + 0.019)
    assert anna.view.codec is None
    link.run(0.002)
    link.wait(anna, CallState.RINGBACK, timeout_s=0.0)


def test_both_ends_agree_on_keys_codec_and_digits() -> None:
    link = Link()
    anna, bert = link.add("Anna", codecs=(Codec.PCMU, Codec.OPUS)), link.add("Bert")
    link.connect(anna, bert)
    (caller,), (callee,) = anna.asked(events.PrepareMedia), bert.asked(events.PrepareMedia)
    assert isinstance(caller, events.PrepareMedia)
    assert isinstance(callee, events.PrepareMedia)
    assert caller.codec is callee.codec is Codec.PCMU  # the caller's preference
    assert caller.send_key == callee.receive_key != caller.receive_key == callee.send_key
    assert (caller.remote, callee.remote) == (bert.endpoint, anna.endpoint)
    assert anna.view.authentication_digits == bert.view.authentication_digits
    assert len(anna.view.authentication_digits) == 4


def test_microphone_is_open_only_while_connected() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    assert not anna.asked(events.OpenMicrophone) + bert.asked(events.OpenMicrophone)
    link.tell(bert, events.HookLifted())
    link.wait(anna, CallState.CONNECTED)
    link.tell(bert, events.HookReplaced())
    link.wait(anna, CallState.FAILED)
    for phone in (anna, bert):
        assert len(phone.asked(events.OpenMicrophone)) == 1
        assert len(phone.asked(events.CloseMicrophone)) == 1


@pytest.mark.parametrize("hangs_up_first", ["Anna", "Bert"])
def test_hanging_up_tells_the_peer_and_logs_the_duration(hangs_up_first: str) -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(60.0)
    first, second = (anna, bert) if hangs_up_first == "Anna" else (bert, anna)
    link.tell(first, events.HookReplaced())
    assert first.view == CallView(CallState.IDLE, reason=EndReason.HUNG_UP)
    link.run(0.1)
    assert second.view.state is CallState.FAILED
    assert second.view.reason is EndReason.HUNG_UP_BY_PEER
    assert second.view.connected_s is None
    link.tell(second, events.HookReplaced())
    assert second.view == CallView(CallState.IDLE, reason=EndReason.HUNG_UP_BY_PEER)
    assert reasons(first) == [EndReason.HUNG_UP]
    assert reasons(second) == [EndReason.HUNG_UP_BY_PEER]
    assert all(end.duration_s == pytest.approx(60, abs=0.2) for end in first.ended + second.ended)


def test_both_hang_up_at_once() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    for phone in (anna, bert):
        link.tell(phone, events.HookReplaced())
    link.run(30.0)
    assert reasons(anna) == reasons(bert) == [EndReason.HUNG_UP]
    assert anna.core.deadline_s() is bert.core.deadline_s() is None


def test_lost_media_ends_the_call_at_both_ends() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.tell(anna, events.MediaLost())
    assert (anna.view.state, anna.view.reason) == (CallState.FAILED, EndReason.CONNECTION_LOST)
    link.wait(bert, CallState.FAILED)
    assert bert.view.reason is EndReason.HUNG_UP_BY_PEER


def test_answer_that_is_never_confirmed_is_a_lost_connection() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    anna.online = False
    link.tell(bert, events.HookLifted())
    link.run(GIVE_UP_S + 0.1)
    assert (bert.view.state, bert.view.reason) == (CallState.FAILED, EndReason.CONNECTION_LOST)


def test_peer_whose_address_changes_is_answered_at_the_new_one() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(1.0)
    del link.phones[anna.endpoint]
    anna.endpoint = Endpoint("198.51.100.9", 6881)
    link.phones[anna.endpoint] = anna
    link.tell(anna, events.HookReplaced())
    link.wait(bert, CallState.FAILED)
    assert link.sent[-1][2].to == anna.endpoint


# --- a call that does not come about -------------------------------------------------------------


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
    link.connect(anna, bert)
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


# --- pins ----------------------------------------------------------------------------------------


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
    (stored,) = anna.asked(events.StoreState)
    assert isinstance(stored, events.StoreState)
    assert stored.name == "peers.json"
    assert decode_pins(stored.data, "peers.json") == {BERT.number: BERT.identity.public_key}
    for phone in (anna, bert):
        link.tell(phone, events.HookReplaced())
    link.run(1.0)
    link.connect(anna, bert)
    assert len(anna.asked(events.StoreState)) == 1


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
