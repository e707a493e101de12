"""A call that comes about: states, keys, hang-up at both ends."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.call.session import GIVE_UP_S
from firmware.model import CallState, CallView, Codec, Endpoint, EndReason
from tests.call.link import Link, person, reasons, ringing, two_phones

ANNA, BERT = person("Anna"), person("Bert")


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
        "OpenEarpiece ExpectNumber ResolveNumber PreparePath PrepareMedia PeerPinned SaveRecord"
        " StartMedia OpenMicrophone CallEnded CloseMicrophone StopMedia CloseEarpiece"
    )
    assert " ".join(deeds[1]) == (
        "ComputeArgon2 CallOffered OfferEnded StartRinging PreparePath PrepareMedia"
        " StopRinging OpenEarpiece PeerPinned SaveRecord StartMedia OpenMicrophone"
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
    link.run(0.05)  # until ACK is there
    assert anna.view.authentication_digits == bert.view.authentication_digits
    assert len(anna.view.authentication_digits) == 4


def test_each_end_sends_packets_as_long_as_the_other_wants_them() -> None:
    link = Link()
    anna, bert = link.add("Anna", packet_ms=60), link.add("Bert", packet_ms=10)
    link.connect(anna, bert)
    (caller,), (callee,) = anna.asked(events.PrepareMedia), bert.asked(events.PrepareMedia)
    assert isinstance(caller, events.PrepareMedia) and caller.packet_ms == 10
    assert isinstance(callee, events.PrepareMedia) and callee.packet_ms == 60


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
