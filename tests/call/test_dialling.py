"""From the handset to the callee's address: digits, verdicts, who is not found."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.call.dialplan import FIRST_DIGIT_S, NEXT_DIGIT_S
from firmware.call.outgoing import LOOKUP_S_MAX
from firmware.call.session import GIVE_UP_S
from firmware.model import CallState, CallView, EndReason
from tests.call.link import Link, person, ringing, two_phones

ANNA, BERT = person("Anna"), person("Bert")


def test_lifting_opens_the_earpiece_and_nothing_else() -> None:
    link = Link()
    anna, _ = two_phones(link)
    said = link.tell(anna, events.HookLifted())
    view = CallView(state=CallState.OFF_HOOK)
    assert said == [events.OpenEarpiece(), events.CallChanged(view)]


def test_keys_that_sound_have_the_microphone_open_as_long_as_the_earpiece() -> None:
    link = Link()
    anna, bert = link.add("Anna", keys_sound=True), link.add("Bert")
    assert link.tell(anna, events.HookLifted())[:2] == [
        events.OpenEarpiece(),
        events.OpenMicrophone(),
    ]
    for key in BERT.number:
        link.tell(anna, events.KeyPressed(key))
    link.wait(bert, CallState.RINGING)
    link.tell(bert, events.HookLifted())
    link.wait(anna, CallState.CONNECTED)
    link.tell(bert, events.HookReplaced())
    link.wait(anna, CallState.FAILED)
    assert not anna.asked(events.CloseMicrophone)
    link.tell(anna, events.HookReplaced())
    assert len(anna.asked(events.OpenMicrophone)) == len(anna.asked(events.CloseMicrophone)) == 1


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
    link.dial(anna, "471#")
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
