"""The authentication digits: who tells its part when, and that both ends show the same."""

from __future__ import annotations

import random

import pytest

from firmware import events
from firmware.call.commitment import NONCE_BYTES, CalleePart, CallerPart
from firmware.call.session import GIVE_UP_S
from firmware.events.services import AnswerByBox
from firmware.events.strangers import AcceptCall, AskName, RingForName
from firmware.model import CallState
from tests.call.link import Link, Phone, ringing, two_phones

SESSION = b"session."


def digits(phone: Phone) -> str:
    return phone.view.authentication_digits


# --- the two parts -------------------------------------------------------------------------------


def parts() -> tuple[CallerPart, CalleePart]:
    caller = CallerPart(b"a" * NONCE_BYTES, SESSION)
    return caller, CalleePart(b"b" * NONCE_BYTES, SESSION, caller.commitment)


def test_nothing_is_told_before_its_turn() -> None:
    caller, callee = parts()
    assert (caller.reveal, callee.offer, caller.both, callee.both) == (b"", b"", b"", b"")
    assert callee.attend()
    assert not callee.attend()
    assert callee.offer
    assert not caller.reveal
    assert caller.hear(callee.offer)
    assert callee.hear(caller.reveal)
    assert caller.both == callee.both == b"a" * NONCE_BYTES + b"b" * NONCE_BYTES
    assert (caller.offer, callee.reveal, callee.offer) == (b"", b"", b"")  # all is said


def test_nonce_that_comes_again_is_the_same() -> None:
    caller, callee = parts()
    callee.attend()
    offer = callee.offer
    assert caller.hear(offer)
    assert caller.hear(offer)
    assert callee.hear(caller.reveal)
    assert callee.hear(caller.reveal)


def test_callee_cannot_change_its_nonce_when_it_knows_the_callers() -> None:
    caller, _ = parts()
    assert caller.hear(b"1" * NONCE_BYTES)
    before = caller.both
    assert not caller.hear(b"2" * NONCE_BYTES)
    assert caller.both == before


def test_caller_cannot_reveal_what_it_has_not_committed_itself_to() -> None:
    _, callee = parts()
    callee.attend()
    assert not callee.hear(b"x" * NONCE_BYTES)
    assert callee.both == b""


def test_nonce_before_its_turn_is_refused() -> None:
    _, callee = parts()
    assert not callee.hear(b"a" * NONCE_BYTES)


def test_commitment_of_another_session_is_worth_nothing() -> None:
    caller = CallerPart(b"a" * NONCE_BYTES, b"another.")
    callee = CalleePart(b"b" * NONCE_BYTES, SESSION, caller.commitment)
    callee.attend()
    assert caller.hear(callee.offer)
    assert not callee.hear(caller.reveal)


# --- in a call -----------------------------------------------------------------------------------


def test_caller_shows_the_digits_at_the_answer_and_callee_half_a_round_trip_later() -> None:
    link = Link()
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    assert digits(anna) == digits(bert) == ""
    link.tell(bert, events.HookLifted())
    assert (bert.view.state, digits(bert)) == (CallState.CONNECTED, "")  # voice does not wait
    link.run(0.021)
    assert len(digits(anna)) == 4
    assert digits(bert) == ""
    link.run(0.02)
    assert digits(bert) == digits(anna)


def test_digits_are_gone_when_the_call_is_over() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.run(0.1)
    link.tell(anna, events.HookReplaced())
    link.run(0.1)
    assert digits(anna) == digits(bert) == ""
    assert bert.view.state is CallState.FAILED


@pytest.mark.parametrize("seed", range(30))
def test_digits_agree_over_a_line_that_loses_doubles_and_reorders(seed: int) -> None:
    link = Link(seed, loss=0.3, duplication=0.3, delay_s=(0.01, 0.6))
    anna, bert = two_phones(link)
    link.connect(anna, bert)
    link.tell(anna, events.OwnCandidatesFound((), ()))  # UPDATEs on top
    link.tell(bert, events.OwnCandidatesFound((), ()))
    link.run(GIVE_UP_S + 1.0)
    assert len(digits(anna)) == 4, f"seed {seed}"
    assert digits(anna) == digits(bert), f"seed {seed}"
    assert bert.view.state is CallState.CONNECTED


def test_call_that_needs_prack_has_digits() -> None:
    link = Link()
    anna, bert = link.add("Anna", utc_s=None), link.add("Bert")
    link.connect(anna, bert)
    link.run(0.1)
    assert len(digits(anna)) == 4
    assert digits(anna) == digits(bert)


def test_each_call_has_digits_of_its_own() -> None:
    seen = set()
    for seed in range(8):
        link = Link(seed)
        anna, bert = two_phones(link)
        link.connect(anna, bert)
        seen.add(digits(anna))
    assert len(seen) > 6  # all but two of eight differ with a probability of 1 - 3e-6


def test_second_box_with_the_same_key_does_not_disturb_the_digits() -> None:
    link = Link()
    anna, bert = two_phones(link)
    twin = link.add("Bert")
    twin.core._transactions.random_bytes = random.Random(9).randbytes  # its dice are its own
    certificate = bert.person.certificate.encode()
    both = twin.endpoint, bert.endpoint
    link.directory = lambda _, wanted: events.NumberResolved(wanted, certificate, both)
    twin.hash_s = 1.0  # slower: Anna asks the other one meanwhile
    ringing(link, anna, bert)
    link.wait(twin, CallState.RINGING)
    link.tell(bert, events.HookLifted())
    link.tell(twin, events.HookLifted())
    link.run(1.0)
    assert digits(anna) == digits(bert) != ""
    assert digits(twin) == ""


# --- who answers by itself tells nothing ---------------------------------------------------------


def answered_by_box(link: Link) -> tuple[Phone, Phone]:
    anna, bert = two_phones(link)
    ringing(link, anna, bert)
    link.tell(bert, AnswerByBox(bert.view.call))
    link.run(0.2)
    assert anna.view.state is CallState.CONNECTED
    return anna, bert


def test_answering_machine_gives_no_digits_until_somebody_lifts() -> None:
    link = Link()
    anna, bert = answered_by_box(link)
    assert digits(anna) == digits(bert) == ""
    link.tell(bert, events.HookLifted())
    link.run(0.1)
    assert len(digits(anna)) == 4
    assert digits(anna) == digits(bert)


@pytest.mark.parametrize("seed", range(20))
def test_digits_agree_after_the_machine_on_a_bad_line(seed: int) -> None:
    link = Link(seed)
    anna, bert = answered_by_box(link)
    link.loss, link.duplication, link.delay_s = 0.3, 0.3, (0.01, 0.6)
    link.tell(bert, events.HookLifted())
    link.run(0.3)
    link.tell(bert, events.OwnCandidatesFound((), ()))  # another UPDATE before the first's OK
    link.run(GIVE_UP_S + 1.0)
    assert len(digits(anna)) == 4, f"seed {seed}"
    assert digits(anna) == digits(bert), f"seed {seed}"


def test_screening_gives_digits_only_when_somebody_wants_to_talk() -> None:
    link = Link()
    anna, bert = two_phones(link)
    link.verdict = lambda offer: AskName(offer.call)
    link.dial(anna, bert.person.number)
    link.run(1.0)
    call = bert.view.call
    assert anna.view.state is CallState.CONNECTED
    link.tell(bert, RingForName(call))
    link.run(0.2)
    link.tell(bert, events.HookLifted())
    link.run(0.2)
    assert digits(anna) == digits(bert) == ""
    link.tell(bert, AcceptCall(call))
    link.run(0.2)
    assert len(digits(anna)) == 4
    assert digits(anna) == digits(bert)
