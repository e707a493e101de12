"""Each fact in each state: nothing raises, and the handset on its hook means peace."""

from __future__ import annotations

import pytest

from firmware import events, number
from firmware.call.machine import IN_ANY_STATE, NEXT
from firmware.events import Fact
from firmware.model import CallState, Endpoint, EndReason
from tests.call.link import Link, Phone, person, two_phones

ANNA, BERT, CLARA = person("Anna"), person("Bert"), person("Clara")
SOMEWHERE = Endpoint("203.0.113.5", 4000)


def reach(state: CallState) -> tuple[Link, Phone]:
    """Anna's telephone in `state`."""
    link = Link()
    anna, bert = two_phones(link)
    match state:
        case CallState.IDLE:
            pass
        case CallState.OFF_HOOK:
            link.tell(anna, events.HookLifted())
        case CallState.DIALLING:
            link.dial(anna, "47")
        case CallState.CALLING:
            link.dial(anna, BERT.number)
        case CallState.RINGBACK:
            link.dial(anna, BERT.number)
            link.wait(anna, CallState.RINGBACK)
        case CallState.RINGING:
            link.dial(bert, ANNA.number)
            link.wait(anna, CallState.RINGING)
        case CallState.CONNECTED:
            link.connect(anna, bert)
        case CallState.BUSY:
            link.dial(anna, ANNA.number)
        case CallState.FAILED:
            link.dial(anna, "112")
    assert anna.view.state is state
    return link, anna


FACTS: tuple[Fact, ...] = (
    events.Started(),
    events.HookLifted(),
    events.HookReplaced(),
    *(events.KeyPressed(key) for key in "0123456789*#A"),
    events.NumberClaimed(CLARA.number, CLARA.certificate.encode()),
    events.NumberResolved(BERT.number, BERT.certificate.encode(), ()),
    events.NumberResolved(CLARA.number, CLARA.certificate.encode(), ()),
    events.NumberResolved("", b"", ()),
    events.NumberUnresolved(BERT.number),
    events.NumberUnresolved("", conflict=True),
    events.DatagramReceived(b"\xf0", SOMEWHERE),
    events.Argon2Computed(*number.hash_question(bytes(32), bytes(16)), bytes(32)),
    events.MediaLost(),
    events.WallClockRead(1.0),
)


@pytest.mark.parametrize("state", list(CallState))
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_any_fact_in_any_state_raises_nothing_and_the_hook_ends_it(
    state: CallState, fact: Fact
) -> None:
    link, anna = reach(state)
    link.tell(anna, fact)
    if anna.view.state is CallState.RINGING:  # the handset is down: lift it to replace it
        link.tell(anna, events.HookLifted())
    link.tell(anna, events.HookReplaced())
    assert anna.view.state is CallState.IDLE
    assert (anna.view.authentication_digits, anna.view.codec) == ("", None)
    assert not anna.rings
    for opens, closes in (
        (events.OpenEarpiece, events.CloseEarpiece),
        (events.OpenMicrophone, events.CloseMicrophone),
        (events.PrepareMedia, events.StopMedia),
    ):
        assert len(anna.asked(opens)) == len(anna.asked(closes))
    link.run(60.0)
    assert anna.core.deadline_s() is None


@pytest.mark.parametrize("state", list(CallState))
def test_time_alone_ends_every_state_but_speech_and_a_lifted_handset(state: CallState) -> None:
    link, anna = reach(state)
    link.run(120.0)
    if state is CallState.CONNECTED:
        assert anna.view.state is CallState.CONNECTED
    elif state in (CallState.IDLE, CallState.RINGING):
        assert anna.view.state is CallState.IDLE
    else:
        assert anna.view.state in (CallState.BUSY, CallState.FAILED)
        assert anna.view.reason is not None


def test_pair_that_is_not_in_the_table_is_counted() -> None:
    link, anna = reach(CallState.IDLE)
    assert link.tell(anna, events.MediaLost()) == []
    assert anna.core.ignored == {(CallState.IDLE, "MediaLost"): 1}


def test_bell_goes_on_when_a_hook_that_is_down_is_reported_again() -> None:
    link, anna = reach(CallState.RINGING)
    link.tell(anna, events.HookReplaced())
    assert anna.rings


def test_table_has_a_way_out_of_every_state_with_a_lifted_handset() -> None:
    lifted = set(CallState) - {CallState.IDLE, CallState.RINGING}
    assert {state for state, kind in NEXT if kind is events.HookReplaced} == lifted
    assert not {kind for _, kind in NEXT} & set(IN_ANY_STATE)


def test_end_of_a_call_is_logged_with_its_reason_once() -> None:
    link, anna = reach(CallState.CONNECTED)
    link.tell(anna, events.HookReplaced())
    link.tell(anna, events.HookReplaced())
    link.run(30.0)
    assert [end.reason for end in anna.ended] == [EndReason.HUNG_UP]
